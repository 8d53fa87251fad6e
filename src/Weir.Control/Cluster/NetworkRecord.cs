// SPDX-License-Identifier: Apache-2.0

using Weir.Net;

namespace Weir.Control.Cluster;

/// <summary>A network over all nodes.</summary>
/// <param name="Ranges">One of a family at most.</param>
/// <param name="IsInternal">Neither hosts nor the outside world.</param>
/// <param name="Mtu">Null: each agent's default.</param>
public sealed record NetworkRecord(string Name, IReadOnlyList<IpPrefix> Ranges, bool IsInternal, int? Mtu);
