// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Google.Protobuf.WellKnownTypes;
using Weir.Api;
using Weir.Datapath.Abi;
using Weir.Net;
using Xunit;

namespace Weir.Flows.Tests;

public sealed class TopSumsTests
{
    private static readonly DateTimeOffset _now = new(2026, 11, 28, 3, 12, 0, TimeSpan.Zero);
    private static readonly TimeSpan _second = TimeSpan.FromSeconds(1);

    [Fact]
    public void AConnectionThatLives_CountsWithWhatIsOfTheInterval_OnceMoreWhenItEnds()
    {
        TopSums sums = Sums();
        sums.Begin([Tcp(1, sent: 1000)]);

        TopPair first = Assert.Single(sums.Take([Tcp(1, sent: 1500), Tcp(2, sent: 70)], 0, _now, _second).Pairs);
        Assert.Equal(("endpoint 7", "endpoint 8", "80/tcp", 570UL, 2u), (first.From, first.To, first.Port, first.Bytes, first.Open));

        sums.Add(Ended(Tcp(1, sent: 1600, again: 3) with { End = TcpEnd.ResetByOther }));
        sums.Add(Ended(Tcp(3, sent: 5) with { End = TcpEnd.Fin })); // began and ended in between
        TopFrame frame = sums.Take([Tcp(2, sent: 70)], 4, _now, _second);
        TopPair pair = Assert.Single(frame.Pairs);
        Assert.Equal((105UL, 3UL, 1u, 2UL, 1UL, 0UL), (pair.Bytes, pair.Retransmits, pair.Open, pair.Ended, pair.Resets, pair.Failed));
        Assert.Equal(3u, pair.RoundTrips.Aggregate(0u, (sum, n) => sum + n));
        Assert.Equal(4UL, frame.Lost);
        Assert.Empty(sums.Take([], 0, _now, _second).Pairs);
    }

    [Fact]
    public void RequestsAndDenials_CountBesideThem()
    {
        TopSums sums = Sums();
        sums.Begin([]);
        sums.Add(new FlowRecord(default, new ProxyAccess { Method = "GET", Path = "/", LatencyUs = 900, RequestBytes = 10, ResponseBytes = 20 }));
        sums.Add(new FlowRecord(Tcp(1, 0).Flow with { Type = EventType.Drop, DropReason = DropReason.PolicyDenied, Length = 60 }, null));
        sums.Add(Ended(Tcp(9, 0) with { End = TcpEnd.Refused, HandshakeUs = 0, RttUs = 0 }));

        TopFrame frame = sums.Take([], 0, _now, _second);

        TopPair requests = Assert.Single(frame.Pairs, pair => pair.Requests == 1);
        Assert.Equal((30UL, 0UL), (requests.Bytes, requests.Denied));
        TopPair denied = Assert.Single(frame.Pairs, pair => pair.Denied == 1);
        Assert.Equal((0UL, 1UL, 0), (denied.Bytes, denied.Failed, denied.RoundTrips.Count));
    }

    [Fact]
    public void WhatIsNotWanted_IsNotThere()
    {
        TopSums sums = Sums(new MonitorRequest { From = { "endpoint 9" } });
        sums.Begin([]);
        sums.Add(Ended(Tcp(1, 5) with { End = TcpEnd.Fin }));

        Assert.Empty(sums.Take([Tcp(2, 5)], 0, _now, _second).Pairs);
    }

    [Fact]
    public void Edges_AreBounded_AndTheRestIsTogether()
    {
        var edges = new TcpEdges(Decode, TimeProvider.System, most: 10);
        for (ushort i = 1; i <= 100; i++)
        {
            TcpEvent e = Tcp(i, 10) with { End = TcpEnd.Fin };
            e.Flow.SrcEndpoint = i;
            edges.Add(in e);
        }

        IReadOnlyList<TcpEdge> read = edges.Read();
        Assert.Equal(11, read.Count);
        Assert.Equal(1000UL, read.Aggregate(0UL, (sum, edge) => sum + edge.Sent));
        TcpEdge other = Assert.Single(read, edge => edge.Source == "other");
        Assert.Equal((90UL, 90UL), (other.Ends.Single(end => end.Name == "fin").Count, other.RoundTrip.Count));
        Assert.Equal(90UL, other.RoundTrip.Buckets[^1].Count);
    }

    [Fact]
    public void TheRecord_SumsUpConnections()
    {
        var summer = new FlowSummer(record => Decode(record));
        summer.Add(Ended(Tcp(1, 1000, again: 2) with { End = TcpEnd.Fin }));
        summer.Add(Ended(Tcp(2, 500) with { End = TcpEnd.ResetByOpener }));
        summer.Add(Ended(Tcp(3, 0) with { End = TcpEnd.TimedOut, HandshakeUs = 0, RttUs = 0 }));

        RecordedFlow flow = Assert.Single(summer.Take(_now).Flows);

        Assert.Equal((3UL, 1500UL, 2UL, 1UL, 1UL), (flow.Count, flow.Bytes, flow.Retransmits, flow.Resets, flow.Failed));
        Assert.Equal((2u, 2u), (flow.Handshakes.Aggregate(0u, (sum, n) => sum + n), flow.RoundTrips.Aggregate(0u, (sum, n) => sum + n)));
        Assert.Null(flow.Flow.Tcp);
    }

    private static TopSums Sums(MonitorRequest? wanted = null) => new(Decode, TopSums.FilterOf(wanted));

    private static FlowRecord Ended(TcpEvent e) => new(e.Flow, null) { Tcp = new MeasuredTcp(e) };

    private static TcpEvent Tcp(ulong cookie, ulong sent, uint again = 0) => new()
    {
        Flow = new Event
        {
            Type = EventType.Tcp,
            Src = IpAddr.From(IPAddress.Parse("10.210.0.7")),
            Dst = IpAddr.From(IPAddress.Parse("10.210.0.8")),
            SrcEndpoint = 7,
            DstEndpoint = 8,
            Dport = 80,
            Protocol = 6,
            EtherType = 0x0800,
        },
        Cookie = cookie,
        Sent = sent,
        HandshakeUs = 150,
        RttUs = 120,
        Segments = again + 10,
        Retransmits = again,
    };

    private static Flow Decode(FlowRecord record) => record.Access is { } access
        ? new Flow { Type = FlowType.L7, Verdict = "allowed", Time = Timestamp.FromDateTimeOffset(_now), Port = "8080/tcp", Http = new HttpAccess { Method = access.Method, Path = access.Path } }
        : new Flow
        {
            Type = (FlowType)record.Event.Type,
            Time = Timestamp.FromDateTimeOffset(_now),
            Port = $"{record.Event.Dport.Value}/tcp",
            Protocol = "tcp",
            Source = new FlowEnd { Name = $"endpoint {record.Event.SrcEndpoint}", EndpointId = record.Event.SrcEndpoint },
            Destination = new FlowEnd { Name = $"endpoint {record.Event.DstEndpoint}", EndpointId = record.Event.DstEndpoint },
        };
}
