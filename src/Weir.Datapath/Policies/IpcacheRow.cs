// SPDX-License-Identifier: Apache-2.0

using Weir.Net;

namespace Weir.Datapath;

/// <summary>A prefix and who stands behind it.</summary>
/// <param name="NetworkId">An endpoint of another node: this host's number of its network; 0: it is none here.</param>
/// <param name="Node">The node (<see cref="NodeRow.Id"/>) whose endpoint it is; 0: not an endpoint of another node.</param>
public sealed record IpcacheRow(IpPrefix Prefix, Identity Identity, uint NetworkId = 0, ushort Node = 0);
