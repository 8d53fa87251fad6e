// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Weir.Net;

namespace Weir.Linux.Netlink;

/// <summary>A table of nftables that gives packets the host's address as they leave. It is told to the kernel by netlink: no
/// program is needed, and nobody else's table is touched.</summary>
public static class MasqueradeTable
{
    private const int Netfilter = 12; // NETLINK_NETFILTER
    private const ushort Nftables = 10; // NFNL_SUBSYS_NFTABLES
    private const string Chain = "postrouting";
    private const ushort ListElement = 1; // NFTA_LIST_ELEM
    private const uint Register = 1; // NFT_REG_1

    /// <summary>enum nf_tables_msg_types.</summary>
    private enum Message
    {
        NewTable = 0,
        GetTable = 1,
        DeleteTable = 2,
        NewChain = 3,
        NewRule = 6,
        GetRule = 7,
    }

    /// <summary>enum nft_cmp_ops.</summary>
    private enum Comparison
    {
        Equal = 0,
        NotEqual = 1,
    }

    /// <summary>Puts rules in place of those that are there, all at once.</summary>
    /// <param name="masqueraded">Senders that get the host's address.</param>
    /// <param name="untranslated">Towards these they keep theirs.</param>
    /// <param name="devices">So do they where they leave by a device whose name begins so.</param>
    /// <exception cref="LinuxException">The kernel refuses, or has no nftables.</exception>
    public static void Replace(string table, bool ipv6, IEnumerable<IpPrefix> masqueraded, IEnumerable<IpPrefix> untranslated, string devices)
    {
        ArgumentNullException.ThrowIfNull(masqueraded);
        ArgumentNullException.ThrowIfNull(untranslated);
        Change($"make nftables' table {table}",
        [
            // Deleted, it need be there; then made anew.
            Table(Message.NewTable, table, ipv6), Table(Message.DeleteTable, table, ipv6), Table(Message.NewTable, table, ipv6),
            PostroutingChain(table, ipv6),
            .. untranslated.Select(prefix => Rule(table, ipv6, rule =>
            {
                Compare(rule, prefix, isSource: false);
                Return(rule);
            })),
            .. masqueraded.Select(prefix => Rule(table, ipv6, rule =>
            {
                Compare(rule, prefix, isSource: true);
                CompareDevice(rule, devices);
                Expression(rule, "masq", _ => { });
            })),
        ]);
    }

    /// <summary>Takes it away, where it is.</summary>
    /// <exception cref="LinuxException">The kernel refuses.</exception>
    public static void Remove(string table, bool ipv6)
    {
        if (Picture(table, ipv6).Length > 0)
        {
            Change($"delete nftables' table {table}", [Table(Message.NewTable, table, ipv6), Table(Message.DeleteTable, table, ipv6)]);
        }
    }

    /// <summary>What of it is there, as text that is the same as long as nobody changes it; empty: nothing.</summary>
    public static string Picture(string table, bool ipv6)
    {
        const ushort TableHandle = 4, RuleTable = 1, RuleHandle = 3;
        StringBuilder picture = new();
        try
        {
            using var socket = new NetlinkSocket(protocol: Netfilter);
            socket.Request(Table(Message.GetTable, table, ipv6, NetlinkFlags.Ack), "look for a table of nftables", [Errno.NoEntry, Errno.Invalid, Errno.NotSupported],
                (_, payload) => Append(payload, TableHandle, "table "));
            if (picture.Length == 0)
            {
                return "";
            }

            // The number of a rule is another one once it is replaced.
            int length = picture.Length;
            socket.Dump(Begin(Message.GetRule, ipv6, NetlinkFlags.Dump).Text(RuleTable, table), "list nftables' rules", () => picture.Length = length,
                (_, payload) => Append(payload, RuleHandle, "rule "));
        }
        catch (LinuxException)
        {
            // This kernel has no nftables.
        }

        return picture.ToString();

        void Append(ReadOnlySpan<byte> payload, ushort attribute, string what)
        {
            var attributes = new AttributeReader(payload[4..]);
            while (attributes.MoveNext())
            {
                if (attributes.Type == attribute)
                {
                    picture.Append(CultureInfo.InvariantCulture, $"{what}{(ipv6 ? "ip6" : "ip")} {BinaryPrimitives.ReadUInt64BigEndian(attributes.Value)}\n");
                }
            }
        }
    }

    private static void Change(string what, IReadOnlyList<NetlinkMessage> messages)
    {
        const ushort BatchBegin = 16, BatchEnd = 17; // NFNL_MSG_BATCH_BEGIN, _END
        NetfilterMessage mark = new() { Resource = BinaryPrimitives.ReverseEndianness(Nftables) };
        using var socket = new NetlinkSocket(protocol: Netfilter);
        socket.Batch([new NetlinkMessage(BatchBegin, 0).Fixed(mark), .. messages, new NetlinkMessage(BatchEnd, 0).Fixed(mark)], what);
    }

    private static NetlinkMessage Begin(Message message, bool ipv6, ushort flags)
    {
        const byte Ipv4Family = 2, Ipv6Family = 10; // NFPROTO_IPV4, NFPROTO_IPV6
        return new NetlinkMessage((ushort)((Nftables << 8) | (ushort)message), flags).Fixed(new NetfilterMessage { Family = ipv6 ? Ipv6Family : Ipv4Family });
    }

    private static NetlinkMessage Table(Message message, string name, bool ipv6, ushort flags = NetlinkFlags.Create | NetlinkFlags.Ack) =>
        Begin(message, ipv6, flags).Text(1, name); // NFTA_TABLE_NAME

    private static NetlinkMessage PostroutingChain(string table, bool ipv6)
    {
        const uint Postrouting = 4, SourceNat = 100; // NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC
        NetlinkMessage chain = Begin(Message.NewChain, ipv6, NetlinkFlags.Create | NetlinkFlags.Ack).Text(1, table).Text(3, Chain).Text(7, "nat");
        int hook = chain.Begin(4);
        chain.BigEndian(1, Postrouting).BigEndian(2, SourceNat).End(hook);
        return chain;
    }

    private static NetlinkMessage Rule(string table, bool ipv6, Action<NetlinkMessage> write)
    {
        NetlinkMessage rule = Begin(Message.NewRule, ipv6, NetlinkFlags.Create | NetlinkFlags.Append | NetlinkFlags.Ack).Text(1, table).Text(2, Chain);
        int expressions = rule.Begin(4);
        write(rule);
        rule.End(expressions);
        return rule;
    }

    private static void Expression(NetlinkMessage rule, string name, Action<NetlinkMessage> write)
    {
        int element = rule.Begin(ListElement);
        int data = rule.Text(1, name).Begin(2);
        write(rule);
        rule.End(data);
        rule.End(element);
    }

    /// <summary>Goes on with packets that have such an address.</summary>
    private static void Compare(NetlinkMessage rule, IpPrefix prefix, bool isSource)
    {
        const uint NetworkHeader = 1; // NFT_PAYLOAD_NETWORK_HEADER
        byte[] address = prefix.Masked.Address.GetAddressBytes();
        // Of struct iphdr and struct ipv6hdr.
        uint offset = (prefix.IsIpv6, isSource) switch { (false, true) => 12, (false, false) => 16, (true, true) => 8, (true, false) => 24 };
        Expression(rule, "payload", data => data.BigEndian(1, Register).BigEndian(2, NetworkHeader).BigEndian(3, offset).BigEndian(4, (uint)address.Length));
        if (!prefix.IsSingleAddress)
        {
            byte[] mask = [.. address.Select((_, i) => (byte)(0xff << (8 - Math.Clamp(prefix.Length - (i * 8), 0, 8))))];
            Expression(rule, "bitwise", data =>
            {
                data.BigEndian(1, Register).BigEndian(2, Register).BigEndian(3, (uint)address.Length);
                Value(data, 4, mask);
                Value(data, 5, new byte[address.Length]);
            });
        }

        Compare(rule, Comparison.Equal, address);
    }

    /// <summary>Goes on with packets that leave by a device whose name begins otherwise.</summary>
    private static void CompareDevice(NetlinkMessage rule, string beginning)
    {
        const uint OutputName = 7; // NFT_META_OIFNAME
        Expression(rule, "meta", data => data.BigEndian(1, Register).BigEndian(2, OutputName));
        Compare(rule, Comparison.NotEqual, Encoding.ASCII.GetBytes(beginning)); // so many bytes of it, and no end
    }

    private static void Compare(NetlinkMessage rule, Comparison comparison, byte[] value) => Expression(rule, "cmp", data =>
    {
        data.BigEndian(1, Register).BigEndian(2, (uint)comparison);
        Value(data, 3, value);
    });

    private static void Return(NetlinkMessage rule) => Expression(rule, "immediate", data =>
    {
        const uint VerdictRegister = 0; // NFT_REG_VERDICT
        int value = data.BigEndian(1, VerdictRegister).Begin(2);
        int verdict = data.Begin(2); // NFTA_DATA_VERDICT
        data.BigEndian(1, unchecked((uint)-5)).End(verdict); // NFT_RETURN
        data.End(value);
    });

    private static void Value(NetlinkMessage data, ushort attribute, byte[] value)
    {
        int start = data.Begin(attribute);
        data.Bytes(1, value).End(start); // NFTA_DATA_VALUE
    }
}
