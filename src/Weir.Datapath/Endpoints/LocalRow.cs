// SPDX-License-Identifier: Apache-2.0

using System.Net;

namespace Weir.Datapath;

/// <summary>An address of a local endpoint.</summary>
public sealed record LocalRow(IPAddress Address, ushort EndpointId);
