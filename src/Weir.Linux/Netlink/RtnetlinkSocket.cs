// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Weir.Net;

namespace Weir.Linux.Netlink;

/// <summary>Links, addresses, routes, neighbours and filters of one network namespace: that of the
/// thread that made the object. Safe to use from several threads. Refusals are
/// <see cref="LinuxException"/>s.</summary>
public sealed partial class RtnetlinkSocket : IDisposable
{
    private const ushort LinkAddress = 1; // IFLA_*
    private const ushort LinkName = 3;
    private const ushort LinkMtu = 4;
    private const ushort LinkLink = 5;
    private const ushort LinkMaster = 10;
    private const ushort LinkLinkInfo = 18;
    private const ushort LinkNamespaceFd = 28;
    private const ushort LinkXdp = 43;
    private const ushort XdpAttached = 2;
    private const ushort InfoKind = 1;
    private const ushort InfoData = 2;
    private const ushort VethPeer = 1;
    private const ushort RouteOutputInterface = 4; // RTA_*
    private const ushort AttributeGateway = 5;
    private const ushort RouteMetric = 6;
    private const byte FamilyIpv4 = 2;
    private const byte FamilyIpv6 = 10;

    private readonly NetlinkSocket _socket = new();

    public void Dispose() => _socket.Dispose();

    /// <summary>Makes a veth pair. The first end is up, the peer is left down for who moves it away.</summary>
    /// <returns>The first end's ifindex.</returns>
    public int CreateVeth(string name, string peerName, byte[] mac, byte[] peerMac, int mtu)
    {
        ArgumentNullException.ThrowIfNull(mac);
        ArgumentNullException.ThrowIfNull(peerMac);
        string what = $"create veth {name} with peer {peerName}";
        NetlinkMessage message = new NetlinkMessage(RouteMessageType.NewLink, NetlinkFlags.Ack | NetlinkFlags.Create | NetlinkFlags.Exclusive)
            .Fixed(new LinkMessage { Flags = LinkMessage.FlagUp, Change = LinkMessage.FlagUp })
            .Text(LinkName, name)
            .UInt32(LinkMtu, (uint)mtu)
            .Bytes(LinkAddress, mac);
        int info = message.Begin(LinkLinkInfo);
        message.Text(InfoKind, "veth");
        int data = message.Begin(InfoData);
        int peer = message.Begin(VethPeer);
        message.Fixed(default(LinkMessage))
            .Text(LinkName, peerName)
            .UInt32(LinkMtu, (uint)mtu)
            .Bytes(LinkAddress, peerMac);
        message.End(peer);
        message.End(data);
        message.End(info);
        _socket.Request(message, what);
        return GetLink(name)?.Index ?? throw new LinuxException(Errno.NoDevice, what, "it vanished at once");
    }

    public void SetUp(int ifindex) => _socket.Request(
        new NetlinkMessage(RouteMessageType.NewLink, NetlinkFlags.Ack)
            .Fixed(new LinkMessage { Index = ifindex, Flags = LinkMessage.FlagUp, Change = LinkMessage.FlagUp }),
        $"set interface {ifindex} up");

    public void SetMac(int ifindex, byte[] mac) => _socket.Request(
        new NetlinkMessage(RouteMessageType.NewLink, NetlinkFlags.Ack).Fixed(new LinkMessage { Index = ifindex }).Bytes(LinkAddress, mac),
        $"set the MAC of interface {ifindex}");

    /// <summary>Moves an interface into an open namespace, under a new name if one is given. It comes
    /// out down and without addresses.</summary>
    public void MoveLink(int ifindex, FileDescriptor target, string? newName = null)
    {
        ArgumentNullException.ThrowIfNull(target);
        NetlinkMessage message = new NetlinkMessage(RouteMessageType.NewLink, NetlinkFlags.Ack)
            .Fixed(new LinkMessage { Index = ifindex })
            .UInt32(LinkNamespaceFd, (uint)target.Number);
        if (newName is not null)
        {
            message.Text(LinkName, newName);
        }

        _socket.Request(message, $"move interface {ifindex} to another network namespace");
    }

    /// <summary>Deletes a link, and with it a veth's peer. Nothing happens if there is none.</summary>
    public void DeleteLink(string name) => _socket.Request(
        new NetlinkMessage(RouteMessageType.DeleteLink, NetlinkFlags.Ack).Fixed(default(LinkMessage)).Text(LinkName, name),
        $"delete interface {name}",
        [Errno.NoDevice]);

    /// <summary>The link of that name, or null.</summary>
    public LinkInfo? GetLink(string name)
    {
        LinkInfo? found = null;
        _socket.Request(
            new NetlinkMessage(RouteMessageType.GetLink, NetlinkFlags.Ack).Fixed(default(LinkMessage)).Text(LinkName, name),
            $"look up interface {name}",
            [Errno.NoDevice],
            (_, payload) => found = ReadLink(payload));
        return found;
    }

    /// <summary>Where an interface runs an XDP program: 1 in its driver, 2 in the stack; 0: it has none.</summary>
    public byte GetXdpAttachment(int ifindex)
    {
        byte attached = 0;
        _socket.Request(
            new NetlinkMessage(RouteMessageType.GetLink, NetlinkFlags.Ack).Fixed(new LinkMessage { Index = ifindex }),
            $"look up interface {ifindex}",
            [],
            (_, payload) => attached = ReadXdp(payload));
        return attached;
    }

    public IReadOnlyList<LinkInfo> ListLinks()
    {
        List<LinkInfo> links = [];
        _socket.Dump(
            new NetlinkMessage(RouteMessageType.GetLink, NetlinkFlags.Dump).Fixed(default(LinkMessage)),
            "list interfaces",
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

    /// <summary>Gives an interface an address. Nothing happens if it has it already.</summary>
    public void AddAddress(IPAddress address, int prefixLength, int ifindex)
    {
        ArgumentNullException.ThrowIfNull(address);
        const ushort AttributeAddress = 1;
        const ushort AttributeLocal = 2;
        const byte NoDuplicateDetection = 2;
        byte[] bytes = address.GetAddressBytes();
        _socket.Request(
            new NetlinkMessage(RouteMessageType.NewAddress, NetlinkFlags.Ack | NetlinkFlags.Create | NetlinkFlags.Replace)
                .Fixed(new AddressMessage
                {
                    Family = FamilyOf(address),
                    PrefixLength = (byte)prefixLength,
                    Flags = NoDuplicateDetection,
                    Index = ifindex,
                })
                .Bytes(AttributeLocal, bytes)
                .Bytes(AttributeAddress, bytes),
            $"add address {address}/{prefixLength} to interface {ifindex}");
    }

    /// <summary>Takes an address from an interface. Nothing happens if it, or the interface, is gone.</summary>
    public void DeleteAddress(IPAddress address, int prefixLength, int ifindex)
    {
        ArgumentNullException.ThrowIfNull(address);
        const ushort AttributeLocal = 2;
        _socket.Request(
            new NetlinkMessage(RouteMessageType.DeleteAddress, NetlinkFlags.Ack)
                .Fixed(new AddressMessage { Family = FamilyOf(address), PrefixLength = (byte)prefixLength, Index = ifindex })
                .Bytes(AttributeLocal, address.GetAddressBytes()),
            $"delete address {address}/{prefixLength} from interface {ifindex}",
            [Errno.AddressNotAvailable, Errno.NoDevice, Errno.NotSupported, Errno.NotSupportedFamily]);
    }

    /// <summary>All addresses of all interfaces, both families.</summary>
    public IReadOnlyList<AddressInfo> ListAddresses()
    {
        List<AddressInfo> addresses = [];
        _socket.Dump(
            new NetlinkMessage(RouteMessageType.GetAddress, NetlinkFlags.Dump).Fixed(default(AddressMessage)),
            "list addresses",
            addresses.Clear,
            (type, payload) =>
            {
                if (type == RouteMessageType.NewAddress && ReadAddress(payload) is { } address)
                {
                    addresses.Add(address);
                }
            });
        return addresses;
    }

    /// <summary>Adds, or replaces, a route straight onto a link.</summary>
    /// <param name="source">The address of this host's that what it sends there itself comes from; null: the kernel
    /// takes any.</param>
    public void AddRoute(IpPrefix dst, int ifindex, IPAddress? source = null)
    {
        const ushort AttributePreferredSource = 7;
        NetlinkMessage route = Route(RouteMessageType.NewRoute, NetlinkFlags.Create | NetlinkFlags.Replace, dst, RouteMessage.ScopeLink)
            .UInt32(RouteOutputInterface, (uint)ifindex);
        if (source is not null)
        {
            route.Bytes(AttributePreferredSource, source.GetAddressBytes());
        }

        _socket.Request(route, $"add route {dst} on interface {ifindex}");
    }

    /// <summary>Adds, or replaces, a route through a gateway that is reached on the link.</summary>
    public void AddRoute(IpPrefix dst, IPAddress gateway, int ifindex)
    {
        ArgumentNullException.ThrowIfNull(gateway);
        _socket.Request(
            Route(RouteMessageType.NewRoute, NetlinkFlags.Create | NetlinkFlags.Replace, dst, 0).UInt32(RouteOutputInterface, (uint)ifindex)
                .Bytes(AttributeGateway, gateway.GetAddressBytes()),
            $"add route {dst} through {gateway} on interface {ifindex}");
    }

    /// <summary>Adds, or replaces, a route through a gateway, by whichever link the host reaches it.</summary>
    public void AddRoute(IpPrefix dst, IPAddress gateway)
    {
        ArgumentNullException.ThrowIfNull(gateway);
        _socket.Request(
            Route(RouteMessageType.NewRoute, NetlinkFlags.Create | NetlinkFlags.Replace, dst, 0).Bytes(AttributeGateway, gateway.GetAddressBytes()),
            $"add route {dst} through {gateway}");
    }

    /// <summary>Deletes it. Nothing happens if it is gone.</summary>
    public void DeleteRoute(IpPrefix dst, IPAddress gateway)
    {
        ArgumentNullException.ThrowIfNull(gateway);
        _socket.Request(
            Route(RouteMessageType.DeleteRoute, 0, dst, RouteMessage.ScopeNowhere).Bytes(AttributeGateway, gateway.GetAddressBytes()),
            $"delete route {dst} through {gateway}",
            [Errno.NoSuchProcess, Errno.NoDevice]);
    }

    /// <summary>Deletes a route. Nothing happens if it, or the interface, is gone.</summary>
    public void DeleteRoute(IpPrefix dst, int ifindex) => _socket.Request(
        Route(RouteMessageType.DeleteRoute, 0, dst, RouteMessage.ScopeNowhere).UInt32(RouteOutputInterface, (uint)ifindex),
        $"delete route {dst} on interface {ifindex}",
        [Errno.NoSuchProcess, Errno.NoDevice]);

    /// <summary>Adds a route that answers "unreachable" to what no longer route takes, beside any other to the same
    /// destination. Nothing happens if it is there.</summary>
    /// <param name="metric">Tells it from routes of others.</param>
    public void AddUnreachable(IpPrefix dst, uint metric) => _socket.Request(
        Route(RouteMessageType.NewRoute, NetlinkFlags.Create | NetlinkFlags.Exclusive, dst, 0, RouteMessage.TypeUnreachable).UInt32(RouteMetric, metric),
        $"add unreachable route {dst}",
        [Errno.Exists]);

    /// <summary>Deletes that route and no other. Nothing happens if it is gone.</summary>
    public void DeleteUnreachable(IpPrefix dst, uint metric) => _socket.Request(
        Route(RouteMessageType.DeleteRoute, 0, dst, RouteMessage.ScopeNowhere, RouteMessage.TypeUnreachable).UInt32(RouteMetric, metric),
        $"delete unreachable route {dst}",
        [Errno.NoSuchProcess, Errno.NotSupported, Errno.NotSupportedFamily]);

    /// <summary>Adds, or replaces, a permanent neighbour.</summary>
    public void AddNeighbour(IPAddress address, byte[] mac, int ifindex)
    {
        ArgumentNullException.ThrowIfNull(address);
        const ushort AttributeDestination = 1;
        const ushort AttributeLinkAddress = 2;
        _socket.Request(
            new NetlinkMessage(RouteMessageType.NewNeighbour, NetlinkFlags.Ack | NetlinkFlags.Create | NetlinkFlags.Replace)
                .Fixed(new NeighbourMessage { Family = FamilyOf(address), Index = ifindex, State = NeighbourMessage.StatePermanent })
                .Bytes(AttributeDestination, address.GetAddressBytes())
                .Bytes(AttributeLinkAddress, mac),
            $"add neighbour {address} on interface {ifindex}");
    }

    private static NetlinkMessage Route(ushort type, ushort flags, IpPrefix dst, byte scope, byte routeType = RouteMessage.TypeUnicast)
    {
        const ushort AttributeDestination = 1;
        NetlinkMessage message = new NetlinkMessage(type, (ushort)(NetlinkFlags.Ack | flags))
            .Fixed(new RouteMessage
            {
                Family = FamilyOf(dst.Address),
                DestinationLength = (byte)dst.Length,
                Table = RouteMessage.TableMain,
                Protocol = type == RouteMessageType.NewRoute ? RouteMessage.ProtocolKernel : (byte)0,
                Scope = scope,
                Type = type == RouteMessageType.NewRoute || routeType != RouteMessage.TypeUnicast ? routeType : (byte)0,
            });
        if (dst.Length > 0)
        {
            message.Bytes(AttributeDestination, dst.Masked.Address.GetAddressBytes());
        }

        return message;
    }

    private static LinkInfo ReadLink(ReadOnlySpan<byte> payload)
    {
        LinkMessage fixedPart = MemoryMarshal.Read<LinkMessage>(payload);
        string name = "";
        byte[] mac = [];
        int mtu = 0;
        int peer = 0;
        int master = 0;
        string? kind = null;
        var attributes = new AttributeReader(payload[16..]);
        while (attributes.MoveNext())
        {
            switch (attributes.Type)
            {
                case LinkName:
                    name = attributes.Text;
                    break;
                case LinkAddress:
                    mac = attributes.Value.ToArray();
                    break;
                case LinkMtu:
                    mtu = (int)attributes.UInt32;
                    break;
                case LinkLink:
                    peer = (int)attributes.UInt32;
                    break;
                case LinkMaster:
                    master = (int)attributes.UInt32;
                    break;
                case LinkLinkInfo:
                    kind = ReadKind(attributes.Value);
                    break;
                default:
                    break;
            }
        }

        return new LinkInfo(
            fixedPart.Index, name, mac, mtu, (fixedPart.Flags & LinkMessage.FlagUp) != 0, kind, peer, master, (LinkType)fixedPart.Type);
    }

    private static byte ReadXdp(ReadOnlySpan<byte> payload)
    {
        var attributes = new AttributeReader(payload[16..]);
        while (attributes.MoveNext())
        {
            if (attributes.Type == LinkXdp)
            {
                var xdp = new AttributeReader(attributes.Value);
                while (xdp.MoveNext())
                {
                    if (xdp.Type == XdpAttached)
                    {
                        return xdp.Value[0];
                    }
                }
            }
        }

        return 0;
    }

    private static string? ReadKind(ReadOnlySpan<byte> bytes)
    {
        var attributes = new AttributeReader(bytes);
        while (attributes.MoveNext())
        {
            if (attributes.Type == InfoKind)
            {
                return attributes.Text;
            }
        }

        return null;
    }

    private static AddressInfo? ReadAddress(ReadOnlySpan<byte> payload)
    {
        const ushort AttributeAddress = 1;
        const ushort AttributeLocal = 2;
        AddressMessage fixedPart = MemoryMarshal.Read<AddressMessage>(payload);
        IPAddress? address = null;
        var attributes = new AttributeReader(payload[8..]);
        while (attributes.MoveNext())
        {
            // On a point-to-point link IFA_ADDRESS is the other end's: IFA_LOCAL wins.
            if (attributes.Type == AttributeLocal || (attributes.Type == AttributeAddress && address is null))
            {
                address = new IPAddress(attributes.Value);
            }
        }

        return address is null ? null : new AddressInfo(fixedPart.Index, address, fixedPart.PrefixLength, fixedPart.Scope);
    }

    private static byte FamilyOf(IPAddress address) => address.AddressFamily == AddressFamily.InterNetworkV6 ? FamilyIpv6 : FamilyIpv4;
}
