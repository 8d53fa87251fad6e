// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf.WellKnownTypes;
using Weir.Api;
using Weir.Datapath.Abi;
using Weir.Linux;
using Weir.Net;

namespace Weir.Flows;

/// <summary>Turns the datapath's events into flows with names.</summary>
public sealed class FlowDecoder(IFlowContext context, TimeProvider time)
{
    private const ushort EtherTypeIpv4 = 0x0800;
    private const ushort EtherTypeIpv6 = 0x86dd;
    private static readonly string[] _tcpFlags = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];

    public Flow Decode(in FlowRecord record)
    {
        Flow flow = record.Access is { } access ? Decode(access) : Decode(record.Event);
        if (record.Tcp is { } tcp)
        {
            flow.Tcp = Read(tcp.Event);
        }

        return flow;
    }

    /// <summary>A connection, of whom the rest of the flow tells.</summary>
    private static TcpConnection Read(in TcpEvent e) => new()
    {
        End = e.End switch
        {
            TcpEnd.None => "",
            TcpEnd.Fin => "fin",
            TcpEnd.ResetByOpener => "reset-by-opener",
            TcpEnd.ResetByOther => "reset-by-other",
            TcpEnd.Refused => "refused",
            TcpEnd.TimedOut => "timed-out",
            TcpEnd.Unreachable => "unreachable",
            _ => "abandoned",
        },
        Sent = e.Sent,
        Received = e.Received,
        HandshakeMs = e.HandshakeUs / 1000.0,
        RoundTripMs = e.RttUs / 1000.0,
        Segments = e.Segments,
        Retransmits = e.Retransmits,
        Seconds = (e.Flow.TimeNs - e.OpenedNs) / 1e9,
        Accepted = e.Accepted != 0,
        Proxied = e.Flow.Verdict == Verdict.Proxy,
    };

    public Flow Decode(in Event e)
    {
        bool isIp = e.EtherType.Value is EtherTypeIpv4 or EtherTypeIpv6;
        var protocol = (IpProtocol)e.Protocol;
        bool dropped = e.DropReason != DropReason.None && e.Verdict != Verdict.Audit;
        var flow = new Flow
        {
            Time = Timestamp.FromDateTimeOffset(WallClock(e.TimeNs)),
            Type = (FlowType)e.Type,
            Verdict = e.Verdict switch
            {
                Verdict.Allow or Verdict.Proxy => "allowed",
                Verdict.Deny => "denied",
                Verdict.Audit => "audited",
                _ => "",
            },
            Direction = e.Direction.ToString().ToLowerInvariant(),
            DropReason = dropped ? DropReasons.Name(e.DropReason) : "",
            DropReasonText = dropped ? DropReasons.Explain(e.DropReason) : "",
            Protocol = isIp ? protocol.Name() : $"ether 0x{e.EtherType.Value:x4}",
            Port = isIp ? PortText(protocol, e.IsReply != 0 ? e.Sport.Value : e.Dport.Value) : "",
            TcpFlags = protocol == IpProtocol.Tcp ? FlagText(e.TcpFlags) : "",
            Reply = e.IsReply != 0,
            Length = e.Length,
            EndpointId = e.EndpointId,
            EndpointName = context.EndpointName(e.EndpointId) ?? "",
            Rule = e.RuleId == 0 ? null : context.FindRule(e.RuleId),
            Service = e.FrontendId == 0 ? null : context.FindService(e.FrontendId),
            Explanation = context.Explain(in e),
        };
        if (isIp)
        {
            bool hasPorts = protocol is not (IpProtocol.Icmp or IpProtocol.Icmpv6);

            // Addresses are the packet's, identities the flow's: who opened it, and to whom.
            (uint identity, ushort endpoint) opener = (e.SrcIdentity, e.SrcEndpoint);
            (uint identity, ushort endpoint) other = (e.DstIdentity, e.DstEndpoint);
            var (source, destination) = e.IsReply != 0 ? (other, opener) : (opener, other);
            flow.Source = End(in e.Src, hasPorts ? e.Sport.Value : (ushort)0, source.identity, source.endpoint);
            flow.Destination = End(in e.Dst, hasPorts ? e.Dport.Value : (ushort)0, destination.identity, destination.endpoint);
        }

        return flow;
    }

    private Flow Decode(ProxyAccess access)
    {
        ushort judge = (ushort)(access.Ingress || access.SourceEndpoint == 0 ? access.DestinationEndpoint : access.SourceEndpoint);
        var flow = new Flow
        {
            Time = Timestamp.FromDateTimeOffset(DateTimeOffset.UnixEpoch.AddMicroseconds(access.TimeUs)),
            Type = FlowType.L7,
            Verdict = access.Verdict switch
            {
                AccessVerdict.Allowed => "allowed",
                AccessVerdict.Audited => "audited",
                _ => "denied",
            },
            Direction = judge == access.DestinationEndpoint ? "ingress" : "egress",
            Protocol = "tcp",
            Port = PortText(IpProtocol.Tcp, (ushort)access.DestinationPort),
            EndpointId = judge,
            EndpointName = context.EndpointName(judge) ?? "",
            Rule = access.RuleId == 0 ? null : context.FindRule(access.RuleId),
            Source = End(access.Source.Span, access.SourcePort, access.SourceIdentity, access.SourceEndpoint),
            Destination = End(access.Destination.Span, access.DestinationPort, access.DestinationIdentity, access.DestinationEndpoint),
            Http = new HttpAccess
            {
                Method = access.Method,
                Path = access.Path,
                Host = access.Host,
                Protocol = access.Protocol,
                Status = access.Status,
                Verdict = access.Verdict.ToString().ToLowerInvariant(),
                RequestBytes = access.RequestBytes,
                ResponseBytes = access.ResponseBytes,
                LatencyMs = access.LatencyUs / 1000.0,
                Detail = access.Detail,
            },
        };
        flow.Explanation = flow.Rule is { } rule ? $"rule {rule.Name} at {rule.File}:{rule.Line}" : access.Policy != 0 && context.ExplainHttpPolicy(access.Policy) is { Length: > 0 } text ? text : access.Detail;
        if (access.Verdict == AccessVerdict.Audited)
        {
            flow.Explanation = $"would be refused: {flow.Explanation}";
        }

        return flow;
    }

    /// <summary>"80/tcp", "icmp type 8"; nothing for a protocol without ports.</summary>
    internal static string PortText(IpProtocol protocol, ushort port) => protocol switch
    {
        IpProtocol.Tcp or IpProtocol.Udp or IpProtocol.Sctp => $"{port}/{protocol.Name()}",
        IpProtocol.Icmp or IpProtocol.Icmpv6 => $"{protocol.Name()} type {port >> 8}",
        _ => "",
    };

    private static string FlagText(byte flags) =>
        string.Join(',', _tcpFlags.Where((_, bit) => (flags & (1 << bit)) != 0));

    private FlowEnd End(ReadOnlySpan<byte> address, uint port, uint identity, uint endpointId) =>
        End(address.Length is 4 or 16 ? new System.Net.IPAddress(address) : System.Net.IPAddress.None, (ushort)port, identity, (ushort)endpointId);

    private FlowEnd End(in IpAddr address, ushort port, uint identity, ushort endpointId) => End(address.ToIPAddress(), port, identity, endpointId);

    private FlowEnd End(System.Net.IPAddress address, ushort port, uint identity, ushort endpointId)
    {
        var end = new FlowEnd
        {
            Ip = address.ToString(),
            Port = port,
            Identity = identity,
            EndpointId = endpointId,
            Name = (endpointId != 0 ? context.EndpointName(endpointId) : new Identity(identity).IsLabelSet ? context.RemoteName(address) : null) ?? "",
        };
        end.Labels.AddRange(context.Labels(new Identity(identity)));
        return end;
    }

    /// <summary>Events carry CLOCK_MONOTONIC: it has no date, and the wall clock can jump.</summary>
    private DateTimeOffset WallClock(ulong monotonicNs)
    {
        long ago = (long)(Clock.MonotonicNs() - monotonicNs);
        return time.GetUtcNow().AddTicks(-ago / TimeSpan.NanosecondsPerTick);
    }
}
