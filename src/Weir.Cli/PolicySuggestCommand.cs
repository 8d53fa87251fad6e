// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Grpc.Core;
using Weir.Api;

namespace Weir.Cli;

/// <summary>"weir policy suggest".</summary>
internal static class PolicySuggestCommand
{
    internal static Command Build()
    {
        var command = new Command("suggest", "Write the policy of least privilege that covers what is on record, or that allows the one flow that was denied last.");
        var subject = new Option<string>("--for") { Description = "whom it is for: labels (role=api), a container, or a service of Compose (api, shop/api)" }.Completes(Completion.Endpoints);
        Option<string> since = Moments.Since().Default("24h");
        Option<string> until = Moments.Until();
        var includeDenied = new Option<bool>("--include-denied") { Description = "allow what was refused, too" };
        var name = new Option<string>("--name") { Description = "the policy's; made from the labels if not given" };
        var lastDenied = new Option<bool>("--last-denied") { Description = "instead of --for: allow just the flow that was denied last, of those that --from, --to and --port mean" };
        var from = new Option<string[]>("--from") { Description = "with --last-denied: flows from this container, address, label or reserved name" }.Completes(Completion.Ends);
        var to = new Option<string[]>("--to") { Description = "with --last-denied: flows to it" }.Completes(Completion.Ends);
        var ports = new Option<ushort[]>("--port") { Description = "with --last-denied: flows to this port" };
        foreach (Option option in new Option[] { subject, since, until, includeDenied, name, lastDenied, from, to, ports })
        {
            command.Options.Add(option);
        }

        command.Validators.Add(result =>
        {
            bool isOne = result.GetValue(lastDenied);
            if (isOne == (result.GetResult(subject) is not null))
            {
                result.AddError(isOne ? "say --for or --last-denied, not both" : "--for is missing: whom the policy is for, such as --for role=api; or --last-denied");
            }

            if (!isOne && new Option[] { from, to, ports }.Any(option => result.GetResult(option) is not null))
            {
                result.AddError("--from, --to and --port choose the flow of --last-denied: add that, or leave them out");
            }
        });
        command.SetAction((parsed, cancel) => AgentClient.AskNodesAsync(parsed, async agents =>
        {
            DateTimeOffset now = DateTimeOffset.Now;
            var request = new SuggestPolicyRequest
            {
                Subject = parsed.GetValue(subject) ?? "",
                Since = Moments.At(parsed.GetValue(since)!, now),
                Until = parsed.GetValue(until) is { } end ? Moments.At(end, now) : null,
                IncludeDenied = parsed.GetValue(includeDenied),
                Name = parsed.GetValue(name) ?? "",
            };
            if (parsed.GetValue(lastDenied))
            {
                var filter = new MonitorRequest
                {
                    Types_ = { FlowType.Drop, FlowType.L7 },
                    From = { parsed.GetValue(from) ?? [] },
                    To = { parsed.GetValue(to) ?? [] },
                    Ports = { (parsed.GetValue(ports) ?? []).Select(port => (uint)port) },
                };
                request.Flow = await LastDeniedAsync(agents.Own, new ListFlowsRequest { Since = request.Since, Until = request.Until, Filter = filter }, cancel);
                if (request.Flow is null)
                {
                    await Console.Error.WriteLineAsync("weir: no such flow was denied in that time: 'weir flows --type drop' shows those that were");
                    return ExitCodes.Failed;
                }
            }

            return Print(await agents.Record.SuggestPolicyAsync(request), parsed);
        }));
        return command.WithExample("weir policy suggest --for role=api --since 24h > api.yaml", "weir policy suggest --for shop/api --since 7d --include-denied", "weir policy suggest --last-denied --from web --to api --port 8080");
    }

    private static int Print(SuggestPolicyResponse answer, ParseResult parsed)
    {
        if (GlobalOptions.IsJson(parsed))
        {
            Console.WriteLine(ProtoJson.Write(answer, indented: true));
        }
        else
        {
            // As it is: it goes to a file, and what is in names was made harmless where it was written.
            Console.Write(answer.Yaml);
        }

        foreach (string note in answer.Notes)
        {
            Console.Error.WriteLine(TextTable.OneLine($"weir: {note}"));
        }

        if (answer.Yaml.Length > 0)
        {
            return ExitCodes.Fine;
        }

        Console.Error.WriteLine($"weir: there is nothing on record of that time that a policy could be made of: {answer.Flows} flows of theirs were looked at");
        foreach (LeftOut left in answer.LeftOut.Take(10))
        {
            Console.Error.WriteLine(TextTable.OneLine($"  {left.What}: {(left.Flows == 1 ? "once" : $"{left.Flows} times")}; {left.Why}"));
        }

        return ExitCodes.Failed;
    }

    private static async Task<Flow?> LastDeniedAsync(Api.Agent.AgentClient agent, ListFlowsRequest request, CancellationToken cancel)
    {
        RecordedFlow? last = null;
        using AsyncServerStreamingCall<ListFlowsResponse> call = agent.ListFlows(request, cancellationToken: cancel);
        await foreach (ListFlowsResponse part in call.ResponseStream.ReadAllAsync(cancel))
        {
            bool isDenied = part.Flow is { Flow: { Type: FlowType.Drop, DropReason: "policy-denied" or "policy-deny-rule" or "not-published" or "not-routed" } or { Type: FlowType.L7, Http.Verdict: "refused" } };
            last = isDenied && (last is null || part.Flow.Last >= last.Last) ? part.Flow : last;
        }

        return last?.Flow;
    }
}
