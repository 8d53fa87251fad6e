// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Runtime.InteropServices;
using Weir.Net;

namespace Weir.Linux.Netlink;

/// <summary>Reads all routes of the calling thread's network namespace, whoever made them.</summary>
public static class HostRoutes
{
    private const byte FamilyIpv4 = 2;
    private const byte FamilyIpv6 = 10;
    private const int FixedPart = 12;

    /// <summary>The routes of all tables and both families that lead to a device, a gateway or this host.</summary>
    public static IReadOnlyList<HostRoute> List()
    {
        using var socket = new NetlinkSocket();
        List<HostRoute> routes = [];
        foreach (byte family in Ipv6.IsOn ? new[] { FamilyIpv4, FamilyIpv6 } : [FamilyIpv4])
        {
            List<HostRoute> found = [];
            socket.Dump(
                new NetlinkMessage(RouteMessageType.GetRoute, NetlinkFlags.Dump).Fixed(new RouteMessage { Family = family }),
                "list routes",
                found.Clear,
                (type, payload) =>
                {
                    if (type == RouteMessageType.NewRoute && Read(payload) is { } route)
                    {
                        found.Add(route);
                    }
                });
            routes.AddRange(found);
        }

        return routes;
    }

    private static HostRoute? Read(ReadOnlySpan<byte> payload)
    {
        const ushort AttributeDestination = 1;
        const ushort AttributeOutputInterface = 4;
        const ushort AttributeGateway = 5;
        const ushort AttributeTable = 15;
        RouteMessage fixedPart = MemoryMarshal.Read<RouteMessage>(payload);
        if (fixedPart.Type is not (RouteMessage.TypeUnicast or RouteMessage.TypeLocal))
        {
            return null;
        }

        IPAddress destination = fixedPart.Family == FamilyIpv6 ? IPAddress.IPv6Any : IPAddress.Any;
        IPAddress? gateway = null;
        int ifindex = 0;
        uint table = fixedPart.Table;
        var attributes = new AttributeReader(payload[FixedPart..]);
        while (attributes.MoveNext())
        {
            switch (attributes.Type)
            {
                case AttributeDestination:
                    destination = new IPAddress(attributes.Value);
                    break;
                case AttributeOutputInterface:
                    ifindex = (int)attributes.UInt32;
                    break;
                case AttributeGateway:
                    gateway = new IPAddress(attributes.Value);
                    break;
                case AttributeTable:
                    table = attributes.UInt32;
                    break;
                default:
                    break;
            }
        }

        return new HostRoute(new IpPrefix(destination, fixedPart.DestinationLength), ifindex, gateway, table, fixedPart.Type == RouteMessage.TypeLocal);
    }
}
