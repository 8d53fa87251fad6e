// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.Diagnostics;
using Grpc.Core;
using Weir.Api;

namespace Weir.Cli;

/// <summary>"weir monitor" of several nodes. One that ends, or is not reached, is told of once and tried again; with --all-nodes those
/// that come later are followed, too.</summary>
internal sealed class NodesMonitor(Agents agents, NodeChoice choice, ParseResult parsed, MonitorRequest request, MonitorOutput output)
{
    private static readonly TimeSpan _again = TimeSpan.FromSeconds(3);

    /// <summary>What lasted so long was no attempt that failed.</summary>
    private static readonly TimeSpan _wasThere = TimeSpan.FromSeconds(15);

    /// <returns>The exit code: not 0 if events of the past were asked for, and a node did not give them.</returns>
    internal async Task<int> RunAsync(CancellationToken cancel)
    {
        if (await choice.FindAsync(agents, parsed) is not { } nodes)
        {
            return ExitCodes.BadInput;
        }

        if (!request.Follow)
        {
            bool[] all = await Task.WhenAll(nodes.Select(node => FollowOnceAsync(node, request, () => false, cancel)));
            return all.All(one => one) ? ExitCodes.Fine : ExitCodes.Failed;
        }

        using var failing = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        Dictionary<string, Task> followed = nodes.ToDictionary(node => node, node => FollowAsync(node, failing.Token));
        try
        {
            while (true)
            {
                // Whatever ends one for good, such as an output that nobody reads, ends all.
                Task ended = await Task.WhenAny([.. followed.Values, Task.Delay(_again, cancel)]);
                await ended;
                foreach (string node in choice.IsAll(parsed) ? await KnownAsync(cancel) : [])
                {
                    if (!followed.ContainsKey(node))
                    {
                        followed[node] = FollowAsync(node, failing.Token);
                    }
                }
            }
        }
        finally
        {
            await failing.CancelAsync();
        }
    }

    private async Task<IEnumerable<string>> KnownAsync(CancellationToken cancel)
    {
        ListNodesResponse answer = await agents.Own.ListNodesAsync(new ListNodesRequest(), cancellationToken: cancel);
        return answer.Nodes.Select(node => node.Name);
    }

    private async Task FollowAsync(string node, CancellationToken cancel)
    {
        // What is past is shown once.
        MonitorRequest next = request;
        bool isAway = false;
        while (true)
        {
            long began = Stopwatch.GetTimestamp();
            isAway = !await FollowOnceAsync(node, next, () => isAway && Stopwatch.GetElapsedTime(began) < _wasThere, cancel);
            next = request.Clone();
            next.Last = 0;
            await Task.Delay(_again, cancel);
        }
    }

    /// <returns>Whether it ended by itself; else why it did not was told, unless that is known.</returns>
    private async Task<bool> FollowOnceAsync(string node, MonitorRequest what, Func<bool> isKnown, CancellationToken cancel)
    {
        try
        {
            await MonitorCommand.FollowAsync(agents.Of(node), what, output, node, cancel);
            return true;
        }
        catch (RpcException e) when (!cancel.IsCancellationRequested && !NodeChoice.IsOwn(e) && e.StatusCode != StatusCode.InvalidArgument)
        {
            if (!isKnown())
            {
                await Console.Error.WriteLineAsync(TextTable.OneLine($"weir: {e.Status.Detail}{(what.Follow ? "; its flows are missing until it can be asked again" : "")}"));
            }

            return false;
        }
    }
}
