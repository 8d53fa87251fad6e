// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Grpc.Core;
using Weir.Api;
using Weir.Policy.Reading;

namespace Weir.Cli;

/// <summary>"--node NAME" and "--all-nodes": whose agents are asked; with neither, this host's alone.</summary>
internal sealed class NodeChoice
{
    private const int MostAtOnce = 32;

    private readonly Option<string[]> _nodes = new Option<string[]>("--node") { Description = "ask this node of the cluster, as 'weir node list' names it; several: each of them" }.Completes(Completion.Nodes);
    private readonly Option<bool> _all = new("--all-nodes") { Description = "ask every node of the cluster" };

    private NodeChoice()
    {
    }

    internal static NodeChoice AddTo(Command command)
    {
        var choice = new NodeChoice();
        command.Options.Add(choice._nodes);
        command.Options.Add(choice._all);
        command.Validators.Add(result =>
        {
            if (result.GetValue(choice._all) && result.GetValue(choice._nodes) is { Length: > 0 })
            {
                result.AddError("say --node or --all-nodes, not both");
            }
        });
        return choice;
    }

    internal bool IsGiven(ParseResult parsed) => IsAll(parsed) || parsed.GetValue(_nodes) is { Length: > 0 };

    internal bool IsAll(ParseResult parsed) => parsed.GetValue(_all);

    /// <summary>The nodes that are asked, by name; null: there is a mistake, which is told.</summary>
    internal async Task<IReadOnlyList<string>?> FindAsync(Agents agents, ParseResult parsed)
    {
        ListNodesResponse answer = await agents.Own.ListNodesAsync(new ListNodesRequest());
        string[] known = [.. answer.Nodes.Select(node => node.Name)];
        if (known.Length == 0)
        {
            await Console.Error.WriteLineAsync($"weir: there are no nodes to ask: {answer.State}; docs/guides/many-hosts.md says how hosts become a cluster");
            return null;
        }

        if (IsAll(parsed))
        {
            return known;
        }

        string[] wanted = [.. parsed.GetValue(_nodes)!.Distinct()];
        foreach (string unknown in wanted.Except(known))
        {
            string why = NearestName.Find(unknown, known) is { } near ? $"no node has the name \"{unknown}\"; did you mean {near}?"
                : $"no node has the name \"{unknown}\":";
            await Console.Error.WriteLineAsync($"weir: --node: {why} 'weir node list' shows what there is");
        }

        return wanted.All(known.Contains) ? wanted : null;
    }

    /// <summary>Asks each of the nodes the same. Who gives no answer is told of; an end of the command says so, too.</summary>
    /// <param name="print">Gets what they say, by node.</param>
    internal async Task<int> EachAsync<T>(Agents agents, ParseResult parsed, Func<Api.Agent.AgentClient, Task<T>> ask, Action<IReadOnlyList<(string Node, T Answer)>> print)
        where T : class
    {
        if (await FindAsync(agents, parsed) is not { } nodes)
        {
            return ExitCodes.BadInput;
        }

        using var turn = new SemaphoreSlim(MostAtOnce);
        NodeAnswer<T>[] answers = await Task.WhenAll(nodes.Select(async node =>
        {
            await turn.WaitAsync();
            try
            {
                return new NodeAnswer<T>(node, await ask(agents.Of(node)), null);
            }
            catch (RpcException e) when (!IsOwn(e))
            {
                return new NodeAnswer<T>(node, null, e);
            }
            finally
            {
                turn.Release();
            }
        }));

        // What one of them has, the others need not have.
        bool found = answers.Any(answer => answer.Answer is not null);
        RpcException[] problems = [.. answers.Where(answer => answer.Problem is { } problem && !(found && problem.StatusCode == StatusCode.NotFound)).Select(answer => answer.Problem!)];
        foreach ((string node, _, RpcException? problem) in answers.Where(answer => problems.Contains(answer.Problem)))
        {
            await Console.Error.WriteLineAsync(TextTable.OneLine(problem!.StatusCode == StatusCode.Aborted ? $"weir: {problem.Status.Detail}" : $"weir: node {node}: {problem.Status.Detail}"));
        }

        print([.. answers.Where(answer => answer.Answer is not null).Select(answer => (answer.Node, answer.Answer!))]);
        return problems.Length == 0 ? ExitCodes.Fine : problems.All(problem => problem.StatusCode == StatusCode.InvalidArgument) ? ExitCodes.BadInput : ExitCodes.Failed;
    }

    /// <summary>What a node said, or why it said nothing.</summary>
    private sealed record NodeAnswer<T>(string Node, T? Answer, RpcException? Problem) where T : class;

    /// <summary>Of this host's own agent, which does not answer: no node would.</summary>
    internal static bool IsOwn(RpcException e) => e.Status.DebugException is not null || e.StatusCode is StatusCode.DeadlineExceeded or StatusCode.Unavailable;
}
