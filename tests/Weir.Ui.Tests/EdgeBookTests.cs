// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using Weir.Api;
using Xunit;

namespace Weir.Ui.Tests;

/// <summary>What the map is told, whatever flows.</summary>
public sealed class EdgeBookTests
{
    private readonly EdgeBook _book = new(TimeProvider.System);

    [Fact]
    public void ServicesAreOneNode_AndWhatIsDeniedCountsOnce()
    {
        Stack stack = new Stack().Project("shop", "web", "api", "api");
        _book.Add(stack.From("shop-web-1", "shop-api-1", 80));
        _book.Add(stack.From("shop-web-1", "shop-api-2", 80));
        Flow drop = stack.From("shop-web-1", "shop-api-2", 81, denied: "policy-denied");
        Flow verdict = drop.Clone();
        verdict.Type = FlowType.Verdict;
        _book.Add(drop);
        _book.Add(verdict);
        JsonElement line = Take();
        Assert.Equal(["api", "web"], line.GetProperty("nodes").EnumerateArray().Select(node => node.GetProperty("name").GetString()).Order());
        Assert.All(line.GetProperty("nodes").EnumerateArray(), node => Assert.Equal("shop", node.GetProperty("group").GetString()));
        JsonElement edge = Assert.Single(line.GetProperty("edges").EnumerateArray());
        Assert.Equal((3, 1), (edge.GetProperty("flows").GetInt32(), edge.GetProperty("denied").GetInt32()));
        Assert.True(edge.GetProperty("rate").GetDouble() > edge.GetProperty("deniedRate").GetDouble());
        Assert.Equal(2, edge.GetProperty("ports").GetArrayLength());
    }

    [Fact]
    public void Latencies_AreOfTheRecordAndOfNow()
    {
        Stack stack = new Stack().Project("shop", "web", "api");
        Flow request = stack.From("shop-web-1", "shop-api-1", 8080, latency: 6);
        _book.Add(request);
        _book.Add(new RecordedFlow { Flow = request, Count = 99, Last = request.Time, Latencies = { Enumerable.Repeat(0U, 13), 99U } });
        JsonElement edge = Take().GetProperty("edges")[0];
        Assert.Equal(100, edge.GetProperty("requests").GetInt32());
        Assert.InRange(edge.GetProperty("p50").GetDouble(), 4, 8.2);
        Assert.InRange(edge.GetProperty("p99").GetDouble(), 4, 8.2);
    }

    [Fact]
    public void ConnectionsThatEnded_AreMeasured_AndCountOnce()
    {
        Stack stack = new Stack().Project("shop", "web", "db");
        Flow began = stack.From("shop-web-1", "shop-db-1", 5432);
        Flow ended = began.Clone();
        ended.Type = FlowType.Tcp;
        ended.Verdict = "";
        ended.Tcp = new TcpConnection { End = "fin", RoundTripMs = 6, Segments = 40, Retransmits = 2 };
        _book.Add(began);
        _book.Add(ended);
        JsonElement edge = Take().GetProperty("edges")[0];
        Assert.Equal((1, 40, 2), (edge.GetProperty("flows").GetInt32(), edge.GetProperty("segments").GetInt32(), edge.GetProperty("retransmits").GetInt32()));
        Assert.InRange(edge.GetProperty("roundTrip").GetDouble(), 4, 8.2);

        // The record has the ends alone, unless it is to have all.
        ended.Tcp = null;
        _book.Add(new RecordedFlow { Flow = ended, Count = 9, Last = ended.Time, RoundTrips = { Enumerable.Repeat(0U, 13), 9U }, Segments = 360, Retransmits = 1 });
        edge = Take().GetProperty("edges")[0];
        Assert.Equal((10, 400, 3), (edge.GetProperty("flows").GetInt32(), edge.GetProperty("segments").GetInt32(), edge.GetProperty("retransmits").GetInt32()));
        Assert.Equal(10, edge.GetProperty("ports")[0].GetProperty("allowed").GetInt32());
    }

    [Fact]
    public void WhatIsAudited_Passes_AndIsCountedApart()
    {
        Stack stack = new Stack().Project("shop", "web", "api");
        Flow flow = stack.From("shop-web-1", "shop-api-1", 81);
        flow.Verdict = "audited";
        _book.Add(flow);
        JsonElement edge = Take().GetProperty("edges")[0];
        Assert.Equal((1, 1, 0), (edge.GetProperty("flows").GetInt32(), edge.GetProperty("audited").GetInt32(), edge.GetProperty("denied").GetInt32()));
        Assert.Equal(1, edge.GetProperty("ports")[0].GetProperty("allowed").GetInt32());
    }

    [Fact]
    public void MillionsOfPeers_AreBounded_AndThoseThatGoAreSaid()
    {
        var stack = new Stack();
        stack.Container("web", "app=web");
        for (int i = 0; i < EdgeBook.MostNodes + 500; i++)
        {
            Flow flow = stack.From("web", "web", 80);
            flow.Destination = new FlowEnd { Ip = $"2001:db8::{i:x}" };
            _book.Add(flow);
        }

        JsonElement line = Take();
        Assert.Equal(EdgeBook.MostNodes, line.GetProperty("nodes").GetArrayLength());
        Assert.Equal(501, line.GetProperty("more").GetInt32());
        Assert.Equal(0, line.GetProperty("gone").GetArrayLength());

        // Between those that there are, far more edges than are kept.
        for (int i = 0; i < EdgeBook.MostEdges * 2; i++)
        {
            Flow flow = stack.From("web", "web", 80);
            flow.Source = new FlowEnd { Ip = $"2001:db8::{i % 1000:x}" };
            flow.Destination = new FlowEnd { Ip = $"2001:db8::{i / 1000 + 1000:x}" };
            _book.Add(flow);
        }

        int gone = Take().GetProperty("gone").GetArrayLength();
        Assert.InRange(gone, EdgeBook.MostEdges, EdgeBook.MostEdges * 2);
        JsonElement quiet = Take();
        Assert.Equal(0, quiet.GetProperty("nodes").GetArrayLength() + quiet.GetProperty("gone").GetArrayLength());
    }

    private JsonElement Take() => JsonDocument.Parse(_book.TakeChanges(null, 0)).RootElement;
}
