// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Weir.Linux.Netlink;

/// <summary>Asks the kernel's routes and neighbours of the namespace of the thread that made it.</summary>
public sealed class NextHopFinder : IDisposable
{
    private const ushort RouteDestination = 1; // RTA_*
    private const ushort RouteOutputInterface = 4;
    private const ushort RouteGateway = 5;
    private const ushort RoutePreferredSource = 7;
    private const ushort NeighbourDestination = 1; // NDA_*
    private const ushort NeighbourLinkAddress = 2;
    private const ushort LinkAddress = 1; // IFLA_ADDRESS
    private const int LinkHeader = 16;
    private const int RouteHeader = 12;
    private const int NeighbourHeader = 12;

    private readonly NetlinkSocket _socket = new();

    public void Dispose() => _socket.Dispose();

    /// <summary>Whether an address is on a segment with this host: the route there has no gateway.</summary>
    public bool IsOnLink(IPAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        return FindRoute(address) is { Gateway: null };
    }

    /// <summary>Finds the way to an address; asks the neighbour for its MAC where that is not known.</summary>
    /// <returns>Null: there is no route, or the address is the host's own.</returns>
    public NextHop? Find(IPAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        byte family = FamilyOf(address);
        if (FindRoute(address) is not { Source: { } source } route)
        {
            return null;
        }

        (int ifindex, IPAddress? gateway, _) = route;
        if (FindOwnMac(ifindex) is not { } own)
        {
            return null;
        }

        IPAddress neighbour = gateway ?? address;
        byte[]? mac = FindMac(family, neighbour, ifindex, out bool isFresh);
        if (!isFresh)
        {
            Solicit(family, neighbour, ifindex);
        }

        return new NextHop(ifindex, source, own, mac);
    }

    private static byte FamilyOf(IPAddress address) => address.AddressFamily == AddressFamily.InterNetworkV6 ? (byte)10 : (byte)2;

    /// <returns>Null: there is none, or it does not lead out by one device.</returns>
    private (int Ifindex, IPAddress? Gateway, IPAddress? Source)? FindRoute(IPAddress address)
    {
        int ifindex = 0;
        byte type = 0;
        IPAddress? gateway = null;
        IPAddress? source = null;
        int error = _socket.Request(
            new NetlinkMessage(RouteMessageType.GetRoute, NetlinkFlags.Ack)
                .Fixed(new RouteMessage { Family = FamilyOf(address), DestinationLength = (byte)(address.GetAddressBytes().Length * 8) })
                .Bytes(RouteDestination, address.GetAddressBytes()),
            $"find the route to {address}",
            [Errno.NetworkUnreachable, Errno.HostUnreachable, Errno.Invalid, Errno.NoEntry, Errno.AccessDenied],
            (_, payload) =>
            {
                type = MemoryMarshal.Read<RouteMessage>(payload).Type;
                var attributes = new AttributeReader(payload[RouteHeader..]);
                while (attributes.MoveNext())
                {
                    switch (attributes.Type)
                    {
                        case RouteOutputInterface:
                            ifindex = (int)attributes.UInt32;
                            break;
                        case RouteGateway:
                            gateway = new IPAddress(attributes.Value);
                            break;
                        case RoutePreferredSource:
                            source = new IPAddress(attributes.Value);
                            break;
                        default:
                            break;
                    }
                }
            });
        return error != 0 || type != RouteMessage.TypeUnicast || ifindex == 0 ? null : (ifindex, gateway, source);
    }

    private byte[]? FindOwnMac(int ifindex)
    {
        byte[]? mac = null;
        _socket.Request(
            new NetlinkMessage(RouteMessageType.GetLink, NetlinkFlags.Ack).Fixed(new LinkMessage { Index = ifindex }),
            $"look up interface {ifindex}",
            [Errno.NoDevice],
            (_, payload) =>
            {
                var attributes = new AttributeReader(payload[LinkHeader..]);
                while (attributes.MoveNext())
                {
                    if (attributes.Type == LinkAddress)
                    {
                        mac = attributes.Value.ToArray();
                    }
                }
            });
        return mac;
    }

    /// <param name="isFresh">The neighbour was heard of lately, or is set for ever.</param>
    private byte[]? FindMac(byte family, IPAddress neighbour, int ifindex, out bool isFresh)
    {
        byte[]? mac = null;
        ushort state = 0;
        _socket.Request(
            new NetlinkMessage(RouteMessageType.GetNeighbour, NetlinkFlags.Ack)
                .Fixed(new NeighbourMessage { Family = family, Index = ifindex })
                .Bytes(NeighbourDestination, neighbour.GetAddressBytes()),
            $"look up neighbour {neighbour}",
            [Errno.NoEntry],
            (_, payload) =>
            {
                state = MemoryMarshal.Read<NeighbourMessage>(payload).State;
                var attributes = new AttributeReader(payload[NeighbourHeader..]);
                while (attributes.MoveNext())
                {
                    if ((state & NeighbourMessage.StateKnown) != 0 && attributes.Type == NeighbourLinkAddress)
                    {
                        mac = attributes.Value.ToArray();
                    }
                }
            });
        isFresh = (state & NeighbourMessage.StateFresh) != 0;
        return mac;
    }

    /// <summary>Makes the kernel ask, as if a packet were to be sent.</summary>
    private void Solicit(byte family, IPAddress neighbour, int ifindex) => _socket.Request(
        new NetlinkMessage(RouteMessageType.NewNeighbour, NetlinkFlags.Ack | NetlinkFlags.Create | NetlinkFlags.Replace)
            .Fixed(new NeighbourMessage { Family = family, Index = ifindex, Flags = NeighbourMessage.FlagUse })
            .Bytes(NeighbourDestination, neighbour.GetAddressBytes()),
        $"ask for neighbour {neighbour}",
        [Errno.Invalid, Errno.NoDevice]);
}
