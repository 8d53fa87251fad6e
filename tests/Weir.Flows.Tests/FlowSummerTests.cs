// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Weir.Api;
using Weir.Datapath.Abi;
using Weir.Net;
using Xunit;

namespace Weir.Flows.Tests;

/// <summary>What is counted together, what is told apart, and how much of that there can be.</summary>
public sealed class FlowSummerTests
{
    private static readonly DateTimeOffset _now = new(2026, 11, 28, 12, 0, 0, TimeSpan.Zero);

    private int _decoded;

    [Fact]
    public void Alike_ButForThePort_IsOne_AndIsDecodedOnce()
    {
        FlowSummer summer = Summer();
        for (ushort port = 1000; port < 1050; port++)
        {
            summer.Add(Drop("203.0.113.9", port, "10.210.0.2", 80));
        }

        summer.Add(Drop("203.0.113.9", 1, "10.210.0.2", 81));
        RecordBlock block = summer.Take(_now);
        Assert.Equal([50UL, 1UL], block.Flows.Select(flow => flow.Count));
        Assert.Equal(50UL * 60, block.Flows[0].Bytes);
        Assert.Equal(0u, block.Flows[0].Flow.Source.Port);
        Assert.Equal(_now, block.Flows[0].Last.ToDateTimeOffset());
        Assert.Equal(2, _decoded);
        Assert.True(summer.IsEmpty);
    }

    [Fact]
    public void Requests_AreCountedByShape_WithoutWhatIsSecret()
    {
        FlowSummer summer = Summer();
        foreach (string path in new[] { "/orders/1?token=secret", "/orders/2?token=secret2", "/orders/22", "/orders/4711" })
        {
            summer.Add(Request(path, 900));
        }

        summer.Add(Request("/orders", 100_000));
        RecordBlock block = summer.Take(_now);
        Assert.Equal(["/orders/*?*", "/orders/*", "/orders"], block.Flows.Select(flow => flow.Flow.Http.Path));
        Assert.Equal([2UL, 2UL, 1UL], block.Flows.Select(flow => flow.Count));
        Assert.DoesNotContain("secret", block.ToString(), StringComparison.Ordinal);
        // Less than 1 024 µs, and not less than 512.
        Assert.Equal(2u, block.Flows[0].Latencies[10]);
        Assert.Equal(1u, block.Flows[^1].Latencies[17]);
        Assert.Equal(2UL * 30, block.Flows[0].Bytes);
    }

    [Fact]
    public void OfTooManyRequests_NoPathIsTold_ThatIsOfTheFirstAlone()
    {
        FlowSummer summer = Summer(most: 4);
        foreach (int i in Enumerable.Range(0, 6))
        {
            summer.Add(Request($"/path-{(char)('a' + i)}", 900));
        }

        Assert.Equal(["/path-a", "/path-b", "…"], summer.Take(_now).Flows.Select(flow => flow.Flow.Http.Path));
    }

    [Theory]
    [InlineData("/v2/users/550e8400-e29b-41d4-a716-446655440000/posts", "/v2/users/*/posts")]
    [InlineData("/search?q=1", "/search?*")]
    [InlineData("/2026/11/x", "/*/*/x")]
    [InlineData("*", "*")]
    [InlineData("", "")]
    public void Path_HasAShape(string path, string shape) => Assert.Equal(shape, FlowSummer.ShapeOf(path));

    [Fact]
    public void ManyAddresses_AreToldApartLess_AndNeverSaidToBeOne()
    {
        FlowSummer summer = Summer(most: 400);
        for (int i = 0; i < 5000; i++)
        {
            summer.Add(Drop($"198.51.{i / 250}.{1 + (i % 250)}", 1, "10.210.0.2", 80));
        }

        RecordBlock block = summer.Take(_now);
        Assert.Equal(5000UL, block.Flows.Aggregate(0UL, (sum, flow) => sum + flow.Count) + block.Lost);
        Assert.InRange(block.Flows.Count, 100, 400);
        Assert.Equal(100, block.Flows.Count(flow => IPAddress.TryParse(flow.Flow.Source.Ip, out _)));
        Assert.Contains(block.Flows, flow => flow.Flow.Source.Ip == "198.51.3.0/24");
        Assert.All(block.Flows.Where(flow => IPAddress.TryParse(flow.Flow.Source.Ip, out _)), flow => Assert.Equal(1UL, flow.Count));
    }

    [Fact]
    public void TooManyDifferentOnes_AreCountedAsLost()
    {
        FlowSummer summer = Summer(most: 100);
        for (ushort port = 1; port <= 1000; port++)
        {
            summer.Add(Drop("203.0.113.9", 1, "10.210.0.2", port));
        }

        RecordBlock block = summer.Take(_now);
        Assert.Equal(100, block.Flows.Count);
        Assert.Equal(900UL, block.Lost);
    }

    private FlowSummer Summer(int most = 1000) => new(
        record =>
        {
            _decoded++;
            return record.Access is { } access
                ? new Flow { Type = FlowType.L7, Time = Timestamp.FromDateTimeOffset(_now), Http = new HttpAccess { Method = access.Method, Path = access.Path, LatencyMs = 1 } }
                : new Flow
                {
                    Type = FlowType.Drop,
                    Protocol = "tcp",
                    Time = Timestamp.FromDateTimeOffset(_now),
                    Source = new FlowEnd { Ip = record.Event.Src.ToIPAddress().ToString(), Port = record.Event.Sport.Value },
                    Destination = new FlowEnd { Ip = record.Event.Dst.ToIPAddress().ToString(), Port = record.Event.Dport.Value, EndpointId = 1 },
                };
        },
        most);

    private static FlowRecord Drop(string source, ushort sourcePort, string destination, ushort port) => new(
        new Event
        {
            Type = EventType.Drop,
            Src = IpAddr.From(IPAddress.Parse(source)),
            Dst = IpAddr.From(IPAddress.Parse(destination)),
            DstEndpoint = 1,
            Sport = sourcePort,
            Dport = port,
            Protocol = 6,
            Length = 60,
        },
        null);

    private static FlowRecord Request(string path, ulong us) => new(default, new ProxyAccess
    {
        Method = "GET",
        Path = path,
        Verdict = AccessVerdict.Allowed,
        Source = ByteString.CopyFrom(10, 210, 0, 3),
        Destination = ByteString.CopyFrom(10, 210, 0, 2),
        LatencyUs = us,
        RequestBytes = 10,
        ResponseBytes = 20,
    });
}
