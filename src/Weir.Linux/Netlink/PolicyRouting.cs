// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Weir.Linux.Netlink;

/// <summary>Makes the host take marked packets for its own, whatever their destination.</summary>
public static class PolicyRouting
{
    private const int Loopback = 1;
    private static readonly AddressFamily[] _families = [AddressFamily.InterNetwork, AddressFamily.InterNetworkV6];

    /// <summary>Adds the rule and its table, for IPv4 and IPv6. Nothing happens if they are there.</summary>
    /// <param name="mask">The bits of a packet's mark that count.</param>
    public static void DeliverLocally(uint mark, uint mask, uint table, uint priority)
    {
        using var socket = new NetlinkSocket();
        foreach (AddressFamily family in _families)
        {
            byte number = NumberOf(family);
            socket.Request(
                Route(RouteMessageType.NewRoute, NetlinkFlags.Create | NetlinkFlags.Replace, number, table),
                $"add the local default route of table {table}");
            socket.Request(
                Rule(RouteMessageType.NewRule, NetlinkFlags.Create | NetlinkFlags.Exclusive, number, mark, mask, table, priority),
                $"add the rule for mark 0x{mark:x}",
                [Errno.Exists]);
        }
    }

    /// <summary>Takes both away. Nothing happens if they are gone.</summary>
    public static void Remove(uint mark, uint mask, uint table, uint priority)
    {
        using var socket = new NetlinkSocket();
        foreach (AddressFamily family in _families)
        {
            byte number = NumberOf(family);
            socket.Request(
                Rule(RouteMessageType.DeleteRule, 0, number, mark, mask, table, priority), $"delete the rule for mark 0x{mark:x}", [Errno.NoEntry, Errno.NotSupportedFamily]);
            socket.Request(
                Route(RouteMessageType.DeleteRoute, 0, number, table), $"delete the local default route of table {table}", [Errno.NoSuchProcess, Errno.NotSupportedFamily]);
        }
    }

    private static byte NumberOf(AddressFamily family) => family == AddressFamily.InterNetwork ? (byte)2 : (byte)10;

    private static NetlinkMessage Route(ushort type, ushort flags, byte family, uint table)
    {
        const ushort AttributeOutputInterface = 4;
        const ushort AttributeTable = 15;
        return new NetlinkMessage(type, (ushort)(NetlinkFlags.Ack | flags))
            .Fixed(new RouteMessage { Family = family, Protocol = RouteMessage.ProtocolStatic, Scope = RouteMessage.ScopeHost, Type = RouteMessage.TypeLocal })
            .UInt32(AttributeTable, table)
            .UInt32(AttributeOutputInterface, Loopback);
    }

    private static NetlinkMessage Rule(ushort type, ushort flags, byte family, uint mark, uint mask, uint table, uint priority)
    {
        const ushort AttributePriority = 6;
        const ushort AttributeMark = 10;
        const ushort AttributeTable = 15;
        const ushort AttributeMask = 16;
        return new NetlinkMessage(type, (ushort)(NetlinkFlags.Ack | flags))
            .Fixed(new RuleMessage { Family = family, Action = RuleMessage.ActionToTable })
            .UInt32(AttributePriority, priority)
            .UInt32(AttributeMark, mark)
            .UInt32(AttributeMask, mask)
            .UInt32(AttributeTable, table);
    }

    /// <summary>struct fib_rule_hdr (linux/fib_rules.h).</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct RuleMessage
    {
        internal const byte ActionToTable = 1;
        internal byte Family;
        internal byte DestinationLength;
        internal byte SourceLength;
        internal byte Tos;
        internal byte Table;
        internal byte Reserved1;
        internal byte Reserved2;
        internal byte Action;
        internal uint Flags;
    }
}
