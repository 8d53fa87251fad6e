// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;

namespace Weir.Linux.Netlink;

/// <summary>The kernel's IPsec policies in this network namespace: what it encrypts, and what it takes only encrypted.</summary>
public static class IpsecPolicies
{
    /// <summary>Whether there are any but sockets' own.</summary>
    /// <exception cref="LinuxException">The kernel says nothing of them.</exception>
    public static bool HaveAny()
    {
        const int Xfrm = 6; // NETLINK_XFRM
        const ushort GetInfo = 0x25; // XFRM_MSG_GETSPDINFO
        const ushort AttributeCounts = 1; // XFRMA_SPD_INFO
        bool any = false;
        try
        {
            using var socket = new NetlinkSocket(protocol: Xfrm);
            socket.Request(
                new NetlinkMessage(GetInfo, NetlinkFlags.Ack).Fixed(0u),
                "count IPsec policies",
                default,
                (_, payload) =>
                {
                    var attributes = new AttributeReader(payload[sizeof(uint)..]);
                    while (attributes.MoveNext())
                    {
                        if (attributes.Type == AttributeCounts)
                        {
                            Counts counts = MemoryMarshal.Read<Counts>(attributes.Value);
                            any |= (counts.In | counts.Out | counts.Forward) != 0;
                        }
                    }
                });
        }
        catch (LinuxException e) when (e.Number == Errno.ProtocolNotSupported)
        {
            // A kernel without IPsec.
        }

        return any;
    }

    /// <summary>The start of struct xfrmu_spdinfo.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Counts
    {
        internal uint In;
        internal uint Out;
        internal uint Forward;
    }
}
