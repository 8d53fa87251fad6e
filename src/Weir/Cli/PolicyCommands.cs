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
        new("policy", "Who may talk to whom.") { Apply(), Get(), Delete(), Validate(), PolicyExplainCommand.Build() };

    private static Command Apply()
    {
        var command = new Command("apply", "Put policy in force: all files, or none if one has an error.");
        Option<string[]> files = PolicyFiles.Option();
        Option<bool> dryRun = DryRun();
        command.Options.Add(files);
        command.Options.Add(dryRun);
        command.SetAction((parsed, _) =>
        {
            var texts = PolicyFiles.Read(parsed.GetRequiredValue(files), out IReadOnlyList<string> unreadable);
            return unreadable.Count > 0
                ? Task.FromResult(Refuse(unreadable))
                : AgentClient.AskAsync(parsed, async agent =>
                {
                    var request = new ApplyPolicyRequest { DryRun = parsed.GetValue(dryRun) };
                    request.Files.AddRange(texts.Select(file => new FileText { Name = file.Name, Text = file.Text }));
                    ApplyPolicyResponse answer = await agent.ApplyPolicyAsync(request);
                    foreach (Api.Problem problem in answer.Problems)
                    {
                        Console.Error.WriteLine(problem.Text);
                    }

                    bool failed = answer.Problems.Any(problem => !problem.Warning);
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
        return command.WithExample("weir policy apply -f policy.yaml", "weir policy apply --dry-run -f policies/");
    }

    private static Command Get()
    {
        var command = new Command("get", "List policies, or show one.");
        var name = new Argument<string?>("name") { Arity = ArgumentArity.ZeroOrOne, Description = "of one policy" };
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
                Console.WriteLine(answer.Policies[0].Text.TrimEnd());
            }
            else
            {
                TextTable.Print(
                    ["NAME", "KIND", "FILE", "RULES", "SELECTS"],
                    answer.Policies.Select(policy => new[]
                    {
                        policy.Name, policy.Kind, $"{policy.File}:{policy.Line}", $"{policy.Rules.Count}",
                        string.Join(",", policy.Rules.SelectMany(rule => rule.Endpoints).Distinct()),
                    }));
            }

            return ExitCodes.Fine;
        }));
        return command.WithExample("weir policy get", "weir policy get web-to-api");
    }

    private static Command Delete()
    {
        var command = new Command("delete", "Take policies away.");
        var names = new Argument<string[]>("name") { Arity = ArgumentArity.ZeroOrMore, Description = "of policies" };
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
        command.Options.Add(files);
        command.SetAction(parsed =>
        {
            var texts = PolicyFiles.Read(parsed.GetRequiredValue(files), out IReadOnlyList<string> unreadable);
            var results = texts.Select(file => (file.Name, Result: PolicyReader.Read(file.Name, file.Text))).ToList();
            foreach (Policy.Problem problem in results.SelectMany(file => file.Result.Problems))
            {
                Console.Error.WriteLine(problem);
            }

            foreach ((string name, PolicyReadResult result) in results.Where(file => !file.Result.HasErrors))
            {
                Console.WriteLine($"{name}: ok, {Count(result.Documents.Count, "policy", "policies")}, {Count(result.Documents.Sum(document => document.Rules.Count), "rule", "rules")}");
            }

            return unreadable.Count > 0 ? Refuse(unreadable)
                : results.Any(file => file.Result.HasErrors) ? ExitCodes.BadInput : ExitCodes.Fine;
        });
        return command.WithExample("weir policy validate -f policies/");
    }

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
            Console.WriteLine($"{document.Name} {(dryRun ? "would be " : "")}{document.Change} ({Count(document.Rules, "rule", "rules")})");
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
