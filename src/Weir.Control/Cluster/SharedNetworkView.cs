// SPDX-License-Identifier: Apache-2.0

using Weir.Net;

namespace Weir.Control.Cluster;

/// <summary>A network over all nodes, for people.</summary>
/// <param name="Blocks">Which node gives addresses from which part.</param>
public sealed record SharedNetworkView(NetworkRecord Network, IReadOnlyList<(IpPrefix Block, string Node)> Blocks, int Endpoints);
