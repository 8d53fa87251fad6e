// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using Weir.Api;

namespace Weir.Cli;

/// <summary>All of a record that one sent to another's port.</summary>
internal sealed record FlowSummary(string From, string To, string Port, ulong Count, ulong Denied, ulong Bytes, string P50, string P99, DateTimeOffset Last)
{
    /// <summary>Those with most first.</summary>
    internal static IReadOnlyList<FlowSummary> Of(IEnumerable<RecordedFlow> flows) =>
    [
        .. flows.GroupBy(flow => (From: Who(flow.Flow, opener: true), To: Who(flow.Flow, opener: false), flow.Flow.Port)).Select(group =>
        {
            uint[] latencies = Sum(group);
            return new FlowSummary(
                group.Key.From,
                group.Key.To,
                group.Key.Port,
                group.Aggregate(0UL, (sum, flow) => sum + flow.Count),
                group.Where(IsDenied).Aggregate(0UL, (sum, flow) => sum + flow.Count),
                group.Aggregate(0UL, (sum, flow) => sum + flow.Bytes),
                Latency.Write(latencies, 0.5),
                Latency.Write(latencies, 0.99),
                group.Max(flow => flow.Last)!.ToDateTimeOffset());
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
            json.WriteNumber("bytes", row.Bytes);
            json.WriteString("p50", row.P50);
            json.WriteString("p99", row.P99);
            json.WriteString("last", row.Last);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>A verdict about a flow that is denied is told with a drop too: it counts once.</summary>
    private static bool IsDenied(RecordedFlow flow) => flow.Flow.Type == FlowType.Drop || flow.Flow is { Type: FlowType.L7, Verdict: "denied" };

    private static string Who(Flow flow, bool opener)
    {
        FlowEnd? end = opener != flow.Reply ? flow.Source : flow.Destination;
        return end is null ? "?" : Flows.NameOf(end) ?? end.Ip;
    }

    private static uint[] Sum(IEnumerable<RecordedFlow> flows)
    {
        uint[] sum = [];
        foreach (RecordedFlow flow in flows)
        {
            Array.Resize(ref sum, Math.Max(sum.Length, flow.Latencies.Count));
            for (int i = 0; i < flow.Latencies.Count; i++)
            {
                sum[i] += flow.Latencies[i];
            }
        }

        return sum;
    }
}
