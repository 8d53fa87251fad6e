// SPDX-License-Identifier: Apache-2.0

using Weir.Net;

namespace Weir.Control.Cluster;

/// <summary>A piece of a shared network's range, from which one node gives addresses.</summary>
internal sealed record BlockRecord(string Network, IpPrefix Block, string Node);
