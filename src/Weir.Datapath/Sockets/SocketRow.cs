// SPDX-License-Identifier: Apache-2.0

using System.Net;

namespace Weir.Datapath;

/// <summary>A socket that was given a backend.</summary>
/// <param name="Cookie">The kernel's number for it.</param>
/// <param name="Namespace">The cookie of its network namespace.</param>
/// <param name="FrontendId">What it asked for.</param>
public sealed record SocketRow(ulong Cookie, ulong Namespace, uint FrontendId, IPAddress Backend, ushort Port);
