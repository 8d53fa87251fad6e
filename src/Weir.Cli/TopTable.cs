// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using Weir.Api;

namespace Weir.Cli;

/// <summary>By what "weir top" sorts.</summary>
internal enum TopSort
{
    Bytes,
    Requests,
    Latency,
    Rtt,
    Retransmits,
    Denied,
    Connections,
}

/// <summary>A frame of "weir top" as lines.</summary>
internal static class TopTable
{
    private static readonly string[] _headings = ["FROM", "TO", "PORT", "BYTES/S", "REQ/S", "P99", "RTT P99", "RETRANS", "DENIED/S", "OPEN", "ENDED/S"];

    /// <summary>The first of them first.</summary>
    internal static IReadOnlyList<TopPair> Sort(IEnumerable<TopPair> pairs, TopSort by) =>
    [
        .. pairs.OrderByDescending(pair => by switch
        {
            TopSort.Requests => pair.Requests,
            TopSort.Latency => Latency.Microseconds(pair.Latencies, 0.99),
            TopSort.Rtt => Latency.Microseconds(pair.RoundTrips, 0.99),
            TopSort.Retransmits => pair.Retransmits,
            TopSort.Denied => pair.Denied,
            TopSort.Connections => pair.Open + pair.Ended,
            _ => (double)pair.Bytes,
        }).ThenByDescending(pair => pair.Bytes).ThenBy(pair => pair.From, StringComparer.Ordinal).ThenBy(pair => pair.To, StringComparer.Ordinal).ThenBy(pair => pair.Port, StringComparer.Ordinal),
    ];

    /// <summary>As many lines as there is room for, none longer than the terminal is wide.</summary>
    /// <param name="width">Of the terminal; names give way. Null: as wide as they are.</param>
    /// <param name="height">Lines at most. Null: all.</param>
    internal static IReadOnlyList<string> Render(TopFrame frame, TopSort by, int? width, int? height)
    {
        IReadOnlyList<TopPair> pairs = Sort(frame.Pairs, by);
        List<string> lines = [Total(frame, by)];
        if (frame.Note.Length > 0)
        {
            lines.Add(TextTable.OneLine(frame.Note));
        }

        int room = height is { } most ? Math.Max(0, most - lines.Count - 1) : pairs.Count;
        string[][] cells = [_headings, .. pairs.Take(room).Select(pair => Cells(pair, frame.Seconds))];
        int[] widths = [.. _headings.Select((_, column) => cells.Max(row => row[column].Length))];
        Shrink(widths, width);
        lines.AddRange(cells.Select(row => Cut(string.Join("  ", row.Select((cell, column) => column < 3 ? Cut(cell, widths[column]).PadRight(widths[column]) : cell.PadLeft(widths[column]))).TrimEnd(), width)));
        lines[0] = Cut(lines[0], width);
        return [.. lines.Take(height ?? lines.Count).Select(line => Cut(line, width))];
    }

    internal static void Write(Utf8JsonWriter json, TopFrame frame, TopSort by)
    {
        json.WriteStartObject();
        json.WriteString("time", frame.Time.ToDateTimeOffset());
        json.WriteNumber("seconds", Math.Round(frame.Seconds, 3));
        json.WriteNumber("lost", frame.Lost);
        json.WriteString("note", frame.Note);
        json.WriteStartArray("pairs");
        foreach (TopPair pair in Sort(frame.Pairs, by))
        {
            json.WriteStartObject();
            json.WriteString("from", pair.From);
            json.WriteString("to", pair.To);
            json.WriteString("port", pair.Port);
            json.WriteNumber("bytes", pair.Bytes);
            json.WriteNumber("requests", pair.Requests);
            json.WriteNumber("denied", pair.Denied);
            json.WriteNumber("open", pair.Open);
            json.WriteNumber("ended", pair.Ended);
            json.WriteNumber("segments", pair.Segments);
            json.WriteNumber("retransmits", pair.Retransmits);
            json.WriteNumber("resets", pair.Resets);
            json.WriteNumber("failed", pair.Failed);
            json.WriteNumber("latencyP99Us", Latency.Microseconds(pair.Latencies, 0.99));
            json.WriteNumber("roundTripP50Us", Latency.Microseconds(pair.RoundTrips, 0.5));
            json.WriteNumber("roundTripP99Us", Latency.Microseconds(pair.RoundTrips, 0.99));
            json.WriteNumber("handshakeP99Us", Latency.Microseconds(pair.Handshakes, 0.99));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static string Total(TopFrame frame, TopSort by)
    {
        double seconds = Math.Max(frame.Seconds, 0.001);
        ulong Sum(Func<TopPair, ulong> what) => frame.Pairs.Aggregate(0UL, (sum, pair) => sum + what(pair));
        string lost = frame.Lost == 0 ? "" : $", {frame.Lost} events lost";
        return $"{frame.Time.ToDateTimeOffset():HH:mm:ss}  {frame.Pairs.Count} pairs, {Sum(pair => pair.Open)} connections, {Scaled(Sum(pair => pair.Bytes) / seconds)}B/s, {Sum(pair => pair.Requests) / seconds:0.#} req/s, {Sum(pair => pair.Denied) / seconds:0.#} denied/s{lost}; by {by.ToString().ToLowerInvariant()}";
    }

    private static string[] Cells(TopPair pair, double took)
    {
        double seconds = Math.Max(took, 0.001);
        string Rate(ulong count) => count == 0 ? "" : $"{count / seconds:0.#}";
        return
        [
            TextTable.OneLine(pair.From),
            TextTable.OneLine(pair.To),
            TextTable.OneLine(pair.Port),
            pair.Bytes == 0 ? "" : Scaled(pair.Bytes / seconds),
            Rate(pair.Requests),
            Latency.Write(pair.Latencies, 0.99),
            Latency.Write(pair.RoundTrips, 0.99),
            pair.Retransmits == 0 ? "" : $"{pair.Retransmits} ({100.0 * pair.Retransmits / Math.Max(pair.Segments, pair.Retransmits):0.#}%)",
            Rate(pair.Denied),
            pair.Open == 0 ? "" : $"{pair.Open}",
            Rate(pair.Ended),
        ];
    }

    /// <summary>"999", "1.2k", "35M".</summary>
    private static string Scaled(double number)
    {
        string[] units = ["", "k", "M", "G", "T"];
        int unit = 0;
        while (number >= 1000 && unit < units.Length - 1)
        {
            number /= 1000;
            unit++;
        }

        return $"{(number < 10 && unit > 0 ? $"{number:0.#}" : $"{number:0}")}{units[unit]}";
    }

    /// <summary>Names give way to figures: the longer of the two first.</summary>
    private static void Shrink(int[] widths, int? width)
    {
        const int Least = 6;
        int Over() => widths.Sum() + (2 * (widths.Length - 1)) - width!.Value;
        while (width is not null && Over() > 0)
        {
            int longer = widths[0] >= widths[1] ? 0 : 1;
            if (widths[longer] <= Least)
            {
                return;
            }

            widths[longer] = Math.Max(Least, widths[longer] - Over() / 2 - 1);
        }
    }

    private static string Cut(string text, int? width) => width is not { } most || text.Length <= most ? text : most < 1 ? "" : text[..(most - 1)] + "…";
}
