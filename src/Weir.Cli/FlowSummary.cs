// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using Weir.Api;

namespace Weir.Cli;

/// <summary>All of a record that one sent to another's port.</summary>
internal sealed record FlowSummary(string From, string To, string Port, ulong Count, ulong Denied, ulong Audited, ulong Bytes, string P50, string P99, DateTimeOffset Last)
{
    /// <summary>Of TCP connections that ended: half of them took so long or less, and 99 of 100. Empty: there are none.</summary>
    internal string Handshake { get; private init; } = "";

    internal string RoundTrip { get; private init; } = "";

    /// <summary>"12 (0.3%)" of the segments that were sent.</summary>
    internal string Retransmitted { get; private init; } = "";

    internal ulong Resets { get; private init; }

    internal ulong Failed { get; private init; }

    /// <summary>Those with most first.</summary>
    internal static IReadOnlyList<FlowSummary> Of(IEnumerable<RecordedFlow> flows) =>
    [
        .. flows.GroupBy(flow => (From: Who(flow.Flow, opener: true), To: Who(flow.Flow, opener: false), flow.Flow.Port)).Select(group =>
        {
            uint[] latencies = Sum(group, flow => flow.Latencies), handshakes = Sum(group, flow => flow.Handshakes), trips = Sum(group, flow => flow.RoundTrips);
            ulong Total(Func<RecordedFlow, bool> which, Func<RecordedFlow, ulong> what) => group.Where(which).Aggregate(0UL, (sum, flow) => sum + what(flow));
            ulong ended = Total(IsEnd, flow => flow.Count), bytes = Total(IsEnd, flow => flow.Bytes);
            ulong begun = Total(flow => flow.Flow.Type == FlowType.Verdict, flow => flow.Count), others = Total(flow => !IsEnd(flow) && flow.Flow.Type != FlowType.Verdict, flow => flow.Count);
            ulong segments = Total(IsEnd, flow => flow.Segments), again = Total(IsEnd, flow => flow.Retransmits);
            return new FlowSummary(
                group.Key.From,
                group.Key.To,
                group.Key.Port,
                Math.Max(ended, begun) + others, // a connection may be told of when it begins and when it ends
                group.Where(IsDenied).Aggregate(0UL, (sum, flow) => sum + flow.Count),
                group.Where(flow => flow.Flow.Verdict == "audited").Aggregate(0UL, (sum, flow) => sum + flow.Count),
                bytes > 0 ? bytes : Total(flow => !IsEnd(flow), flow => flow.Bytes), // requests are inside of connections
                Latency.Write(latencies, 0.5),
                Latency.Write(latencies, 0.99),
                group.Max(flow => flow.Last)!.ToDateTimeOffset())
            {
                Handshake = Both(handshakes),
                RoundTrip = Both(trips),
                Retransmitted = again == 0 ? "" : $"{again} ({100.0 * again / Math.Max(segments, again):0.##}%)",
                Resets = Total(IsEnd, flow => flow.Resets),
                Failed = Total(IsEnd, flow => flow.Failed),
            };
        }).OrderByDescending(row => row.Count).ThenBy(row => row.From, StringComparer.Ordinal),
    ];

    internal static void Write(Utf8JsonWriter json, IReadOnlyList<FlowSummary> rows)
    {
        json.WriteStartArray();
        foreach (FlowSummary row in rows)
        {
            json.WriteStartObject();
            json.WriteString("from", row.From);
            json.WriteString("to", row.To);
            json.WriteString("port", row.Port);
            json.WriteNumber("count", row.Count);
            json.WriteNumber("denied", row.Denied);
            json.WriteNumber("audited", row.Audited);
            json.WriteNumber("bytes", row.Bytes);
            json.WriteString("p50", row.P50);
            json.WriteString("p99", row.P99);
            json.WriteString("handshake", row.Handshake);
            json.WriteString("roundTrip", row.RoundTrip);
            json.WriteString("retransmitted", row.Retransmitted);
            json.WriteNumber("resets", row.Resets);
            json.WriteNumber("failed", row.Failed);
            json.WriteString("last", row.Last);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>A verdict about a flow that is denied is told with a drop too: it counts once.</summary>
    private static bool IsDenied(RecordedFlow flow) => flow.Flow.Type == FlowType.Drop || flow.Flow is { Type: FlowType.L7, Verdict: "denied" };

    private static bool IsEnd(RecordedFlow flow) => flow.Flow.Type == FlowType.Tcp;

    /// <summary>"0.25 / 2.05 ms": p50 and p99.</summary>
    private static string Both(uint[] sketch) => Latency.Write(sketch, 0.5) is { Length: > 0 } half ? $"{half} / {Latency.Write(sketch, 0.99)}" : "";

    private static string Who(Flow flow, bool opener)
    {
        FlowEnd? end = opener != flow.Reply ? flow.Source : flow.Destination;
        return end is null ? "?" : Flows.NameOf(end) ?? end.Ip;
    }

    private static uint[] Sum(IEnumerable<RecordedFlow> flows, Func<RecordedFlow, IReadOnlyList<uint>> sketch)
    {
        uint[] sum = [];
        foreach (IReadOnlyList<uint> counts in flows.Select(sketch))
        {
            Array.Resize(ref sum, Math.Max(sum.Length, counts.Count));
            for (int i = 0; i < counts.Count; i++)
            {
                sum[i] += counts[i];
            }
        }

        return sum;
    }
}
