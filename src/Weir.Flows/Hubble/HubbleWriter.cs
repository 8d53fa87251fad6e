// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Weir.Api;
using Weir.Api.Hubble;
using Weir.Datapath.Abi;
using Weir.Net;
using DropReason = Weir.Datapath.Abi.DropReason;
using Flow = Weir.Api.Hubble.Flow;
using FlowType = Weir.Api.Hubble.FlowType;
using Service = Weir.Api.Hubble.Service;

namespace Weir.Flows.Hubble;

/// <summary>Flows in Hubble's words.</summary>
public sealed class HubbleWriter(IHubbleContext context, FlowDecoder decoder)
{
    // Cilium's kinds of events, and of packets' places.
    internal const int DropEvent = 1;
    internal const int TraceEvent = 4;
    internal const int VerdictEvent = 5;
    internal const int RequestEvent = 129;
    internal const int SocketEvent = 131;
    private const int ToEndpoint = 0;

    public Flow Write(in FlowRecord record)
    {
        Api.Flow own = decoder.Decode(in record);
        Flow flow = Write(own, record.Access is null && own.Source is not null);
        if (record.Access is null)
        {
            Event e = record.Event;
            AddEvent(flow, in e);
            flow.Uuid = UuidOf(MemoryMarshal.AsBytes(new ReadOnlySpan<Event>(in e)));
        }
        else
        {
            flow.Uuid = UuidOf(record.Access.ToByteArray());
        }

        return flow;
    }

    /// <summary>Those that were alike, as one with their number in its summary.</summary>
    public Flow Write(RecordedFlow recorded)
    {
        ArgumentNullException.ThrowIfNull(recorded);
        Flow flow = Write(recorded.Flow, recorded.Flow.Http is null && recorded.Flow.Source is not null);
        if (recorded.Count > 1)
        {
            flow.Summary += string.Create(CultureInfo.InvariantCulture, $"; {recorded.Count} alike until {recorded.Last.ToDateTimeOffset():HH:mm:ss}Z");
        }

        flow.Uuid = UuidOf(recorded.ToByteArray());
        return flow;
    }

    private Flow Write(Api.Flow own, bool isPacket)
    {
        DropReason reason = own.DropReason.Length == 0 ? DropReason.None : DropReasons.All.FirstOrDefault(known => DropReasons.Name(known) == own.DropReason);
        var flow = new Flow
        {
            Time = own.Time,
            Type = own.Type switch { Api.FlowType.L7 => FlowType.L7, Api.FlowType.Tcp => FlowType.Sock, _ => FlowType.L3L4 },
            Verdict = VerdictOf(own),
            NodeName = context.NodeName,
            TrafficDirection = own.Direction switch { "ingress" => TrafficDirection.Ingress, "egress" => TrafficDirection.Egress, _ => TrafficDirection.Unknown },
            IsReply = own.Reply,
            Summary = SummaryOf(own),
            EventType = new CiliumEventType { Type = EventOf(own.Type) },
            Interface = context.PlaceOf(own.EndpointId) is { } place ? new NetworkInterface { Index = place.Index, Name = place.Interface } : null,
        };
        flow.DropReasonDesc = flow.Verdict != Api.Hubble.Verdict.Dropped ? Api.Hubble.DropReason.Unknown
            : own.DropReason.Length == 0 && own.Http is null or { Verdict: "refused" } ? Api.Hubble.DropReason.PolicyDenied : HubbleReasons.Of(reason);
        flow.DropReason = (uint)flow.DropReasonDesc;
        if (own.Source is not null && own.Destination is not null)
        {
            AddEnds(flow, own);
            flow.Ethernet = isPacket && reason is DropReason.None or DropReason.PolicyDenied or DropReason.PolicyDenyRule ? EthernetOf(own) : null;
        }

        AddPlace(flow, own);
        AddPolicy(flow, own);
        AddRequest(flow, own);
        return flow;
    }

    private static Api.Hubble.Verdict VerdictOf(Api.Flow flow) => flow switch
    {
        { Type: Api.FlowType.Drop } => Api.Hubble.Verdict.Dropped,
        { Http.Verdict: "failed" } => Api.Hubble.Verdict.Error,
        { Verdict: "denied" } => Api.Hubble.Verdict.Dropped,
        { Verdict: "audited" } => Api.Hubble.Verdict.Audit,
        _ => Api.Hubble.Verdict.Forwarded,
    };

    private static int EventOf(Api.FlowType type) => type switch
    {
        Api.FlowType.Drop => DropEvent,
        Api.FlowType.Trace => TraceEvent,
        Api.FlowType.Verdict => VerdictEvent,
        Api.FlowType.Tcp => SocketEvent,
        _ => RequestEvent,
    };

    private static void AddEnds(Flow flow, Api.Flow own)
    {
        bool isIpv6 = IPAddress.TryParse(own.Source.Ip.Split('/')[0], out IPAddress? address) && address.AddressFamily == AddressFamily.InterNetworkV6;
        flow.IP = new IP { Source = own.Source.Ip, Destination = own.Destination.Ip, IpVersion = own.Source.Ip.Length == 0 ? IPVersion.IpNotUsed : isIpv6 ? IPVersion.Ipv6 : IPVersion.Ipv4 };
        flow.Source = HubbleEnds.Of(own.Source);
        flow.Destination = HubbleEnds.Of(own.Destination);
        flow.SourceNames.AddRange(HubbleEnds.NamesOf(own.Source));
        flow.DestinationNames.AddRange(HubbleEnds.NamesOf(own.Destination));
        if (own.Service is { } service)
        {
            var shown = new Service { Name = service.Name.Length > 0 ? service.Name : $"{service.Ip}:{service.Port}", Namespace = HubbleEnds.NoProject };
            flow.SourceService = own.Reply ? shown : null;
            flow.DestinationService = own.Reply ? null : shown;
        }

        flow.L4 = PortsOf(own);
    }

    /// <summary>An ICMP message's code is not in a flow: the event has it.</summary>
    private static Layer4? PortsOf(Api.Flow own) => own.Protocol switch
    {
        "tcp" => new Layer4 { TCP = new TCP { SourcePort = own.Source.Port, DestinationPort = own.Destination.Port, Flags = own.TcpFlags.Length == 0 ? null : FlagsOf(own.TcpFlags.Split(',')) } },
        "udp" => new Layer4 { UDP = new UDP { SourcePort = own.Source.Port, DestinationPort = own.Destination.Port } },
        "sctp" => new Layer4 { SCTP = new SCTP { SourcePort = own.Source.Port, DestinationPort = own.Destination.Port } },
        "icmp" => new Layer4 { ICMPv4 = new ICMPv4 { Type = TypeOf(own.Port) } },
        "icmpv6" => new Layer4 { ICMPv6 = new ICMPv6 { Type = TypeOf(own.Port) } },
        _ => null,
    };

    private static TCPFlags FlagsOf(string[] flags) => new()
    {
        FIN = flags.Contains("FIN"),
        SYN = flags.Contains("SYN"),
        RST = flags.Contains("RST"),
        PSH = flags.Contains("PSH"),
        ACK = flags.Contains("ACK"),
        URG = flags.Contains("URG"),
        ECE = flags.Contains("ECE"),
        CWR = flags.Contains("CWR"),
    };

    /// <summary>"icmp type 8".</summary>
    private static uint TypeOf(string port) => uint.TryParse(port.AsSpan(port.LastIndexOf(' ') + 1), out uint type) ? type : 0;

    /// <summary>No other MAC passes than an endpoint's own, on either side.</summary>
    private Ethernet? EthernetOf(Api.Flow own)
    {
        string source = context.PlaceOf(own.Source.EndpointId)?.Mac ?? "", destination = context.PlaceOf(own.Destination.EndpointId)?.Mac ?? "";
        return own.Direction switch
        {
            "egress" when source.Length > 0 => new Ethernet { Source = source },
            "ingress" when destination.Length > 0 => new Ethernet { Destination = destination },
            _ => null,
        };
    }

    private static void AddPlace(Flow flow, Api.Flow own)
    {
        if (own.Type == Api.FlowType.Drop)
        {
            flow.EventType.SubType = (int)flow.DropReason;
        }
        else if (own.Type == Api.FlowType.Trace)
        {
            flow.TraceObservationPoint = own.Direction switch
            {
                "egress" => TraceObservationPoint.FromEndpoint,
                "ingress" => TraceObservationPoint.ToEndpoint,
                _ => TraceObservationPoint.FromNetwork,
            };
            flow.EventType.SubType = flow.TraceObservationPoint == TraceObservationPoint.ToEndpoint ? ToEndpoint : (int)flow.TraceObservationPoint;
        }
    }

    private void AddPolicy(Flow flow, Api.Flow own)
    {
        if (own.Rule is not { } rule)
        {
            return;
        }

        bool isIngress = own.Direction == "ingress";
        bool isDenied = own.Verdict is "denied" or "audited" || own.Type == Api.FlowType.Drop;
        RepeatedField<Api.Hubble.Policy> by = (isIngress, isDenied) switch
        {
            (true, true) => flow.IngressDeniedBy,
            (true, false) => flow.IngressAllowedBy,
            (false, true) => flow.EgressDeniedBy,
            _ => flow.EgressAllowedBy,
        };
        by.Add(context.PolicyOf(rule));
        flow.PolicyMatchType = own.Type == Api.FlowType.Verdict ? context.MatchOf(rule, isIngress) : 0;
    }

    /// <summary>One flow tells of a request and of its answer.</summary>
    private static void AddRequest(Flow flow, Api.Flow own)
    {
        if (own.Http is not { } http)
        {
            return;
        }

        flow.L7 = new Layer7
        {
            Type = L7FlowType.Request,
            LatencyNs = (ulong)(http.LatencyMs * 1_000_000),
            Http = new HTTP { Code = http.Status, Method = http.Method, Url = UrlOf(http), Protocol = http.Protocol },
        };
        if (http.Host.Length > 0)
        {
            flow.L7.Http.Headers.Add(new HTTPHeader { Key = "Host", Value = http.Host });
        }
    }

    private static string UrlOf(HttpAccess http) => http.Path.StartsWith('/') && http.Host.Length > 0 ? $"http://{http.Host}{http.Path}" : http.Path;

    private static string SummaryOf(Api.Flow own)
    {
        if (own.Http is { } http)
        {
            string request = $"{http.Method} {UrlOf(http)}".Trim();
            string answer = http.Status == 0 ? "no answer" : string.Create(CultureInfo.InvariantCulture, $"{http.Status} {http.LatencyMs:F0}ms");
            return Joined($"{http.Protocol} {answer} ({request})".TrimStart(), own.Verdict == "allowed" ? "" : own.Explanation);
        }

        if (own.Type == Api.FlowType.Tcp)
        {
            return own.Tcp is { } tcp ? Measured(tcp) : "TCP connection ended";
        }

        string what = own.TcpFlags.Length > 0 ? $"TCP Flags: {own.TcpFlags.Replace(",", ", ", StringComparison.Ordinal)}" : own.Port.StartsWith("icmp", StringComparison.Ordinal) ? own.Port : own.Protocol.ToUpperInvariant();
        return own.Verdict is "denied" or "audited" || own.DropReason.Length > 0 ? Joined(what, own.DropReasonText, own.Explanation) : what;
    }

    /// <summary>"TCP connection ended by fin: 900 bytes out, 52000 back, round trip 1.5ms, 3 of 40 segments sent again".</summary>
    private static string Measured(TcpConnection tcp)
    {
        string end = tcp.End.Length == 0 ? "open" : $"ended by {tcp.End}";
        string trip = tcp.RoundTripMs == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $", round trip {tcp.RoundTripMs:0.###}ms");
        return $"TCP connection {end}: {tcp.Sent} bytes out, {tcp.Received} back{trip}{(tcp.Retransmits == 0 ? "" : $", {tcp.Retransmits} of {tcp.Segments} segments sent again")}";
    }

    private static string Joined(params string[] parts) => string.Join("; ", parts.Where(part => part.Length > 0).Distinct());

    /// <summary>What the decoded flow does not tell.</summary>
    private static void AddEvent(Flow flow, in Event e)
    {
        uint code = e.Dport.Value & 0xffu;
        if (flow.L4?.ICMPv4 is { } icmp)
        {
            icmp.Code = code;
        }
        else if (flow.L4?.ICMPv6 is { } icmpv6)
        {
            icmpv6.Code = code;
        }

        if (e.Type == EventType.Verdict && e.Verdict == Datapath.Abi.Verdict.Proxy)
        {
            flow.Verdict = Api.Hubble.Verdict.Redirected;
        }
    }

    private string UuidOf(ReadOnlySpan<byte> content)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(System.Text.Encoding.UTF8.GetBytes(context.NodeName));
        hash.AppendData(content);
        byte[] bytes = hash.GetHashAndReset()[..16];
        bytes[6] = (byte)((bytes[6] & 0x0f) | 0x80); // version 8: the maker's own
        bytes[8] = (byte)((bytes[8] & 0x3f) | 0x80);
        return new Guid(bytes, bigEndian: true).ToString();
    }
}
