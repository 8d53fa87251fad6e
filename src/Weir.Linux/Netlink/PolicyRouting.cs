// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;

namespace Weir.Linux.Netlink;

/// <summary>Makes the host take marked packets for its own, whatever their destination: a rule, and a table with one
/// local route. Both have the protocol "kernel", so that managers of the network leave them alone.</summary>
public static class PolicyRouting
{
    private const int Loopback = 1;
    private const ushort AttributeProtocol = 21;

    /// <summary>Adds the rule. Nothing happens if it is there.</summary>
    public static void AddRule(RuleInfo rule)
    {
        using var socket = new NetlinkSocket();

        // One that differs only in its protocol may be there.
        Delete(socket, rule);
        socket.Request(
            Rule(RouteMessageType.NewRule, NetlinkFlags.Create | NetlinkFlags.Exclusive, rule).Bytes(AttributeProtocol, [RouteMessage.ProtocolKernel]),
            $"add the rule for mark 0x{rule.Mark:x}",
            [Errno.Exists]);
    }

    /// <summary>Makes a table deliver everything to this host. Nothing happens if it does.</summary>
    public static void AddLocalDefault(bool ipv6, uint table)
    {
        using var socket = new NetlinkSocket();
        socket.Request(Route(RouteMessageType.NewRoute, NetlinkFlags.Create | NetlinkFlags.Replace, ipv6, table), $"add the local default route of table {table}");
    }

    /// <summary>Takes the rule and its table's route away. Nothing happens if they are gone.</summary>
    public static void Remove(RuleInfo rule)
    {
        using var socket = new NetlinkSocket();
        Delete(socket, rule);
        socket.Request(
            Route(RouteMessageType.DeleteRoute, 0, rule.IsIpv6, rule.Table),
            $"delete the local default route of table {rule.Table}",
            [Errno.NoSuchProcess, Errno.NoEntry, Errno.NotSupported, Errno.NotSupportedFamily]);
    }

    private static void Delete(NetlinkSocket socket, RuleInfo rule) => socket.Request(
        Rule(RouteMessageType.DeleteRule, 0, rule), $"delete the rule for mark 0x{rule.Mark:x}", [Errno.NoEntry, Errno.NotSupported, Errno.NotSupportedFamily]);

    private static NetlinkMessage Route(ushort type, ushort flags, bool ipv6, uint table)
    {
        const ushort AttributeOutputInterface = 4;
        const ushort AttributeTable = 15;
        return new NetlinkMessage(type, (ushort)(NetlinkFlags.Ack | flags))
            .Fixed(new RouteMessage
            {
                Family = NumberOf(ipv6),
                Protocol = type == RouteMessageType.NewRoute ? RouteMessage.ProtocolKernel : (byte)0,
                Scope = type == RouteMessageType.NewRoute ? RouteMessage.ScopeHost : RouteMessage.ScopeNowhere,
                Type = RouteMessage.TypeLocal,
            })
            .UInt32(AttributeTable, table)
            .UInt32(AttributeOutputInterface, Loopback);
    }

    private static NetlinkMessage Rule(ushort type, ushort flags, RuleInfo rule)
    {
        const ushort AttributePriority = 6;
        const ushort AttributeMark = 10;
        const ushort AttributeTable = 15;
        const ushort AttributeMask = 16;
        return new NetlinkMessage(type, (ushort)(NetlinkFlags.Ack | flags))
            .Fixed(new RuleMessage { Family = NumberOf(rule.IsIpv6), Action = RuleMessage.ActionToTable })
            .UInt32(AttributePriority, rule.Priority)
            .UInt32(AttributeMark, rule.Mark)
            .UInt32(AttributeMask, rule.Mask)
            .UInt32(AttributeTable, rule.Table);
    }

    private static byte NumberOf(bool ipv6) => ipv6 ? (byte)10 : (byte)2;

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
