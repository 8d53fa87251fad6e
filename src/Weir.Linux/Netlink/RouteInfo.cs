// SPDX-License-Identifier: Apache-2.0
using Weir.Net;

namespace Weir.Linux.Netlink;

/// <summary>A route of the kernel's tables.</summary>
/// <param name="Ifindex">Where it leads out; 0: nowhere.</param>
public readonly record struct RouteInfo(IpPrefix Destination, uint Table, RouteKind Kind, int Ifindex);
