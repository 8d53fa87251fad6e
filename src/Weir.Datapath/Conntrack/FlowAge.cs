// SPDX-License-Identifier: Apache-2.0

using Weir.Datapath.Abi;
using Weir.Net;

namespace Weir.Datapath;

/// <summary>How long flows are kept, as bpf/lib/conntrack.h has it, and which of them go first when room is needed.</summary>
internal static class FlowAge
{
    private const ulong Second = 1_000_000_000;

    /// <summary>A handshake or a question that has had no answer for so long seldom gets one.</summary>
    private const ulong UnansweredNs = 5 * Second;

    /// <summary>Both ends know that it is over, or one has gone.</summary>
    private const ulong ClosingNs = 30 * Second;

    /// <summary>How long after its last packet the flow is over.</summary>
    internal static ulong TimeoutNs(IpProtocol protocol, CtFlag flags) => Second * (ulong)(protocol switch
    {
        IpProtocol.Tcp => Tcp(flags),
        IpProtocol.Udp => (flags & CtFlag.Established) != 0 ? CtTimeout.UdpEstablished : CtTimeout.Udp,
        IpProtocol.Icmp or IpProtocol.Icmpv6 => CtTimeout.Icmp,
        _ => CtTimeout.Other,
    });

    /// <summary>Is the flow one of those that go first?</summary>
    internal static bool IsDispensable(IpProtocol protocol, in CtEntry entry, ulong nowNs)
    {
        ulong mostNs = (entry.Flags & (CtFlag.FinOrigin | CtFlag.FinReply | CtFlag.Closed)) != 0 ? ClosingNs
            : (entry.Flags & CtFlag.Established) == 0 ? UnansweredNs
            : ulong.MaxValue;
        ulong lastNs = entry.ExpiresNs - Math.Min(entry.ExpiresNs, TimeoutNs(protocol, entry.Flags));
        return mostNs != ulong.MaxValue && lastNs + mostNs < nowNs;
    }

    private static CtTimeout Tcp(CtFlag flags)
    {
        const CtFlag fins = CtFlag.FinOrigin | CtFlag.FinReply;
        return (flags & CtFlag.Closed) != 0 && (flags & fins) != fins
                ? (flags & CtFlag.Proxy) != 0 ? CtTimeout.TcpClosing : CtTimeout.TcpReset
            : (flags & fins) != 0 ? CtTimeout.TcpClosing
            : (flags & CtFlag.Established) != 0 ? CtTimeout.TcpEstablished
            : (flags & CtFlag.Replied) != 0 ? CtTimeout.TcpSynReceived
            : CtTimeout.TcpSynSent;
    }
}
