// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Grpc.Core;
using Weir.Api;

namespace Weir.Cli;

/// <summary>"weir flows": what is on record.</summary>
internal static class FlowsCommand
{
    internal static Command Build()
    {
        var command = new Command("flows", "Show flows and requests of the past, as the agent wrote them down.");
        Option<string> since = Moments.Since().Default("1h");
        Option<string> until = Moments.Until();
        var options = new FlowOptions("drop, verdict, l7 (requests) or tcp (connections that ended); all if not given", "drop", "verdict", "l7", "tcp");
        var summary = new Option<bool>("--summary") { Description = "who spoke to whom: how often, how much was denied, how long it took" };
        command.Options.Add(since);
        command.Options.Add(until);
        options.AddTo(command);
        command.Options.Add(summary);
        command.SetAction((parsed, cancel) => AgentClient.AskAsync(parsed, async agent =>
        {
            DateTimeOffset now = DateTimeOffset.Now;
            var request = new ListFlowsRequest { Since = Moments.At(parsed.GetValue(since)!, now), Filter = options.Request(parsed) };
            request.Until = parsed.GetValue(until) is { } end ? Moments.At(end, now) : null;
            bool isJson = GlobalOptions.IsJson(parsed);
            List<RecordedFlow> flows = [];
            List<string> notes = [];
            using AsyncServerStreamingCall<ListFlowsResponse> call = agent.ListFlows(request, cancellationToken: cancel);
            await foreach (ListFlowsResponse part in call.ResponseStream.ReadAllAsync(cancel))
            {
                if (part.Note is { } note)
                {
                    notes.Add(note.Text);
                }
                else if (parsed.GetValue(summary))
                {
                    flows.Add(part.Flow);
                }
                else
                {
                    Console.WriteLine(isJson ? ProtoJson.Write(part.Flow, indented: false) : Line(part.Flow, now));
                }
            }

            if (parsed.GetValue(summary))
            {
                Print(FlowSummary.Of(flows), isJson);
            }

            foreach (string note in notes)
            {
                await Console.Error.WriteLineAsync(TextTable.OneLine($"weir: {note}"));
            }

            return ExitCodes.Fine;
        }));
        return command.WithExample("weir flows --since 24h --to api", "weir flows --since 1h --summary", "weir flows --since 03:00 --until 03:30 --type drop", "weir flows --since 24h --verdict audited", "weir flows --since 7d --from web -o json");
    }

    private static string Line(RecordedFlow recorded, DateTimeOffset now)
    {
        DateTimeOffset last = recorded.Last.ToDateTimeOffset();
        string when = last.UtcDateTime.Date == now.UtcDateTime.Date ? $"{last:HH:mm:ss}" : $"{last:yyyy-MM-dd HH:mm:ss}";
        string times = recorded.Count == 1 ? "" : $"{recorded.Count} times: ";
        string took = recorded.Flow.Type == FlowType.Tcp ? Flows.Measured(recorded)
            : recorded.Latencies.Count == 0 ? "" : $"p50 {Latency.Write(recorded.Latencies, 0.5)}, p99 {Latency.Write(recorded.Latencies, 0.99)}";
        return $"{when} {times}{Flows.What(recorded.Flow, took)}";
    }

    private static string Few(ulong count) => count == 0 ? "" : $"{count}";

    private static void Print(IReadOnlyList<FlowSummary> rows, bool isJson)
    {
        if (isJson)
        {
            Console.WriteLine(JsonText.Write(json => FlowSummary.Write(json, rows), indented: true));
            return;
        }

        TextTable.Print(
            ["FROM", "TO", "PORT", "SEEN", "DENIED", "AUDITED", "BYTES", "P50", "P99", "HANDSHAKE", "RTT", "RETRANS", "RESETS", "FAILED", "LAST"],
            rows.Select(row => new[] { row.From, row.To, row.Port, $"{row.Count}", Few(row.Denied), Few(row.Audited), $"{row.Bytes}", row.P50, row.P99, row.Handshake, row.RoundTrip, row.Retransmitted, Few(row.Resets), Few(row.Failed), $"{row.Last:yyyy-MM-dd HH:mm:ss}" }));
    }
}
