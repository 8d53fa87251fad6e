// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Weir.Api;

namespace Weir.Cli;

/// <summary>"weir explain": "weir policy explain" in fewer words, and for a time that is past.</summary>
internal static class ExplainCommand
{
    internal static Command Build()
    {
        var command = new Command("explain", "Tell why one may or may not reach another, now or at a time that is past. Ends with 0 whatever the answer is, unless --exit-code is given.");
        Argument<string> from = new Argument<string>("from") { Description = "a container, labels (role=web,app=shop), an address, a reserved name (world, host), or a service of Compose (api, shop/api)" }.Completes(Completion.Ends);
        Argument<string> to = new Argument<string>("to") { Description = "likewise, or a service of Weir's" }.Completes(Completion.Ends);
        var port = new Argument<string>("port") { Description = "80/tcp, 53/udp, icmp:8, gre" };
        Option<string> at = Moments.Option("--at", $"under the policy and the containers of then; {Moments.Example}");
        var http = new Option<string>("--http") { Description = "a request on that port: 'PUT /public'" };
        var headers = new Option<string[]>("--header") { Description = "a header of the request: 'Host: api'" };
        var exitCode = new Option<bool>("--exit-code") { Description = "end with 1 if it is, or was, denied" };
        command.Arguments.Add(from);
        command.Arguments.Add(to);
        command.Arguments.Add(port);
        command.Options.Add(at);
        command.Options.Add(http);
        command.Options.Add(headers);
        command.Options.Add(exitCode);
        command.SetAction((parsed, _) => AgentClient.AskNodesAsync(parsed, async agents =>
        {
            var question = new ExplainPolicyRequest
            {
                From = parsed.GetRequiredValue(from),
                To = parsed.GetRequiredValue(to),
                Port = parsed.GetRequiredValue(port),
                Http = parsed.GetValue(http) ?? "",
                Headers = { parsed.GetValue(headers) ?? [] },
            };
            bool allowed = parsed.GetValue(at) is { } moment
                ? await PastAsync(agents, new ExplainPastRequest { At = Moments.At(moment, DateTimeOffset.Now), Question = question }, parsed)
                : await NowAsync(agents, question, parsed);
            return parsed.GetValue(exitCode) && !allowed ? ExitCodes.Failed : ExitCodes.Fine;
        }));
        return command.WithExample("weir explain web api 80/tcp", "weir explain --at 03:12 web api 80/tcp", "weir explain --at 'yesterday 17:30' --http 'PUT /public' web api 80/tcp", "weir explain --at 2h --exit-code role=web world 443/tcp");
    }

    private static async Task<bool> NowAsync(Agents agents, ExplainPolicyRequest question, ParseResult parsed)
    {
        ExplainPolicyResponse answer = await agents.Own.ExplainPolicyAsync(question);
        if (GlobalOptions.IsJson(parsed))
        {
            Console.WriteLine(ProtoJson.Write(answer, indented: true));
        }
        else
        {
            PolicyExplainCommand.Print(answer);
        }

        return answer.Allowed;
    }

    private static async Task<bool> PastAsync(Agents agents, ExplainPastRequest request, ParseResult parsed)
    {
        ExplainPastResponse answer = await agents.Record.ExplainPastAsync(request);
        if (GlobalOptions.IsJson(parsed))
        {
            Console.WriteLine(ProtoJson.Write(answer, indented: true));
            return answer.Then.Allowed;
        }

        Console.WriteLine($"at {answer.At.ToDateTimeOffset().ToLocalTime():yyyy-MM-dd HH:mm:ss}:");
        PolicyExplainCommand.Print(answer.Then);
        Console.WriteLine(answer.Now is not { } now ? "now it cannot be asked: one of the two is not there any more"
            : now.Allowed != answer.Then.Allowed ? $"now it is {(now.Allowed ? Terminal.Green("allowed") : Terminal.Red("denied"))}"
            : $"now it is the same: {(now.Allowed ? "allowed" : "denied")}");
        foreach (string difference in answer.Differences)
        {
            Console.WriteLine(TextTable.OneLine($"  {difference}"));
        }

        return answer.Then.Allowed;
    }
}
