// SPDX-License-Identifier: Apache-2.0
namespace Weir.Linux.Netlink;

/// <summary>What a route does with a packet (enum in linux/rtnetlink.h, RTN_*).</summary>
public enum RouteKind : byte
{
    Unicast = 1,
    Local = 2,
    Broadcast = 3,
    Anycast = 4,
    Multicast = 5,
    Blackhole = 6,
    Unreachable = 7,
    Prohibit = 8,
}
