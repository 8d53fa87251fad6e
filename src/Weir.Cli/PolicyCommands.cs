// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Google.Protobuf.Collections;
using Weir.Api;
using Weir.Policy;

namespace Weir.Cli;

/// <summary>"weir policy …".</summary>
internal static class PolicyCommands
{
    internal static Command Build() =>
        new("policy", "Who may talk to whom.") { Apply(), Get(), Delete(), Validate(), PolicyTestCommand.Build(), PolicyDiffCommand.Build(), PolicyExplainCommand.Build(), PolicySuggestCommand.Build(), PolicyHistoryCommand.Build() };

    private static Option<bool> Strict() => new("--strict") { Description = "take a warning for an error (exit code 2)" };

    private static Command Apply()
    {
        var command = new Command("apply", "Put policy in force: all files, or none if one has an error.");
        Option<string[]> files = PolicyFiles.Option();
        Option<bool> dryRun = DryRun();
        Option<bool> strict = Strict();
        var audit = new Option<bool>("--audit") { Description = "judge by these policies and report what they would refuse, and refuse nothing; apply without it to enforce them" };
        command.Options.Add(files);
        command.Options.Add(dryRun);
        command.Options.Add(strict);
        command.Options.Add(audit);
        PolicyTry record = PolicyTry.AddTo(command, dryRun, strict, audit);
        command.SetAction((parsed, _) =>
        {
            var texts = PolicyFiles.Read(parsed.GetRequiredValue(files), out IReadOnlyList<string> unreadable);
            return unreadable.Count > 0 ? Task.FromResult(Refuse(unreadable))
                : record.IsAsked(parsed) ? record.RunAsync(parsed, texts)
                : AgentClient.AskAsync(parsed, async agent =>
                {
                    var request = new ApplyPolicyRequest { DryRun = parsed.GetValue(dryRun), Strict = parsed.GetValue(strict), Audit = parsed.GetValue(audit) };
                    request.Files.AddRange(texts.Select(file => new FileText { Name = file.Name, Text = file.Text }));
                    ApplyPolicyResponse answer = await agent.ApplyPolicyAsync(request);
                    ProblemLines.Print(answer.Problems);

                    bool failed = answer.Problems.Any(problem => problem is { Warning: false, Notice: false });
                    if (GlobalOptions.IsJson(parsed))
                    {
                        Console.WriteLine(ProtoJson.Write(answer, indented: true));
                    }
                    else if (!failed)
                    {
                        Print(answer.Documents, answer.Changes, request.DryRun, answer.Revision, answer.EndpointsChanged);
                    }

                    return failed ? ExitCodes.BadInput : ExitCodes.Fine;
                });
        });
        return command.WithExample("weir policy apply -f policy.yaml", "weir policy apply --dry-run -f policies/", "weir policy apply --dry-run --since 7d -f policy.yaml", "weir policy apply --audit -f policy.yaml");
    }

    private static Command Get()
    {
        var command = new Command("get", "List policies, or show one.");
        var name = new Argument<string?>("name") { Arity = ArgumentArity.ZeroOrOne, Description = "of one policy, with its namespace: shop/web; where several kinds have it, also with the kind: NetworkPolicy/shop/web" }.Completes(Completion.Policies);
        command.Arguments.Add(name);
        command.SetAction((parsed, _) => AgentClient.AskAsync(parsed, async agent =>
        {
            string? wanted = parsed.GetValue(name);
            ListPoliciesResponse answer = await agent.ListPoliciesAsync(new ListPoliciesRequest { Name = wanted ?? "" });
            if (GlobalOptions.IsJson(parsed))
            {
                Console.WriteLine(ProtoJson.Write(answer.Policies, indented: true));
            }
            else if (wanted is not null)
            {
                Warn(answer.Policies);
                if (Applied(answer.Policies[0]) is { Length: > 0 } applied)
                {
                    // Beside the text, which may go to a file.
                    await Console.Error.WriteLineAsync($"applied {applied}{(answer.Policies[0].AppliedInAudit ? " with --audit" : "")}, from {answer.Policies[0].File}:{answer.Policies[0].Line}");
                }

                Console.WriteLine(answer.Policies[0].Text.TrimEnd());
            }
            else
            {
                Warn(answer.Policies);
                TextTable.Print(
                    ["NAME", "KIND", "MODE", "FILE", "RULES", "SELECTS", "WARNINGS", "APPLIED"],
                    answer.Policies.Select(policy => new[]
                    {
                        policy.Name, policy.Kind, Mode(policy.AuditedRules, policy.Rules.Count), $"{policy.File}:{policy.Line}", $"{policy.Rules.Count}",
                        string.Join(",", policy.Rules.SelectMany(rule => rule.Endpoints).Distinct()), $"{policy.Problems.Count(problem => problem.Warning)}", Applied(policy),
                    }));
                foreach (string line in Places(answer))
                {
                    Console.WriteLine(TextTable.OneLine(line));
                }
            }

            return ExitCodes.Fine;
        }));
        return command.WithExample("weir policy get", "weir policy get web-to-api");
    }

    /// <summary>Where the policy of all nodes is in force, and why not elsewhere.</summary>
    private static IEnumerable<string> Places(ListPoliciesResponse answer)
    {
        if (answer.SharedRevision == 0)
        {
            yield break;
        }

        PolicyNode[] lacking = [.. answer.Nodes.Where(node => !node.InForce)];
        yield return $"revision {answer.SharedRevision} of all nodes is in force on {(lacking.Length == 0 ? $"all {answer.Nodes.Count}" : $"{answer.Nodes.Count - lacking.Length} of {answer.Nodes.Count}")}";
        foreach (PolicyNode node in lacking)
        {
            yield return node.Revision != answer.SharedRevision
                ? $"node {node.Node} has not heard of it yet: {(node.Revision == 0 ? "it has none" : $"it has revision {node.Revision}")}"
                : $"node {node.Node} cannot put it in force, and keeps what it had: {node.Problem}";
        }
    }

    private static string Mode(int audited, int rules) => audited == 0 ? "enforce" : audited == rules ? "audit" : $"audit {audited} of {rules}";

    /// <summary>"2026-11-28 05:00:00Z by root"; empty: it was not noted.</summary>
    private static string Applied(Api.Policy policy) =>
        policy.AppliedAt is { } time ? $"{time.ToDateTimeOffset():yyyy-MM-dd HH:mm:ss}Z by {(policy.AppliedBy.Length > 0 ? policy.AppliedBy : "somebody")}" : "";

    private static Command Delete()
    {
        var command = new Command("delete", "Take policies away.");
        var names = new Argument<string[]>("name") { Arity = ArgumentArity.ZeroOrMore, Description = "of policies, as 'weir policy get' takes them" }.Completes(Completion.Policies);
        var all = new Option<bool>("--all") { Description = "every policy" };
        Option<bool> dryRun = DryRun();
        command.Arguments.Add(names);
        command.Options.Add(all);
        command.Options.Add(dryRun);
        command.Validators.Add(result =>
        {
            if (result.GetValue(all) == (result.GetValue(names) is { Length: > 0 }))
            {
                result.AddError("name policies, or say --all");
            }
        });
        command.SetAction((parsed, _) => AgentClient.AskAsync(parsed, async agent =>
        {
            DeletePolicyResponse answer = await agent.DeletePolicyAsync(new DeletePolicyRequest
            {
                Names = { parsed.GetValue(names) ?? [] },
                All = parsed.GetValue(all),
                DryRun = parsed.GetValue(dryRun),
            });
            if (GlobalOptions.IsJson(parsed))
            {
                Console.WriteLine(ProtoJson.Write(answer, indented: true));
            }
            else
            {
                Print(answer.Documents, answer.Changes, parsed.GetValue(dryRun), answer.Revision, answer.EndpointsChanged);
            }

            return ExitCodes.Fine;
        }));
        return command.WithExample("weir policy delete web-to-api", "weir policy delete --all --dry-run");
    }

    private static Command Validate()
    {
        var command = new Command("validate", "Check policy files without an agent.");
        Option<string[]> files = PolicyFiles.Option();
        Option<bool> strict = Strict();
        command.Options.Add(files);
        command.Options.Add(strict);
        command.SetAction(parsed =>
        {
            var texts = PolicyFiles.Read(parsed.GetRequiredValue(files), out IReadOnlyList<string> unreadable);
            return unreadable.Count > 0 ? Refuse(unreadable) : Validate(texts, parsed.GetValue(strict));
        });
        return command.WithExample("weir policy validate -f policies/", "weir policy validate --strict -f policies/");
    }

    private static int Validate(IReadOnlyList<(string Name, string Text)> files, bool strict)
    {
        PolicyReadResult read = PolicyReader.ReadAll(files);
        Policy.Problem[] problems = [.. read.Problems, .. read.Documents.SelectMany(document => PolicyCheck.Find(document, HostFacts.Unknown))];
        ProblemLines.Print(problems);

        HashSet<string?> bad = [.. problems.Where(problem => problem.IsError).Select(problem => problem.Location?.File)];
        foreach ((string name, string text) in files.Where(file => !bad.Contains(file.Name)))
        {
            // A file may have objects alone that are no policies.
            if (PolicyReader.Read(name, text).Documents is { Count: > 0 } documents)
            {
                Console.WriteLine($"{name}: ok, {Count(documents.Count, "policy", "policies")}, {Count(documents.Sum(document => document.Rules.Count), "rule", "rules")}");
            }
        }

        int warnings = problems.Count(problem => problem.IsWarning);
        if (strict && bad.Count == 0 && warnings > 0)
        {
            Console.Error.WriteLine($"weir: --strict: {Count(warnings, "warning is an error", "warnings are errors")}");
        }

        return bad.Count > 0 || (strict && warnings > 0) ? ExitCodes.BadInput : ExitCodes.Fine;
    }

    private static void Warn(IEnumerable<Api.Policy> policies) => ProblemLines.Print(policies.SelectMany(policy => policy.Problems));

    private static Option<bool> DryRun() => new("--dry-run") { Description = "change nothing; show who could talk to whom afterwards" };

    private static int Refuse(IEnumerable<string> problems)
    {
        foreach (string problem in problems)
        {
            Console.Error.WriteLine($"weir: {problem}");
        }

        return ExitCodes.BadInput;
    }

    private static string Count(int count, string one, string many) => count == 1 ? $"1 {one}" : $"{count} {many}";

    private static void Print(IEnumerable<DocumentChange> documents, RepeatedField<AccessChange> changes, bool dryRun, uint revision, int endpoints)
    {
        foreach (DocumentChange document in documents)
        {
            Console.WriteLine($"{document.Name} {(dryRun ? "would be " : "")}{document.Change} ({Count(document.Rules, "rule", "rules")}{(document.AuditedRules == 0 || document.Change == "deleted" ? "" : document.AuditedRules == document.Rules ? ", in audit: not enforced" : $", {document.AuditedRules} of them in audit: not enforced")})");
        }

        if (!dryRun)
        {
            Console.WriteLine($"revision {revision}, {Count(endpoints, "endpoint", "endpoints")} changed");
        }
        else if (changes.Count == 0)
        {
            Console.WriteLine("nobody could talk to more or fewer than now");
        }
        else
        {
            TextTable.Print(
                ["FROM", "TO", "PORT", "NOW", "THEN"],
                changes.Select(change => new[] { change.From, change.To, change.Ports, change.Before, change.After }));
        }
    }
}
