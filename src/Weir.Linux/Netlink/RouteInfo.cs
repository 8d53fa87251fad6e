// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Runtime.InteropServices;
using Weir.Net;

namespace Weir.Linux.Netlink;

/// <summary>A route of the kernel's tables.</summary>
/// <param name="Ifindex">Where it leads out; 0: nowhere, or by several devices.</param>
/// <param name="Gateway">Null: there is none, or several.</param>
public sealed record RouteInfo(IpPrefix Destination, uint Table, RouteKind Kind, int Ifindex, IPAddress? Gateway = null)
{
    private const int FixedPart = 12;

    /// <summary>struct rtmsg and its attributes (linux/rtnetlink.h).</summary>
    internal static RouteInfo Read(ReadOnlySpan<byte> payload, bool ipv6)
    {
        const ushort AttributeDestination = 1;
        const ushort AttributeOutputInterface = 4;
        const ushort AttributeGateway = 5;
        const ushort AttributeTable = 15;
        RouteMessage fixedPart = MemoryMarshal.Read<RouteMessage>(payload);
        IPAddress destination = ipv6 ? IPAddress.IPv6Any : IPAddress.Any;
        IPAddress? gateway = null;
        uint table = fixedPart.Table;
        int ifindex = 0;
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

        return new RouteInfo(new IpPrefix(destination, fixedPart.DestinationLength), table, (RouteKind)fixedPart.Type, ifindex, gateway);
    }
}
