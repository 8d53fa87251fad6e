// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Weir.Api;

namespace Weir.Cli;

/// <summary>"weir policy history".</summary>
internal static class PolicyHistoryCommand
{
    internal static Command Build()
    {
        var command = new Command("history", "List what policy was in force when, and who put it there.");
        Option<string> since = Moments.Since().Default("7d");
        Option<string> until = Moments.Until();
        command.Options.Add(since);
        command.Options.Add(until);
        command.SetAction((parsed, _) => AgentClient.AskNodesAsync(parsed, async agents =>
        {
            DateTimeOffset now = DateTimeOffset.Now;
            ListPolicyHistoryResponse answer = await agents.Record.ListPolicyHistoryAsync(new ListPolicyHistoryRequest
            {
                Since = Moments.At(parsed.GetValue(since)!, now),
                Until = parsed.GetValue(until) is { } end ? Moments.At(end, now) : null,
            });
            if (GlobalOptions.IsJson(parsed))
            {
                Console.WriteLine(ProtoJson.Write(answer, indented: true));
                return ExitCodes.Fine;
            }

            TextTable.Print(
                ["SINCE", "UNTIL", "POLICIES", "RULES", "ENFORCEMENT", "BY", "CHANGES"],
                answer.Revisions.Select(revision => new[]
                {
                    Time(revision.Since.ToDateTimeOffset()),
                    revision.Until is { } end ? Time(end.ToDateTimeOffset()) : "in force",
                    $"{revision.Policies}",
                    $"{revision.Rules}",
                    revision.Enforcement,
                    revision.By,
                    string.Join(", ", revision.Changes.Select(change => $"{change.Name} {change.Change}")),
                }));
            foreach (string note in answer.Notes)
            {
                await Console.Error.WriteLineAsync(TextTable.OneLine($"weir: {note}"));
            }

            return ExitCodes.Fine;
        }));
        return command.WithExample("weir policy history", "weir policy history --since 24h -o json");
    }

    private static string Time(DateTimeOffset time) => $"{time.ToLocalTime():yyyy-MM-dd HH:mm:ss}";
}
