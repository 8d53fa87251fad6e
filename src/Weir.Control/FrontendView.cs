// SPDX-License-Identifier: Apache-2.0

using Weir.Services;

namespace Weir.Control;

/// <summary>A frontend, and what went through it.</summary>
/// <param name="Packets">From clients, seen at a device.</param>
/// <param name="Connects">Connections that sockets of this host began.</param>
public sealed record FrontendView(Frontend Address, uint Id, ulong Packets, ulong Bytes, ulong Connects);
