// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;

namespace Weir.Linux.Netlink;

/// <summary>A number that is another after each change of nftables' rules in this network namespace.</summary>
public static class NetfilterGeneration
{
    /// <returns>Null: this kernel has no nftables.</returns>
    public static uint? Read()
    {
        const int Netfilter = 12; // NETLINK_NETFILTER
        const ushort GetGeneration = (10 << 8) | 16; // NFNL_SUBSYS_NFTABLES, NFT_MSG_GETGEN
        const ushort AttributeId = 1;
        uint? generation = null;
        try
        {
            using var socket = new NetlinkSocket(protocol: Netfilter);
            socket.Request(
                new NetlinkMessage(GetGeneration, NetlinkFlags.Ack).Fixed(default(NetfilterMessage)),
                "ask for nftables' generation",
                [Errno.Invalid, Errno.NotSupported],
                (_, payload) =>
                {
                    var attributes = new AttributeReader(payload[4..]);
                    while (attributes.MoveNext())
                    {
                        if (attributes.Type == AttributeId)
                        {
                            generation = BinaryPrimitives.ReadUInt32BigEndian(attributes.Value);
                        }
                    }
                });
        }
        catch (LinuxException)
        {
            // No such family of netlink.
        }

        return generation;
    }
}
