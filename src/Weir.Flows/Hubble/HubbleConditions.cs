// SPDX-License-Identifier: Apache-2.0

using System.IO.Enumeration;
using System.Net;
using Google.Protobuf.Collections;
using Weir.Api.Hubble;
using Weir.Http.Patterns;
using Weir.Net;
using Weir.Policy;
using Wanted = Weir.Api.Hubble.FlowFilter;

namespace Weir.Flows.Hubble;

/// <summary>One filter of Hubble's as conditions that must all hold.</summary>
internal static class HubbleConditions
{
    private static readonly string[] _otherProtocols = ["dns", "kafka", "igmp", "vrrp"];

    /// <exception cref="FormatException">It cannot be understood.</exception>
    internal static Predicate<Flow>[] Of(Wanted filter)
    {
        if (filter.Experimental?.CelExpression.Count > 0)
        {
            throw new FormatException("experimental.cel_expression is not supported: use the other filters");
        }

        return
        [
            .. Ends(filter),
            .. Any(filter.Uuid, uuid => flow => flow.Uuid == uuid),
            .. Any(filter.Verdict, verdict => flow => flow.Verdict == verdict),
            .. Any(filter.DropReasonDesc, reason => flow => flow.DropReasonDesc == reason),
            .. Any(filter.EventType, type => flow => flow.EventType.Type == type.Type && (!type.MatchSubType || flow.EventType.SubType == type.SubType)),
            .. Any(filter.TrafficDirection, direction => flow => flow.TrafficDirection == direction),
            .. Any(filter.Reply, reply => flow => flow.IsReply == reply),
            .. Any(filter.IpVersion, version => flow => (flow.IP?.IpVersion ?? IPVersion.IpNotUsed) == version),
            .. Any(filter.Protocol, Protocol),
            .. Any(filter.SourcePort, text => Port(text, flow => PortsOf(flow).Source)),
            .. Any(filter.DestinationPort, text => Port(text, flow => PortsOf(flow).Destination)),
            .. Any(filter.TcpFlags, wanted => flow => flow.L4?.TCP?.Flags is { } flags && HasAll(flags, wanted)),
            .. Any(filter.HttpStatusCode, Status),
            .. Any(filter.HttpMethod, method => flow => string.Equals(flow.L7?.Http?.Method, method, StringComparison.OrdinalIgnoreCase)),
            .. Any(filter.HttpPath, pattern => Pattern(pattern, flow => flow.L7?.Http is { } http ? PathOf(http.Url) : null)),
            .. Any(filter.HttpUrl, pattern => Pattern(pattern, flow => flow.L7?.Http?.Url)),
            .. Any(filter.HttpHeader, wanted => flow => flow.L7?.Http?.Headers.Any(header => string.Equals(header.Key, wanted.Key, StringComparison.OrdinalIgnoreCase) && header.Value == wanted.Value) == true),
            .. Any(filter.NodeName, Node),
            .. Any(filter.Interface, wanted => flow => flow.Interface is { } own && (wanted.Index == 0 || own.Index == wanted.Index) && (wanted.Name.Length == 0 || own.Name == wanted.Name)),
            .. Any(filter.Encrypted, encrypted => _ => !encrypted),

            // Weir knows of none: nothing has one of them.
            .. Any(filter.DnsQuery, _ => _ => false),
            .. Any(filter.TraceId, _ => _ => false),
            .. Any(filter.IpTraceId, _ => _ => false),
            .. Any(filter.NodeLabels, _ => _ => false),
            .. Any(filter.SourceIpXlated, _ => _ => false),
        ];
    }

    private static IEnumerable<Predicate<Flow>> Ends(Wanted filter) =>
    [
        .. Any(filter.SourceIp, text => Address(text, flow => flow.IP?.Source)),
        .. Any(filter.DestinationIp, text => Address(text, flow => flow.IP?.Destination)),
        .. Any(filter.SourcePod, text => Named(text, flow => (flow.Source?.Namespace, flow.Source?.PodName))),
        .. Any(filter.DestinationPod, text => Named(text, flow => (flow.Destination?.Namespace, flow.Destination?.PodName))),
        .. Any(filter.SourceService, text => Named(text, flow => (flow.SourceService?.Namespace, flow.SourceService?.Name))),
        .. Any(filter.DestinationService, text => Named(text, flow => (flow.DestinationService?.Namespace, flow.DestinationService?.Name))),
        .. Any(filter.SourceFqdn, text => Domain(text, flow => flow.SourceNames)),
        .. Any(filter.DestinationFqdn, text => Domain(text, flow => flow.DestinationNames)),
        .. Any(filter.SourceLabel, text => Labels(text, flow => flow.Source)),
        .. Any(filter.DestinationLabel, text => Labels(text, flow => flow.Destination)),
        .. Any(filter.SourceIdentity, identity => flow => flow.Source?.Identity == identity),
        .. Any(filter.DestinationIdentity, identity => flow => flow.Destination?.Identity == identity),
        .. Any(filter.SourceWorkload, wanted => flow => Has(flow.Source, wanted)),
        .. Any(filter.DestinationWorkload, wanted => flow => Has(flow.Destination, wanted)),
        .. Any(filter.SourceClusterName, name => flow => flow.Source?.ClusterName == name),
        .. Any(filter.DestinationClusterName, name => flow => flow.Destination?.ClusterName == name),
    ];

    /// <summary>Without a value there is no condition.</summary>
    private static IEnumerable<Predicate<Flow>> Any<T>(RepeatedField<T> values, Func<T, Predicate<Flow>> condition)
    {
        if (values.Count > 0)
        {
            Predicate<Flow>[] conditions = [.. values.Select(condition)];
            yield return flow => Array.Exists(conditions, one => one(flow));
        }
    }

    private static Predicate<Flow> Address(string text, Func<Flow, string?> of)
    {
        if (!IpPrefix.TryParse(text, out IpPrefix? prefix))
        {
            throw new FormatException($"\"{text}\" is neither an address nor a range such as 10.0.0.0/8");
        }

        // A recorded flow of many addresses has a range.
        return flow => of(flow) is { } own && IPAddress.TryParse(own.Split('/')[0], out IPAddress? address) && prefix.Contains(address);
    }

    /// <summary>"project/start", "project/", "start".</summary>
    private static Predicate<Flow> Named(string text, Func<Flow, (string? Namespace, string? Name)> of)
    {
        string[] parts = text.Split('/');
        if (parts.Length > 2 || text.Length == 0 || text == "/")
        {
            throw new FormatException($"\"{text}\" is no name: write project/name, project/ or name");
        }

        string? project = parts.Length == 2 && parts[0].Length > 0 ? parts[0] : null;
        return flow => of(flow) is { Name: { Length: > 0 } name } own && name.StartsWith(parts[^1], StringComparison.Ordinal) && (project is null || own.Namespace == project);
    }

    private static Predicate<Flow> Domain(string text, Func<Flow, IEnumerable<string>> of)
    {
        string pattern = text.TrimEnd('.');
        return pattern.Length == 0 ? throw new FormatException($"\"{text}\" is no name") : flow => of(flow).Any(name => Fits(pattern, name));
    }

    private static Predicate<Flow> Labels(string text, Func<Flow, Endpoint?> of)
    {
        var selector = new LabelSelector(text);
        return flow => of(flow) is { } end && selector.Matches([.. end.Labels.Select(Label.Parse)]);
    }

    private static bool Has(Endpoint? end, Workload wanted) =>
        end is not null && end.Workloads.Any(own => (wanted.Name.Length == 0 || own.Name == wanted.Name) && (wanted.Kind.Length == 0 || own.Kind == wanted.Kind));

    private static Predicate<Flow> Protocol(string text)
    {
        string wanted = text.ToLowerInvariant();
        return wanted switch
        {
            "tcp" => flow => flow.L4?.TCP is not null,
            "udp" => flow => flow.L4?.UDP is not null,
            "sctp" => flow => flow.L4?.SCTP is not null,
            "icmpv4" => flow => flow.L4?.ICMPv4 is not null,
            "icmpv6" => flow => flow.L4?.ICMPv6 is not null,
            "icmp" => flow => flow.L4?.ICMPv4 is not null || flow.L4?.ICMPv6 is not null,
            "http" => flow => flow.L7?.Http is not null,
            _ when _otherProtocols.Contains(wanted) => _ => false,
            _ => throw new FormatException($"\"{text}\" is no protocol that can be asked for: tcp, udp, sctp, icmp, icmpv4, icmpv6, http"),
        };
    }

    private static Predicate<Flow> Port(string text, Func<Flow, uint?> of) =>
        ushort.TryParse(text, out ushort port) ? flow => of(flow) == port : throw new FormatException($"\"{text}\" is no port");

    private static (uint? Source, uint? Destination) PortsOf(Flow flow) => flow.L4 switch
    {
        { TCP: { } tcp } => (tcp.SourcePort, tcp.DestinationPort),
        { UDP: { } udp } => (udp.SourcePort, udp.DestinationPort),
        { SCTP: { } sctp } => (sctp.SourcePort, sctp.DestinationPort),
        _ => (null, null),
    };

    private static bool HasAll(TCPFlags own, TCPFlags wanted) =>
        (own.FIN || !wanted.FIN) && (own.SYN || !wanted.SYN) && (own.RST || !wanted.RST) && (own.PSH || !wanted.PSH) && (own.ACK || !wanted.ACK)
        && (own.URG || !wanted.URG) && (own.ECE || !wanted.ECE) && (own.CWR || !wanted.CWR) && (own.NS || !wanted.NS);

    /// <summary>"404", or how it begins: "4+", "40+".</summary>
    private static Predicate<Flow> Status(string text)
    {
        string digits = text.TrimEnd('+');
        bool isStart = text.EndsWith('+');
        if (!digits.All(char.IsAsciiDigit) || digits is not [>= '1' and <= '5', ..] || text.Length - digits.Length > 1 || (isStart ? digits.Length > 2 : digits.Length != 3))
        {
            throw new FormatException($"\"{text}\" is no status: write 404, or 4+ for all that begin so");
        }

        return flow => flow.L7?.Http is { Code: > 0 } http && $"{http.Code}" is var code && (isStart ? code.StartsWith(digits, StringComparison.Ordinal) : code == digits);
    }

    private static Predicate<Flow> Pattern(string text, Func<Flow, string?> of)
    {
        var pattern = new SearchPattern(text);
        return flow => of(flow) is { } own && pattern.IsIn(own);
    }

    /// <summary>"/a?b" of "http://host/a?b".</summary>
    private static string PathOf(string url)
    {
        int host = url.IndexOf("://", StringComparison.Ordinal);
        int path = host < 0 ? -1 : url.IndexOf('/', host + 3);
        return path < 0 ? url : url[path..];
    }

    /// <summary>"host*", "cluster/host1", "cluster/".</summary>
    private static Predicate<Flow> Node(string text)
    {
        string[] parts = text.Split('/');
        if (parts.Length > 2 || text.Length == 0)
        {
            throw new FormatException($"\"{text}\" is no node: write its name, with * for any text, or cluster/name");
        }

        string cluster = parts.Length == 2 && parts[0].Length > 0 ? parts[0] : HubbleEnds.Cluster;
        string name = parts[^1].Length > 0 ? parts[^1] : "*";
        return flow => Fits(cluster, HubbleEnds.Cluster) && Fits(name, flow.NodeName);
    }

    private static bool Fits(string pattern, string text) => FileSystemName.MatchesSimpleExpression(pattern, text, ignoreCase: true);
}
