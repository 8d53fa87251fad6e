// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Weir.Net;

namespace Weir.Linux.Netlink;

/// <summary>Reads whole tables of one network namespace, that of the thread that made the object, for
/// comparison: links with their settings, routes, rules, neighbours. Safe to use from several threads.</summary>
public sealed class RtnetlinkTables : IDisposable
{
    private const byte FamilyIpv4 = 2;
    private const byte FamilyIpv6 = 10;
    private const byte TableLocal = 255;

    private readonly NetlinkSocket _socket = new();

    public void Dispose() => _socket.Dispose();

    public IReadOnlyList<LinkState> Links()
    {
        const ushort AttributeFilter = 29; // IFLA_EXT_MASK
        const uint SkipStatistics = 8;
        List<LinkState> links = [];
        _socket.Dump(
            new NetlinkMessage(RouteMessageType.GetLink, NetlinkFlags.Dump).Fixed(default(LinkMessage)).UInt32(AttributeFilter, SkipStatistics),
            "list interfaces with their settings",
            links.Clear,
            (type, payload) =>
            {
                if (type == RouteMessageType.NewLink)
                {
                    links.Add(ReadLink(payload));
                }
            });
        return links;
    }

    /// <summary>The routes of one table that Weir or the kernel itself made (protocol "kernel"): others' are many, and
    /// nobody asks for them.</summary>
    public IReadOnlyList<RouteInfo> Routes(bool ipv6, uint table)
    {
        const ushort AttributeTable = 15;
        List<RouteInfo> routes = [];
        TryDump(
            new NetlinkMessage(RouteMessageType.GetRoute, NetlinkFlags.Dump)
                .Fixed(new RouteMessage { Family = Family(ipv6), Protocol = RouteMessage.ProtocolKernel })
                .UInt32(AttributeTable, table),
            $"list routes of table {table}",
            routes.Clear,
            (type, payload) =>
            {
                if (type == RouteMessageType.NewRoute && RouteInfo.Read(payload, ipv6) is var route && route.Table == table)
                {
                    routes.Add(route);
                }
            });
        return routes;
    }

    /// <summary>Every address that the host takes for its own, both families: of interfaces, by local routes alone, and
    /// broadcast and anycast addresses.</summary>
    public IReadOnlyList<RouteInfo> LocalRoutes() =>
    [
        .. Routes("list the host's own addresses", new RouteMessage { Table = TableLocal }, 0)
            .Where(route => route.Kind is RouteKind.Local or RouteKind.Broadcast or RouteKind.Anycast),
    ];

    /// <summary>The routes, of any table, by which packets leave through an interface.</summary>
    public IReadOnlyList<RouteInfo> RoutesThrough(int ifindex) =>
        Routes($"list the routes through interface {ifindex}", new RouteMessage { Type = RouteMessage.TypeUnicast }, ifindex);

    /// <summary>The rules that choose a table by mark.</summary>
    public IReadOnlyList<RuleInfo> Rules(bool ipv6)
    {
        List<RuleInfo> rules = [];
        TryDump(
            new NetlinkMessage(RouteMessageType.GetRule, NetlinkFlags.Dump).Fixed(new RouteMessage { Family = Family(ipv6) }),
            "list rules",
            rules.Clear,
            (type, payload) =>
            {
                if (type == RouteMessageType.NewRule)
                {
                    rules.Add(ReadRule(payload, ipv6));
                }
            });
        return rules;
    }

    public IReadOnlyList<NeighbourInfo> Neighbours(bool ipv6)
    {
        List<NeighbourInfo> neighbours = [];
        TryDump(
            new NetlinkMessage(RouteMessageType.GetNeighbour, NetlinkFlags.Dump).Fixed(new NeighbourMessage { Family = Family(ipv6) }),
            "list neighbours",
            neighbours.Clear,
            (type, payload) =>
            {
                if (type == RouteMessageType.NewNeighbour && ReadNeighbour(payload) is { } neighbour)
                {
                    neighbours.Add(neighbour);
                }
            });
        return neighbours;
    }

    /// <param name="through">0: any interface.</param>
    private List<RouteInfo> Routes(string what, RouteMessage filter, int through)
    {
        const ushort AttributeOutputInterface = 4;
        List<RouteInfo> all = [];
        foreach (bool ipv6 in (ReadOnlySpan<bool>)[false, true])
        {
            filter.Family = Family(ipv6);
            NetlinkMessage message = new NetlinkMessage(RouteMessageType.GetRoute, NetlinkFlags.Dump).Fixed(filter);
            if (through != 0)
            {
                message.UInt32(AttributeOutputInterface, (uint)through);
            }

            List<RouteInfo> routes = [];
            TryDump(message, what, routes.Clear, (type, payload) =>
            {
                if (type == RouteMessageType.NewRoute)
                {
                    routes.Add(RouteInfo.Read(payload, ipv6));
                }
            });
            all.AddRange(routes);
        }

        return all;
    }

    /// <summary>A table that is not there, or a family that the kernel does not have, is empty.</summary>
    private void TryDump(NetlinkMessage message, string what, Action restart, NetlinkSocket.MessageHandler handler)
    {
        try
        {
            _socket.Dump(message, what, restart, handler);
        }
        catch (LinuxException e) when (e.Number is Errno.NoEntry or Errno.NotSupported or Errno.NotSupportedFamily)
        {
            restart();
        }
    }

    private static LinkState ReadLink(ReadOnlySpan<byte> payload)
    {
        const ushort AttributeAddress = 1;
        const ushort AttributeName = 3;
        const ushort AttributeFamilies = 26; // IFLA_AF_SPEC
        const ushort AttributeXdp = 43;
        const ushort XdpProgramId = 4;
        LinkMessage fixedPart = MemoryMarshal.Read<LinkMessage>(payload);
        string name = "";
        byte[] mac = [];
        uint xdp = 0;
        int[] ipv4 = [];
        int[] ipv6 = [];
        var attributes = new AttributeReader(payload[16..]);
        while (attributes.MoveNext())
        {
            switch (attributes.Type)
            {
                case AttributeAddress:
                    mac = attributes.Value.ToArray();
                    break;
                case AttributeName:
                    name = attributes.Text;
                    break;
                case AttributeFamilies:
                    // IFLA_INET_CONF is 1, IFLA_INET6_CONF 2.
                    ipv4 = MemoryMarshal.Cast<byte, int>(Nested(Nested(attributes.Value, FamilyIpv4), 1)).ToArray();
                    ipv6 = MemoryMarshal.Cast<byte, int>(Nested(Nested(attributes.Value, FamilyIpv6), 2)).ToArray();
                    break;
                case AttributeXdp:
                    ReadOnlySpan<byte> id = Nested(attributes.Value, XdpProgramId);
                    xdp = id.Length == sizeof(uint) ? MemoryMarshal.Read<uint>(id) : 0;
                    break;
                default:
                    break;
            }
        }

        return new LinkState(fixedPart.Index, name, mac, (fixedPart.Flags & LinkMessage.FlagUp) != 0, xdp) { Ipv4Settings = ipv4, Ipv6Settings = ipv6 };
    }

    private static ReadOnlySpan<byte> Nested(ReadOnlySpan<byte> bytes, ushort type)
    {
        var attributes = new AttributeReader(bytes);
        while (attributes.MoveNext())
        {
            if (attributes.Type == type)
            {
                return attributes.Value;
            }
        }

        return [];
    }

    private static RuleInfo ReadRule(ReadOnlySpan<byte> payload, bool ipv6)
    {
        const ushort AttributePriority = 6;
        const ushort AttributeMark = 10;
        const ushort AttributeTable = 15;
        const ushort AttributeMask = 16;
        const ushort AttributeProtocol = 21;
        uint priority = 0;
        uint mark = 0;
        uint mask = 0;
        byte protocol = 0;
        uint table = MemoryMarshal.Read<RouteMessage>(payload).Table;
        var attributes = new AttributeReader(payload[12..]);
        while (attributes.MoveNext())
        {
            switch (attributes.Type)
            {
                case AttributePriority:
                    priority = attributes.UInt32;
                    break;
                case AttributeMark:
                    mark = attributes.UInt32;
                    break;
                case AttributeMask:
                    mask = attributes.UInt32;
                    break;
                case AttributeProtocol:
                    protocol = attributes.Value[0];
                    break;
                case AttributeTable:
                    table = attributes.UInt32;
                    break;
                default:
                    break;
            }
        }

        return new RuleInfo(ipv6, priority, mark, mask, table, protocol == RouteMessage.ProtocolKernel);
    }

    private static NeighbourInfo? ReadNeighbour(ReadOnlySpan<byte> payload)
    {
        const ushort AttributeDestination = 1;
        const ushort AttributeLinkAddress = 2;
        NeighbourMessage fixedPart = MemoryMarshal.Read<NeighbourMessage>(payload);
        IPAddress? address = null;
        string mac = "";
        var attributes = new AttributeReader(payload[12..]);
        while (attributes.MoveNext())
        {
            if (attributes.Type == AttributeDestination)
            {
                address = new IPAddress(attributes.Value);
            }
            else if (attributes.Type == AttributeLinkAddress)
            {
                mac = Convert.ToHexStringLower(attributes.Value);
            }
        }

        return address is null
            ? null
            : new NeighbourInfo(fixedPart.Index, address, mac, (fixedPart.State & NeighbourMessage.StatePermanent) != 0);
    }

    private static byte Family(bool ipv6) => ipv6 ? FamilyIpv6 : FamilyIpv4;
}
