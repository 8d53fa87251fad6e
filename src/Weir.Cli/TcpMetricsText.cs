// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Api;

namespace Weir.Cli;

/// <summary>Metrics of TCP connections, in Prometheus' text format.</summary>
internal static class TcpMetricsText
{
    internal static void Write(StringBuilder text, IReadOnlyCollection<TcpEdge> edges)
    {
        if (edges.Count == 0)
        {
            return;
        }

        PrometheusText.Head(text, "weir_tcp_connections_total", "counter", "TCP connections of containers that ended, by how: fin, reset, failed (no answer but an error).");
        foreach (TcpEdge edge in edges)
        {
            foreach (NamedCount end in edge.Ends)
            {
                text.Append($"weir_tcp_connections_total{{{Labels(edge)},end=\"{end.Name}\"}} {end.Count}\n");
            }
        }

        PrometheusText.Head(text, "weir_tcp_bytes_total", "counter", "Content of those connections: sent by who opened them, and received.");
        foreach (TcpEdge edge in edges)
        {
            text.Append($"weir_tcp_bytes_total{{{Labels(edge)},direction=\"sent\"}} {edge.Sent}\n");
            text.Append($"weir_tcp_bytes_total{{{Labels(edge)},direction=\"received\"}} {edge.Received}\n");
        }

        Counter(text, edges, "weir_tcp_segments_total", "Segments with content that the measured ends of those connections sent.", edge => edge.Segments);
        Counter(text, edges, "weir_tcp_retransmits_total", "Segments that they sent again.", edge => edge.Retransmits);
        Histogram(text, edges, "weir_tcp_handshake_seconds", "From a SYN to the end of the handshake.", edge => edge.Handshake);
        Histogram(text, edges, "weir_tcp_round_trip_seconds", "Smoothed round trip when the connection ended.", edge => edge.RoundTrip);
    }

    private static void Counter(StringBuilder text, IEnumerable<TcpEdge> edges, string name, string help, Func<TcpEdge, ulong> value)
    {
        PrometheusText.Head(text, name, "counter", help);
        foreach (TcpEdge edge in edges)
        {
            text.Append($"{name}{{{Labels(edge)}}} {value(edge)}\n");
        }
    }

    private static void Histogram(StringBuilder text, IEnumerable<TcpEdge> edges, string name, string help, Func<TcpEdge, Durations> durations)
    {
        PrometheusText.Head(text, name, "histogram", help);
        foreach (TcpEdge edge in edges)
        {
            Durations times = durations(edge);
            foreach (LatencyBucket bucket in times.Buckets)
            {
                text.Append($"{name}_bucket{{{Labels(edge)},le=\"{bucket.Seconds:0.######}\"}} {bucket.Count}\n");
            }

            text.Append($"{name}_bucket{{{Labels(edge)},le=\"+Inf\"}} {times.Count}\n{name}_sum{{{Labels(edge)}}} {times.SumSeconds}\n{name}_count{{{Labels(edge)}}} {times.Count}\n");
        }
    }

    private static string Labels(TcpEdge edge) =>
        $"source=\"{PrometheusText.Escaped(edge.Source)}\",destination=\"{PrometheusText.Escaped(edge.Destination)}\",port=\"{PrometheusText.Escaped(edge.Port)}\"";
}
