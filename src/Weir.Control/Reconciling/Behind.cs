// SPDX-License-Identifier: Apache-2.0

using Weir.Net;

namespace Weir.Control.Reconciling;

/// <summary>Who is behind a prefix.</summary>
/// <param name="NetworkId">Of an endpoint of another node: this host's number of its network; 0: it has none here.</param>
/// <param name="Node">The datapath's number of that node; 0: it is none's endpoint.</param>
internal sealed record Behind(Identity Identity, uint NetworkId = 0, ushort Node = 0);
