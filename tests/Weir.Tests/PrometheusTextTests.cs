// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text.RegularExpressions;
using Weir.Api;
using Weir.Cli;
using Xunit;

namespace Weir.Tests;

/// <summary>The text that Prometheus reads, line by line as its format wants it.</summary>
public sealed partial class PrometheusTextTests
{
    private static readonly Metrics _metrics = new()
    {
        Rows = { new MetricRow { Direction = "ingress", Reason = "forwarded", Packets = 3, Bytes = 180 }, new MetricRow { Direction = "egress", Reason = "policy-denied", Packets = 1, Bytes = 60 } },
        EventsLost = 2,
        EndpointStates = { new NamedCount { Name = "ready", Count = 3 }, new NamedCount { Name = "init", Count = 1 } },
        Identities = { new NamedCount { Name = "node_local", Count = 2 } },
        Maps = { new MapUse { Name = "weir_ct", Used = 13, Max = 131072 }, new MapUse { Name = "weir_sock", Used = 0, Max = 65536 } },
        PolicyRevision = 7,
        PolicyDelay = new Durations { Buckets = { new LatencyBucket { Seconds = 0.001, Count = 1 }, new LatencyBucket { Seconds = 10, Count = 2 } }, SumSeconds = 0.25, Count = 2 },
        Services = { new ServiceMetrics { Service = "shop", Backends = 2, BackendsActive = 1, Frontends = { new Frontend { Address = "[2001:db8::1]:80/tcp", Packets = 4 } } } },
        NodeConnectivity =
        {
            new NodeConnectivity { Source = "a", Target = "b", Reached = true, RoundTripSeconds = 0.000125 },
            new NodeConnectivity { Source = "a", Target = "c" },
        },
        Version = "1.0 \"odd\"",
        CpuSeconds = 1.5,
        Proxy = new ProxyMetrics
        {
            Requests = { new NamedCount { Name = "allowed", Count = 4 }, new NamedCount { Name = "refused", Count = 2 } },
            Statuses = { new NamedCount { Name = "2xx", Count = 4 }, new NamedCount { Name = "4xx", Count = 2 } },
            ParseErrors = { new NamedCount { Name = "content-length", Count = 1 } },
            Connections = 5,
            ConnectionsOpen = 1,
            Latencies = { new LatencyBucket { Seconds = 0.000001, Count = 0 }, new LatencyBucket { Seconds = 0.001024, Count = 5 }, new LatencyBucket { Seconds = 67.108864, Count = 6 } },
            LatencyCount = 6,
            LatencySumSeconds = 0.0125,
        },
    };

    [Fact]
    public void EveryLine_IsAHelpATypeOrASample()
    {
        string text = PrometheusText.Write(_metrics);
        Assert.EndsWith("\n", text, StringComparison.Ordinal);
        Assert.All(text.TrimEnd('\n').Split('\n'), line => Assert.Matches(Line(), line));
    }

    [Fact]
    public void EverySample_FollowsItsHelpAndType_AndNoneIsThereTwice()
    {
        string family = "", type = "";
        HashSet<string> families = [], samples = [];
        foreach (string line in PrometheusText.Write(_metrics).TrimEnd('\n').Split('\n'))
        {
            string[] words = line.Split(' ');
            if (line.StartsWith("# HELP", StringComparison.Ordinal))
            {
                family = words[2];
                Assert.True(families.Add(family), line);
            }
            else if (line.StartsWith("# TYPE", StringComparison.Ordinal))
            {
                Assert.Equal(family, words[2]);
                type = words[3];
                Assert.Equal(type == "counter", family.EndsWith("_total", StringComparison.Ordinal));
            }
            else
            {
                string name = words[0].Split('{')[0];
                Assert.True(name == family || (type == "histogram" && name[..name.LastIndexOf('_')] == family), line);
                Assert.True(samples.Add(words[0]), line);
            }
        }
    }

    [Fact]
    public void Histogram_Grows_AndEndsWithAll()
    {
        (string Bound, long Count)[] buckets = [.. Bucket().Matches(PrometheusText.Write(_metrics)).Select(match => (match.Groups[1].Value, long.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture)))];
        Assert.Equal([("0.000001", 0), ("0.001024", 5), ("67.108864", 6), ("+Inf", 6)], buckets);
        Assert.Contains("weir_http_request_duration_seconds_sum 0.0125\n", PrometheusText.Write(_metrics), StringComparison.Ordinal);
        Assert.Contains("weir_http_request_duration_seconds_count 6\n", PrometheusText.Write(_metrics), StringComparison.Ordinal);
    }

    [Fact]
    public void Families_HaveTheNamesThatDashboardsKnow()
    {
        string text = PrometheusText.Write(_metrics);
        Assert.Contains("weir_forward_count_total{direction=\"INGRESS\"} 3\n", text, StringComparison.Ordinal);
        Assert.Contains("weir_drop_bytes_total{direction=\"EGRESS\",reason=\"policy-denied\"} 60\n", text, StringComparison.Ordinal);
        Assert.Contains("weir_endpoint_state{endpoint_state=\"ready\"} 3\n", text, StringComparison.Ordinal);
        Assert.Contains("weir_bpf_map_pressure{map_name=\"weir_ct\"} 0.000099\n", text, StringComparison.Ordinal);
        Assert.Contains("weir_policy_implementation_delay_bucket{le=\"+Inf\"} 2\n", text, StringComparison.Ordinal);
        Assert.Contains("weir_policy_l7_total{rule=\"received\"} 6\n", text, StringComparison.Ordinal);
        Assert.Contains("weir_policy_l7_total{rule=\"denied\"} 2\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Values_AreEscaped() =>
        Assert.Contains("weir_version{version=\"1.0 \\\"odd\\\"\"} 1\n", PrometheusText.Write(_metrics), StringComparison.Ordinal);

    [Fact]
    public void WithoutAProxy_ThereAreOnlyPackets() =>
        Assert.DoesNotContain("http", PrometheusText.Write(new Metrics { EventsLost = 1 }), StringComparison.Ordinal);

    [GeneratedRegex("""^(# HELP [a-z0-9_]+ [^\\]+|# TYPE [a-z0-9_]+ (counter|gauge|histogram)|[a-z0-9_]+(\{[a-z_]+="(\\.|[^"\\])*"(,[a-z_]+="(\\.|[^"\\])*")*\})? [0-9.E+-]+)$""")]
    private static partial Regex Line();

    [GeneratedRegex("weir_http_request_duration_seconds_bucket{le=\"([^\"]+)\"} ([0-9]+)")]
    private static partial Regex Bucket();
}
