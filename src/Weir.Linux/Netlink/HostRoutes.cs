// SPDX-License-Identifier: Apache-2.0
namespace Weir.Linux.Netlink;

/// <summary>Reads all routes of the calling thread's network namespace, whoever made them.</summary>
public static class HostRoutes
{
    private const byte FamilyIpv4 = 2;
    private const byte FamilyIpv6 = 10;

    /// <summary>The routes of all tables and both families that lead to a device, a gateway or this host.</summary>
    public static IReadOnlyList<RouteInfo> List()
    {
        using var socket = new NetlinkSocket();
        List<RouteInfo> routes = [];
        foreach (byte family in Ipv6.IsOn ? new[] { FamilyIpv4, FamilyIpv6 } : [FamilyIpv4])
        {
            List<RouteInfo> found = [];
            socket.Dump(
                new NetlinkMessage(RouteMessageType.GetRoute, NetlinkFlags.Dump).Fixed(new RouteMessage { Family = family }),
                "list routes",
                found.Clear,
                (type, payload) =>
                {
                    if (type == RouteMessageType.NewRoute && RouteInfo.Read(payload, family == FamilyIpv6) is { Kind: RouteKind.Unicast or RouteKind.Local } route)
                    {
                        found.Add(route);
                    }
                });
            routes.AddRange(found);
        }

        return routes;
    }
}
