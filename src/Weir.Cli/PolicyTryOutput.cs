// SPDX-License-Identifier: Apache-2.0

using Weir.Api;

namespace Weir.Cli;

/// <summary>"weir policy apply --dry-run --since": what a draft would have made of the record, for people.</summary>
internal static class PolicyTryOutput
{
    internal static void Print(TryPolicyResponse answer)
    {
        foreach (DocumentChange document in answer.Documents)
        {
            Console.WriteLine(TextTable.OneLine($"{document.Name} would be {document.Change} ({document.Rules} {(document.Rules == 1 ? "rule" : "rules")})"));
        }

        if (answer.Flows == 0)
        {
            Console.WriteLine("there is nothing on record of that time that policy judged");
        }
        else
        {
            Console.WriteLine($"looked at {Number(answer.Flows)} {Flows(answer.Flows)} from {answer.First.ToDateTimeOffset().ToLocalTime():yyyy-MM-dd HH:mm} to {answer.Last.ToDateTimeOffset().ToLocalTime():yyyy-MM-dd HH:mm}");
            Print(answer, "refused", answer.Refused, $"would refuse {Number(answer.Refused)} of {Number(answer.Flows)} {Flows(answer.Flows)}", Terminal.Red);
            Print(answer, "allowed", answer.Allowed, $"would newly allow {Number(answer.Allowed)}", Terminal.Green);
            Print(answer, "unknown", answer.Unknown, $"cannot tell of {Number(answer.Unknown)}", Terminal.Dim);
        }

        if (answer.GroupsLeftOut > 0)
        {
            Console.WriteLine($"and {answer.GroupsLeftOut} groups more: -o json has them all");
        }

        foreach (string note in answer.Notes)
        {
            Console.Error.WriteLine(TextTable.OneLine($"weir: {note}"));
        }
    }

    private static void Print(TryPolicyResponse answer, string outcome, ulong count, string title, Func<string, string> colour)
    {
        if (count == 0 && outcome != "refused")
        {
            return;
        }

        TriedFlows[] groups = [.. answer.Groups.Where(group => group.Outcome == outcome)];
        Console.WriteLine(count == 0 ? title : colour(title + (groups.Length > 0 ? ":" : "")));
        foreach (TriedFlows group in groups)
        {
            string request = group.Request.Length == 0 ? "" : $" {group.Request}";
            string last = $"{group.Last.ToDateTimeOffset().ToLocalTime():yyyy-MM-dd HH:mm:ss}";
            Console.WriteLine(TextTable.OneLine($"  {Name(group.Source)} → {Name(group.Destination)} {group.Port}{request}: {(group.Count == 1 ? "once" : $"{Number(group.Count)} times")}, last {last}{(group.SameNow ? "; so does the policy in force" : "")}"));
            Console.WriteLine(TextTable.OneLine($"    {group.Text}"));
        }
    }

    private static string Name(FlowEnd end) => Cli.Flows.NameOf(end) is { } name && !name.StartsWith("reserved:world", StringComparison.Ordinal) ? name
        : end.Ip.Length > 0 ? end.Ip : "somebody outside";

    private static string Flows(ulong count) => count == 1 ? "flow" : "flows";

    /// <summary>"18 204".</summary>
    private static string Number(ulong number) => number.ToString("#,0", System.Globalization.CultureInfo.InvariantCulture).Replace(',', ' ');
}
