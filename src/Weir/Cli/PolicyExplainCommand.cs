// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Weir.Api;

namespace Weir.Cli;

/// <summary>"weir policy explain".</summary>
internal static class PolicyExplainCommand
{
    internal static Command Build()
    {
        var command = new Command("explain", "Tell why one may or may not reach another.");
        var from = new Option<string>("--from") { Required = true, Description = "labels (role=web,app=shop), a container, an address, or a reserved name (world, host)" };
        var to = new Option<string>("--to") { Required = true, Description = "likewise" };
        var port = new Option<string>("--port") { Required = true, Description = "80/tcp, 53/udp, icmp:8, gre" };
        var http = new Option<string>("--http") { Description = "a request on that port: 'PUT /public'" };
        var headers = new Option<string[]>("--header") { Description = "a header of the request: 'Host: api'" };
        command.Options.Add(from);
        command.Options.Add(to);
        command.Options.Add(port);
        command.Options.Add(http);
        command.Options.Add(headers);
        command.One(
            (agent, parsed) => agent.ExplainPolicyAsync(new ExplainPolicyRequest
            {
                From = parsed.GetRequiredValue(from),
                To = parsed.GetRequiredValue(to),
                Port = parsed.GetRequiredValue(port),
                Http = parsed.GetValue(http) ?? "",
                Headers = { parsed.GetValue(headers) ?? [] },
            }),
            Print);
        return command.WithExample("weir policy explain --from role=web --to role=api --port 80/tcp", "weir policy explain --from web --to world --port 443/tcp", "weir policy explain --from role=web --to role=api --port 80/tcp --http 'PUT /public'");
    }

    private static void Print(ExplainPolicyResponse answer)
    {
        string verdict = answer.Allowed ? Terminal.Green("allowed") : Terminal.Red("denied");
        Console.WriteLine($"{answer.From} → {answer.To} {answer.Port}: {verdict}");
        Console.WriteLine("  " + TextTable.OneLine(answer.Egress.Text));
        Console.WriteLine("  " + TextTable.OneLine(answer.Ingress.Text));
    }
}
