// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Weir.Api;
using Weir.Api.Hubble;
using Weir.Datapath.Abi;
using Weir.Flows.Hubble;
using Weir.Linux;
using Weir.Net;
using Xunit;
using DropReason = Weir.Datapath.Abi.DropReason;
using Flow = Weir.Api.Hubble.Flow;
using FlowType = Weir.Api.FlowType;

namespace Weir.Flows.Tests;

/// <summary>What becomes of Weir's flows, and which of them answer a question.</summary>
public sealed class HubblePastTests : IFlowContext, IHubbleContext
{
    private static readonly DateTimeOffset _now = DateTimeOffset.UtcNow;

    public string NodeName => "host1";

    [Theory]
    [InlineData("""{}""", "1 2 3 4")]
    [InlineData("""{"number": 2}""", "3 4")]
    [InlineData("""{"number": 9}""", "1 2 3 4")]
    [InlineData("""{"number": 2, "first": true}""", "1 2")]
    [InlineData("""{"follow": true}""", "")]
    [InlineData("""{"follow": true, "number": 1}""", "4")]
    [InlineData("""{"since": "-15"}""", "3 4")]
    [InlineData("""{"since": "-1000"}""", "101 102 103 1 2 3 4")]
    [InlineData("""{"since": "-1000", "number": 5}""", "103 1 2 3 4")]
    [InlineData("""{"since": "-1000", "number": 3}""", "2 3 4")]
    [InlineData("""{"since": "-1000", "number": 2, "first": true}""", "101 102")]
    [InlineData("""{"since": "-1000", "until": "-150"}""", "101 102")]
    [InlineData("""{"until": "-150", "number": 1}""", "102")]
    [InlineData("""{"since": "-35", "until": "-25"}""", "2")]
    [InlineData("""{"since": "-1000", "whitelist": [{"destination_port": ["102", "2"]}]}""", "102 2")]
    public void Question_IsAnswered_FromMemoryAndBeforeThatFromTheRecord(string question, string ports)
    {
        GetFlowsRequest request = JsonParser.Default.Parse<GetFlowsRequest>(System.Text.RegularExpressions.Regex.Replace(question, "\"(-[0-9]+)\"", match => $"\"{_now.AddSeconds(int.Parse(match.Groups[1].Value, null)):O}\""));
        IEnumerable<Flow> flows = Past().Select(request, new HubbleFilter(request.Whitelist, request.Blacklist), [Drop(1, 40), Drop(2, 30), Drop(3, 10), Drop(4, 5)], _now);
        Assert.Equal(ports, string.Join(' ', flows.Select(flow => flow.L4.TCP.DestinationPort)));
    }

    [Fact]
    public void NothingInMemory_IsAllOfTheRecord()
    {
        var request = new GetFlowsRequest { Since = Timestamp.FromDateTimeOffset(_now.AddSeconds(-1000)) };
        Assert.Equal([101u, 102u, 103u, 104u], Past().Select(request, new HubbleFilter([], []), [], _now).Select(flow => flow.L4.TCP.DestinationPort));
    }

    [Fact]
    public void Drop_IsToldWithAllThatIsKnown()
    {
        var writer = new HubbleWriter(this, new FlowDecoder(this, TimeProvider.System));
        Flow flow = writer.Write(Drop(80, 1));
        Assert.Equal(Api.Hubble.Verdict.Dropped, flow.Verdict);
        Assert.Equal((Api.Hubble.DropReason.PolicyDeny, 181u), (flow.DropReasonDesc, flow.DropReason));
        Assert.Equal("TCP Flags: SYN; a deny rule forbids it; because", flow.Summary);
        Assert.Equal(("shop", "web", "front", "ComposeService"), (flow.Source.Namespace, flow.Source.PodName, flow.Source.Workloads[0].Name, flow.Source.Workloads[0].Kind));
        Assert.Equal(("default", "api"), (flow.Destination.Namespace, flow.Destination.PodName)); // of another node
        Assert.Equal(["web", "front"], flow.SourceNames);
        Assert.Equal(("veth1", 7u), (flow.Interface.Name, flow.Interface.Index));
        Assert.Equal("02:00:00:00:00:01", flow.Ethernet.Source);
        Assert.Equal("closed", Assert.Single(flow.EgressDeniedBy).Name);
        Assert.Equal(new TCPFlags { SYN = true }, flow.L4.TCP.Flags);
        Assert.False(flow.IsReply);
        Assert.Equal(writer.Write(Drop(80, 1)).Uuid.Length, flow.Uuid.Length);
        Assert.NotEqual(writer.Write(Drop(81, 1)).Uuid, flow.Uuid);
    }

    [Fact]
    public void EveryReason_HasANumberOfCilium_OrNone()
    {
        // Those that say the same have one each, but for two that say it of one packet.
        Api.Hubble.DropReason[] known = [.. DropReasons.All.Select(HubbleReasons.Of).Where(reason => reason != Api.Hubble.DropReason.Unknown)];
        Assert.Equal(known.Length - 1, known.Distinct().Count());
        Assert.Equal(System.Enum.GetValues<Api.Hubble.DropReason>().Length - 1, known.Distinct().Count());
    }

    [Theory]
    [InlineData("allowed", 200u, Api.Hubble.Verdict.Forwarded)]
    [InlineData("refused", 403u, Api.Hubble.Verdict.Dropped)]
    [InlineData("failed", 503u, Api.Hubble.Verdict.Error)]
    public void Request_IsOneFlow_WithItsAnswer(string verdict, uint status, Api.Hubble.Verdict expected)
    {
        AccessVerdict access = System.Enum.Parse<AccessVerdict>(verdict, ignoreCase: true);
        Flow flow = new HubbleWriter(this, new FlowDecoder(this, TimeProvider.System)).Write(new FlowRecord(default, new ProxyAccess
        {
            Source = ByteString.CopyFrom(10, 0, 0, 2), Destination = ByteString.CopyFrom(10, 0, 0, 3), SourcePort = 4000, DestinationPort = 80, Ingress = true, DestinationEndpoint = 2,
            Method = "GET", Path = "/x", Host = "api", Protocol = "HTTP/1.1", Status = status, Verdict = access, LatencyUs = 2500,
        }));
        Assert.Equal((expected, Api.Hubble.FlowType.L7, 129), (flow.Verdict, flow.Type, flow.EventType.Type));
        Assert.Equal((status, "http://api/x", 2_500_000ul), (flow.L7.Http.Code, flow.L7.Http.Url, flow.L7.LatencyNs));
        Assert.StartsWith($"HTTP/1.1 {status} ", flow.Summary, StringComparison.Ordinal);
        Assert.Equal(TrafficDirection.Ingress, flow.TrafficDirection);
    }

    [Fact]
    public void ConnectionThatEnded_IsThereForWhoAsksForIt()
    {
        FlowRecord drop = Drop(1, 10);
        Event began = drop.Event;
        began.Type = (EventType)FlowType.Tcp;
        began.Dport = 2;
        var ended = new FlowRecord(began, null) { Tcp = new MeasuredTcp(new TcpEvent { Flow = began, End = TcpEnd.Fin, Sent = 900, Received = 52_000, RttUs = 1500, Segments = 40, Retransmits = 3 }) };
        Assert.Equal([1u], Ask("{}").Select(flow => flow.L4.TCP.DestinationPort));
        Flow flow = Assert.Single(Ask("""{"whitelist": [{"event_type": [{"type": 131}]}]}"""));
        Assert.Equal((Api.Hubble.FlowType.Sock, 131, Api.Hubble.Verdict.Forwarded, 2u), (flow.Type, flow.EventType.Type, flow.Verdict, flow.L4.TCP.DestinationPort));
        Assert.Equal("TCP connection ended by fin: 900 bytes out, 52000 back, round trip 1.5ms, 3 of 40 segments sent again", flow.Summary);

        IEnumerable<Flow> Ask(string question)
        {
            GetFlowsRequest request = JsonParser.Default.Parse<GetFlowsRequest>(question);
            return Past().Select(request, new HubbleFilter(request.Whitelist, request.Blacklist), [drop, ended], _now);
        }
    }

    private HubblePast Past() => new(new HubbleWriter(this, new FlowDecoder(this, TimeProvider.System)), (since, until) => new[] { Recorded(101, 300), Recorded(102, 200), Recorded(103, 100), Recorded(104, 20) }
        .Where(flow => flow.Flow.Time.ToDateTimeOffset() >= since && flow.Flow.Time.ToDateTimeOffset() <= until));

    private static FlowRecord Drop(ushort port, int secondsAgo) => new(
        new Event
        {
            TimeNs = Clock.MonotonicNs() - ((ulong)secondsAgo * 1_000_000_000) - (ulong)(DateTimeOffset.UtcNow - _now).TotalNanoseconds,
            Type = EventType.Drop,
            DropReason = DropReason.PolicyDenyRule,
            Direction = Direction.Egress,
            EtherType = 0x0800,
            Protocol = (byte)IpProtocol.Tcp,
            TcpFlags = 2,
            Src = IpAddr.From(IPAddress.Parse("10.210.0.2")),
            Dst = IpAddr.From(IPAddress.Parse("10.210.0.3")),
            Dport = port,
            SrcIdentity = 300,
            DstIdentity = 301,
            SrcEndpoint = 1,
            EndpointId = 1,
            RuleId = 5,
        },
        null);

    private static RecordedFlow Recorded(uint port, int secondsAgo) => new()
    {
        Count = 1,
        Last = Timestamp.FromDateTimeOffset(_now.AddSeconds(-secondsAgo)),
        Flow = new Api.Flow
        {
            Type = FlowType.Drop, Time = Timestamp.FromDateTimeOffset(_now.AddSeconds(-secondsAgo)), Protocol = "tcp", DropReason = "policy-denied",
            Source = new FlowEnd { Ip = "10.0.0.0/24" }, Destination = new FlowEnd { Ip = "10.0.0.3", Port = port },
        },
    };

    public string? EndpointName(ushort endpointId) => endpointId == 1 ? "web" : null;

    public string? RemoteName(IPAddress address) => "api (host2)";

    public IReadOnlyList<string> Labels(Identity identity) => identity.Value == 300 ? ["container:com.docker.compose.project=shop", "container:com.docker.compose.service=front"] : [];

    public RuleInfo? FindRule(uint ruleId) => new() { Id = ruleId, Name = "closed" };

    public FlowService? FindService(uint frontendId) => null;

    public string ExplainHttpPolicy(uint policyId) => "";

    public string Explain(in Event e) => "because";

    public EndpointPlace? PlaceOf(uint endpointId) => endpointId == 1 ? new EndpointPlace("veth1", 7, "02:00:00:00:00:01") : null;

    public Api.Hubble.Policy PolicyOf(RuleInfo rule) => new() { Name = rule.Name };

    public uint MatchOf(RuleInfo rule, bool isIngress) => 2;
}
