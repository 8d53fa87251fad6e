// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Weir.Api.Hubble;
using Weir.Flows.Hubble;
using Xunit;
using Flow = Weir.Api.Hubble.Flow;
using Wanted = Weir.Api.Hubble.FlowFilter;

namespace Weir.Flows.Tests;

/// <summary>Every filter of Hubble's, on one flow of each kind.</summary>
public sealed class HubbleFilterTests
{
    /// <summary>A SYN from web of shop to api, which no rule allows.</summary>
    private static Flow Drop => new()
    {
        Uuid = "11111111-1111-8111-8111-111111111111",
        Verdict = Verdict.Dropped,
        DropReasonDesc = DropReason.PolicyDenied,
        Type = FlowType.L3L4,
        NodeName = "host1",
        IsReply = false,
        TrafficDirection = TrafficDirection.Ingress,
        EventType = new CiliumEventType { Type = 1, SubType = 133 },
        IP = new IP { Source = "10.210.0.2", Destination = "10.210.0.3", IpVersion = IPVersion.Ipv4 },
        L4 = new Layer4 { TCP = new TCP { SourcePort = 40000, DestinationPort = 80, Flags = new TCPFlags { SYN = true } } },
        Source = new Endpoint
        {
            ID = 1, Identity = 256, Namespace = "shop", PodName = "shop-web-1", ClusterName = "default",
            Labels = { "container:role=web", "container:com.docker.compose.project=shop", "container:old" },
            Workloads = { new Workload { Name = "web", Kind = "ComposeService" } },
        },
        Destination = new Endpoint { ID = 2, Identity = 257, Namespace = "default", PodName = "api", ClusterName = "default", Labels = { "container:role=api" }, Workloads = { new Workload { Name = "api", Kind = "Container" } } },
        SourceNames = { "shop-web-1", "web" },
        DestinationNames = { "api" },
        DestinationService = new Service { Name = "front", Namespace = "default" },
        Interface = new NetworkInterface { Index = 7, Name = "weir2" },
    };

    private static Flow Request => new()
    {
        Verdict = Verdict.Forwarded,
        Type = FlowType.L7,
        NodeName = "host1",
        IsReply = false,
        TrafficDirection = TrafficDirection.Egress,
        EventType = new CiliumEventType { Type = 129 },
        IP = new IP { Source = "fd00::2", Destination = "fd00::3", IpVersion = IPVersion.Ipv6 },
        L4 = new Layer4 { TCP = new TCP { SourcePort = 40001, DestinationPort = 8080 } },
        Source = new Endpoint { Identity = 2, Labels = { "reserved:world" } },
        Destination = new Endpoint { ID = 2, Identity = 257, Namespace = "default", PodName = "api", Labels = { "container:role=api" } },
        L7 = new Layer7 { Type = L7FlowType.Request, Http = new HTTP { Code = 404, Method = "GET", Url = "http://api:8080/orders/12?q=a", Protocol = "HTTP/1.1", Headers = { new HTTPHeader { Key = "Host", Value = "api:8080" } } } },
    };

    [Theory]
    [InlineData("""{"uuid": ["11111111-1111-8111-8111-111111111111"]}""", true, false)]
    [InlineData("""{"source_ip": ["10.210.0.2"]}""", true, false)]
    [InlineData("""{"source_ip": ["192.0.2.0/24", "10.0.0.0/8"]}""", true, false)]
    [InlineData("""{"destination_ip": ["fd00::/8"]}""", false, true)]
    [InlineData("""{"source_pod": ["shop-web"]}""", true, false)]
    [InlineData("""{"source_pod": ["shop/shop-web"]}""", true, false)]
    [InlineData("""{"source_pod": ["shop/"]}""", true, false)]
    [InlineData("""{"source_pod": ["default/shop-web"]}""", false, false)]
    [InlineData("""{"destination_pod": ["default/api"]}""", true, true)]
    [InlineData("""{"destination_pod": ["web"]}""", false, false)]
    [InlineData("""{"source_fqdn": ["shop-*"]}""", true, false)]
    [InlineData("""{"destination_fqdn": ["API."]}""", true, false)]
    [InlineData("""{"source_label": ["role=web"]}""", true, false)]
    [InlineData("""{"source_label": ["container:role=web,old"]}""", true, false)]
    [InlineData("""{"source_label": ["k8s:role==web"]}""", true, false)]
    [InlineData("""{"source_label": ["other:role=web"]}""", false, false)]
    [InlineData("""{"source_label": ["role in (web, api),com.docker.compose.project=shop"]}""", true, false)]
    [InlineData("""{"source_label": ["role notin (web)"]}""", false, true)]
    [InlineData("""{"source_label": ["!old"]}""", false, true)]
    [InlineData("""{"source_label": ["role!=api"]}""", true, true)]
    [InlineData("""{"source_label": ["reserved:world"]}""", false, true)]
    [InlineData("""{"destination_label": ["role=api"]}""", true, true)]
    [InlineData("""{"source_service": ["front"]}""", false, false)]
    [InlineData("""{"destination_service": ["default/fr"]}""", true, false)]
    [InlineData("""{"source_workload": [{"name": "web"}]}""", true, false)]
    [InlineData("""{"destination_workload": [{"kind": "Container"}]}""", true, false)]
    [InlineData("""{"source_cluster_name": ["default"]}""", true, false)]
    [InlineData("""{"destination_cluster_name": ["other"]}""", false, false)]
    [InlineData("""{"source_identity": [2, 3]}""", false, true)]
    [InlineData("""{"destination_identity": [257]}""", true, true)]
    [InlineData("""{"traffic_direction": ["INGRESS"]}""", true, false)]
    [InlineData("""{"verdict": ["DROPPED", "AUDIT"]}""", true, false)]
    [InlineData("""{"drop_reason_desc": ["POLICY_DENIED"]}""", true, false)]
    [InlineData("""{"event_type": [{"type": 1}]}""", true, false)]
    [InlineData("""{"event_type": [{"type": 1, "match_sub_type": true, "sub_type": 181}, {"type": 129}]}""", false, true)]
    [InlineData("""{"http_status_code": ["404"]}""", false, true)]
    [InlineData("""{"http_status_code": ["4+"]}""", false, true)]
    [InlineData("""{"http_status_code": ["5+", "40+"]}""", false, true)]
    [InlineData("""{"protocol": ["TCP"]}""", true, true)]
    [InlineData("""{"protocol": ["http"]}""", false, true)]
    [InlineData("""{"protocol": ["icmp", "dns"]}""", false, false)]
    [InlineData("""{"source_port": ["40000"]}""", true, false)]
    [InlineData("""{"destination_port": ["8080", "443"]}""", false, true)]
    [InlineData("""{"reply": [true]}""", false, false)]
    [InlineData("""{"reply": [false]}""", true, true)]
    [InlineData("""{"dns_query": [".*"]}""", false, false)]
    [InlineData("""{"http_method": ["get"]}""", false, true)]
    [InlineData("""{"http_path": ["^/orders/[0-9]+"]}""", false, true)]
    [InlineData("""{"http_path": ["12"]}""", false, true)]
    [InlineData("""{"http_path": ["^/orders$"]}""", false, false)]
    [InlineData("""{"http_path": ["^/a|^/orders"]}""", false, true)]
    [InlineData("""{"http_url": ["api:8080/.*q=a$"]}""", false, true)]
    [InlineData("""{"http_header": [{"key": "host", "value": "api:8080"}]}""", false, true)]
    [InlineData("""{"tcp_flags": [{"SYN": true}]}""", true, false)]
    [InlineData("""{"tcp_flags": [{"SYN": true, "ACK": true}]}""", false, false)]
    [InlineData("""{"node_name": ["host*"]}""", true, true)]
    [InlineData("""{"node_name": ["default/host1"]}""", true, true)]
    [InlineData("""{"node_name": ["other/"]}""", false, false)]
    [InlineData("""{"ip_version": ["IPv6"]}""", false, true)]
    [InlineData("""{"interface": [{"name": "weir2"}]}""", true, false)]
    [InlineData("""{"trace_id": ["x"]}""", false, false)]
    [InlineData("""{"ip_trace_id": [1]}""", false, false)]
    [InlineData("""{"encrypted": [false]}""", true, true)]
    [InlineData("""{"encrypted": [true]}""", false, false)]
    [InlineData("""{"source_ip_xlated": ["10.0.0.1"]}""", false, false)]
    [InlineData("""{"node_labels": ["a=b"]}""", false, false)]
    [InlineData("""{"source_ip": ["10.210.0.2"], "destination_port": ["81"]}""", false, false)]
    public void Filter_LetsThrough(string filter, bool drop, bool request)
    {
        Wanted wanted = Parse(filter);
        var only = new HubbleFilter([wanted], []);
        Assert.Equal((drop, request), (only.Matches(Drop), only.Matches(Request)));
        var but = new HubbleFilter([], [wanted]);
        Assert.Equal((!drop, !request), (but.Matches(Drop), but.Matches(Request)));
    }

    [Fact]
    public void EveryFieldOfAFilter_IsOneOfThese()
    {
        string[] tried = [.. typeof(HubbleFilterTests).GetMethod(nameof(Filter_LetsThrough))!.GetCustomAttributesData()
            .Where(attribute => attribute.AttributeType == typeof(InlineDataAttribute))
            .Select(attribute => ((IReadOnlyList<System.Reflection.CustomAttributeTypedArgument>)attribute.ConstructorArguments[0].Value!)[0].Value!.ToString()!)];
        Assert.All(Wanted.Descriptor.Fields.InDeclarationOrder().Where(field => field.Name != "experimental"), field => Assert.Contains(tried, text => text.StartsWith($"{{\"{field.Name}\"", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("""{"source_ip": ["nobody"]}""", "\"nobody\" is neither an address")]
    [InlineData("""{"destination_pod": ["a/b/c"]}""", "\"a/b/c\" is no name")]
    [InlineData("""{"source_label": [","]}""", "selects nothing")]
    [InlineData("""{"source_label": ["a in b)"]}""", "no part of a selector")]
    [InlineData("""{"http_status_code": ["4xx"]}""", "\"4xx\" is no status")]
    [InlineData("""{"http_status_code": ["600"]}""", "\"600\" is no status")]
    [InlineData("""{"protocol": ["quic"]}""", "\"quic\" is no protocol")]
    [InlineData("""{"destination_port": ["http"]}""", "\"http\" is no port")]
    [InlineData("""{"http_path": ["("]}""", "is not closed")]
    [InlineData("""{"node_name": ["a/b/c"]}""", "is no node")]
    [InlineData("""{"experimental": {"cel_expression": ["true"]}}""", "not supported")]
    public void WhatCannotBeUnderstood_IsSaid(string filter, string why) =>
        Assert.Contains(why, Assert.Throws<FormatException>(() => new HubbleFilter([Parse(filter)], [])).Message, StringComparison.Ordinal);

    [Fact]
    public void SinglePackets_AreAskedForByName()
    {
        Assert.Equal([Api.FlowType.Drop, Api.FlowType.Verdict, Api.FlowType.L7], new HubbleFilter([], []).Types);
        Assert.Equal([Api.FlowType.Drop], new HubbleFilter([Parse("""{"event_type": [{"type": 1}]}""")], []).Types);
        Assert.Equal([Api.FlowType.Tcp], new HubbleFilter([Parse("""{"event_type": [{"type": 131}]}""")], []).Types);
        Assert.Contains(Api.FlowType.Trace, new HubbleFilter([Parse("""{"event_type": [{"type": 4}]}"""), new Wanted()], []).Types);
        Assert.Throws<FormatException>(() => new HubbleFilter([.. Enumerable.Repeat(new Wanted(), 257)], []));
    }

    private static Wanted Parse(string json) => JsonParser.Default.Parse<Wanted>(json);
}
