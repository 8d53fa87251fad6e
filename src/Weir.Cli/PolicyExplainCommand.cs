// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Weir.Api;

namespace Weir.Cli;

/// <summary>"weir policy explain".</summary>
internal static class PolicyExplainCommand
{
    internal static Command Build()
    {
        var command = new Command("explain", "Tell why one may or may not reach another. Ends with 0 whatever the answer is, unless --exit-code is given.");
        var from = new Option<string>("--from") { Required = true, Description = "a container, labels (role=web,app=shop), an address, a reserved name (world, host), or a service of Compose (api, shop/api)" }.Completes(Completion.Ends);
        var to = new Option<string>("--to") { Required = true, Description = "likewise, or a service of Weir's" }.Completes(Completion.Ends);
        var port = new Option<string>("--port") { Required = true, Description = "80/tcp, 53/udp, icmp:8, gre" };
        var http = new Option<string>("--http") { Description = "a request on that port: 'PUT /public'" };
        var headers = new Option<string[]>("--header") { Description = "a header of the request: 'Host: api'" };
        var exitCode = new Option<bool>("--exit-code") { Description = "end with 1 if it is denied, also at one of several backends" };
        command.Options.Add(from);
        command.Options.Add(to);
        command.Options.Add(port);
        command.Options.Add(http);
        command.Options.Add(headers);
        command.Options.Add(exitCode);
        NodeChoice nodes = NodeChoice.AddTo(command);
        command.SetAction((parsed, _) => AgentClient.AskNodesAsync(parsed, async agents =>
        {
            var request = new ExplainPolicyRequest
            {
                From = parsed.GetRequiredValue(from),
                To = parsed.GetRequiredValue(to),
                Port = parsed.GetRequiredValue(port),
                Http = parsed.GetValue(http) ?? "",
                Headers = { parsed.GetValue(headers) ?? [] },
            };
            bool allowed = true;
            if (nodes.IsGiven(parsed))
            {
                int code = await nodes.EachAsync(agents, parsed, async agent => await agent.ExplainPolicyAsync(request), answers =>
                {
                    allowed = answers.All(one => one.Answer.Allowed);
                    Ask.PrintEach(answers, (one, _) => Print(one), parsed);
                });
                return code == ExitCodes.Fine && parsed.GetValue(exitCode) && !allowed ? ExitCodes.Failed : code;
            }

            ExplainPolicyResponse answer = await agents.Own.ExplainPolicyAsync(request);
            if (GlobalOptions.IsJson(parsed))
            {
                Console.WriteLine(ProtoJson.Write(answer, indented: true));
            }
            else
            {
                Print(answer);
            }

            return parsed.GetValue(exitCode) && !answer.Allowed ? ExitCodes.Failed : ExitCodes.Fine;
        }));
        return command.WithExample("weir policy explain --from role=web --to role=api --port 80/tcp", "weir policy explain --from web --to world --port 443/tcp", "weir policy explain --exit-code --from role=web --to 203.0.113.10 --port 80/tcp", "weir policy explain --from role=web --to role=api --port 80/tcp --http 'PUT /public'", "weir policy explain --from role=web --to role=api --port 80/tcp --all-nodes");
    }

    internal static void Print(ExplainPolicyResponse answer)
    {
        int passing = answer.Ways.Count(way => way.Allowed);
        string verdict = answer.Allowed || passing == 0 ? Verdict(answer.Allowed, answer.Audited) : Terminal.Red($"allowed at {passing} of {answer.Ways.Count} backends");
        Console.WriteLine($"{answer.From} → {answer.To} {answer.Port}: {verdict}");
        if (answer.Service.Length > 0)
        {
            Console.WriteLine($"  this is service {TextTable.OneLine(answer.Service)}; policy judges by its backends");
        }

        foreach (ExplainedWay way in answer.Ways)
        {
            if (way.To.Length > 0)
            {
                Console.WriteLine($"  → {TextTable.OneLine(way.To)}: {Verdict(way.Allowed, way.Audited)}");
            }

            string indent = way.To.Length > 0 ? "    " : "  ";
            foreach (string? line in (string?[])[way.Egress?.Text, way.Ingress?.Text, way.Obstacle, way.Note])
            {
                if (!string.IsNullOrEmpty(line))
                {
                    Console.WriteLine(indent + TextTable.OneLine(line));
                }
            }
        }
    }

    private static string Verdict(bool allowed, bool audited) =>
        !allowed ? Terminal.Red("denied") : audited ? Terminal.Yellow("allowed, audited") : Terminal.Green("allowed");
}
