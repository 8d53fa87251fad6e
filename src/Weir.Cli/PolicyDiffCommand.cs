// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.Text.Json;
using Weir.Http.Differences;
using Weir.Policy;
using Weir.Policy.Comparison;

namespace Weir.Cli;

/// <summary>"weir policy diff".</summary>
internal static class PolicyDiffCommand
{
    private const int MostParts = 6;
    private const int LongestAnswer = 160;

    private static readonly Dictionary<string, EnforcementMode> _modes = new(StringComparer.Ordinal)
    {
        ["default"] = EnforcementMode.Default,
        ["always"] = EnforcementMode.Always,
        ["never"] = EnforcementMode.Never,
    };

    internal static Command Build()
    {
        var command = new Command("diff", "Show who could talk to whom by one policy and not by another, over all labels, addresses, ports and requests, without an agent. Ends as diff does: 0 the same, 1 different, 2 wrong input.");
        var before = new Argument<string>("old") { Description = "a file or a folder of policy" };
        var after = new Argument<string>("new") { Description = "a file or a folder of policy, compared with the old one" };
        var mode = new Option<string>("--enforcement") { Description = "as the agent's setting: default, always or never", DefaultValueFactory = _ => "default" };
        mode.AcceptOnlyFromAmong([.. _modes.Keys]);
        command.Arguments.Add(before);
        command.Arguments.Add(after);
        command.Options.Add(mode);
        command.SetAction(parsed =>
        {
            PolicySet? old = Read(parsed.GetRequiredValue(before));
            PolicySet? @new = Read(parsed.GetRequiredValue(after));
            if (old is null || @new is null)
            {
                return ExitCodes.BadInput;
            }

            PolicyComparison comparison = PolicyComparer.Compare(old, @new, _modes[parsed.GetRequiredValue(mode)]);
            if (GlobalOptions.IsJson(parsed))
            {
                Console.WriteLine(JsonText.Write(json => Write(json, comparison)));
            }
            else
            {
                Print(comparison);
            }

            return comparison.IsSame ? ExitCodes.Fine : ExitCodes.Failed;
        });
        return command.WithExample("weir policy diff policies/ new/", "weir policy diff --enforcement always old.yaml new.yaml", "weir policy diff -o json policies/ new/");
    }

    /// <returns>Null: it cannot be read, and that is said.</returns>
    private static PolicySet? Read(string path)
    {
        if (PolicyFiles.IsEmptyFolder(path))
        {
            // The first policy of all is compared with none.
            Console.Error.WriteLine($"weir: {path}: no *.yaml, *.yml or *.json is in this folder: compared as no policy");
            return PolicySet.Empty;
        }

        var texts = PolicyFiles.Read([path], out IReadOnlyList<string> unreadable);
        foreach (string fault in unreadable)
        {
            Console.Error.WriteLine($"weir: {fault}");
        }

        if (unreadable.Count > 0)
        {
            return null;
        }

        // Warnings are said by "validate".
        PolicyReadResult read = PolicyReader.ReadAll(NearPaths.Of(texts));
        ProblemLines.Print(read.Problems.Where(problem => problem.IsError));
        return read.Problems.Any(problem => problem.IsError) ? null : PolicySet.Empty.With(read.Documents);
    }

    private static void Print(PolicyComparison comparison)
    {
        foreach (PolicyDifference difference in comparison.Differences)
        {
            Console.WriteLine(TextTable.OneLine(
                $"{Cut(difference.From.Parts)} → {Cut(difference.To.Parts)} {difference.Ports}: {Coloured(difference.Before)} → {Coloured(difference.After)}"));
            foreach (string line in Lines(difference))
            {
                Console.WriteLine($"  {TextTable.OneLine(line)}");
            }
        }

        foreach (string text in comparison.Unproved)
        {
            Console.WriteLine($"not compared: {TextTable.OneLine(text)}");
        }

        Console.WriteLine(
            comparison.IsSame ? "no difference: whoever and whatever it is, on every port and for every request the verdict is the same"
            : comparison.Differences.Count == 1 ? "1 difference"
            : comparison.Differences.Count > 0 ? $"{comparison.Differences.Count} differences"
            : "no difference was found");
    }

    private static IEnumerable<string> Lines(PolicyDifference difference) =>
    [
        .. Example(difference.Opened, "passes now"),
        .. Example(difference.Closed, "passes no more"),
        .. difference.Was.Select(line => $"- {line}"),
        .. difference.Is.Select(line => $"+ {line}"),
    ];

    private static IEnumerable<string> Example(RequestExample? example, string what) => example is null ? [] : [$"for example {example}: {what}"];

    private static string Coloured(string answer)
    {
        string text = answer.Length > LongestAnswer ? answer[..LongestAnswer] + "…" : answer;
        return answer switch
        {
            "allowed" => Terminal.Green(text),
            "denied" => Terminal.Red(text),
            "audited" => Terminal.Yellow(text),
            _ => text,
        };
    }

    private static string Cut(IReadOnlyList<string> parts) =>
        string.Join(" or ", parts.Take(MostParts)) + (parts.Count > MostParts ? $" or {parts.Count - MostParts} more" : "");

    private static void Write(Utf8JsonWriter json, PolicyComparison comparison)
    {
        json.WriteStartObject();
        json.WriteBoolean("same", comparison.IsSame);
        json.WriteStartArray("differences");
        foreach (PolicyDifference difference in comparison.Differences)
        {
            json.WriteStartObject();
            Write(json, "from", difference.From.Parts);
            Write(json, "to", difference.To.Parts);
            json.WriteString("ports", difference.Ports.ToString());
            json.WriteString("before", difference.Before);
            json.WriteString("after", difference.After);
            json.WriteString("opened", difference.Opened?.ToString() ?? "");
            json.WriteString("closed", difference.Closed?.ToString() ?? "");
            Write(json, "was", difference.Was);
            Write(json, "is", difference.Is);
            json.WriteString("unproved", difference.Unproved);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        Write(json, "unproved", comparison.Unproved);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, string name, IReadOnlyList<string> texts)
    {
        json.WriteStartArray(name);
        foreach (string text in texts)
        {
            json.WriteStringValue(text);
        }

        json.WriteEndArray();
    }
}
