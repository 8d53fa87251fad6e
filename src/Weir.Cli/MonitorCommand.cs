// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.Runtime.InteropServices;
using Grpc.Core;
using Weir.Api;

namespace Weir.Cli;

/// <summary>"weir monitor".</summary>
internal static class MonitorCommand
{
    private const int BrokenPipe = 32; // EPIPE, which the framework has no exception for

    internal static Command Build()
    {
        var command = new Command("monitor", "Show drops, verdicts and packets as they happen.");
        var options = new FlowOptions("drop, verdict, l7 (requests), tcp (connections that ended, as they were measured) or trace (every packet); all but the last two if not given", "drop", "verdict", "l7", "tcp", "trace");
        options.AddTo(command);
        var last = new Option<int>("--last") { Description = "begin with so many events of the past, at most 4096" }.Positive();
        var noFollow = new Option<bool>("--no-follow") { Description = "end after those of the past" };
        foreach (Option option in new Option[] { last, noFollow })
        {
            command.Options.Add(option);
        }

        NodeChoice nodes = NodeChoice.AddTo(command);
        command.SetAction((parsed, cancel) => AgentClient.AskNodesAsync(parsed, async agents =>
        {
            // Not by System.CommandLine: asked to mind signals, it would cut the end of "weir agent" short.
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal =>
            {
                signal.Cancel = true;
                stop.Cancel();
            });
            MonitorRequest request = options.Request(parsed);
            request.Last = parsed.GetValue(noFollow) && parsed.GetValue(last) == 0 ? int.MaxValue : parsed.GetValue(last);
            request.Follow = !parsed.GetValue(noFollow);
            await using var output = new MonitorOutput(GlobalOptions.IsJson(parsed));
            try
            {
                if (nodes.IsGiven(parsed))
                {
                    return await new NodesMonitor(agents, nodes, parsed, request, output).RunAsync(stop.Token);
                }

                await FollowAsync(agents.Own, request, output, null, stop.Token);
            }
            catch (Exception e) when (stop.IsCancellationRequested && e is OperationCanceledException or RpcException { StatusCode: StatusCode.Cancelled })
            {
                // Ctrl+C is how this ends.
            }
            catch (IOException e) when (e.HResult == BrokenPipe)
            {
                // The reader of the output has seen enough.
            }

            return ExitCodes.Fine;
        }));
        return command.WithExample("weir monitor --type drop", "weir monitor --type l7 --to api", "weir monitor --related-to web --port 80 -o json", "weir monitor --verdict audited", "weir monitor --last 20 --no-follow", "weir monitor --type drop --all-nodes");
    }

    /// <summary>Prints what one agent tells, until it ends.</summary>
    /// <param name="node">Whose it is; null: nobody asks.</param>
    internal static async Task FollowAsync(Api.Agent.AgentClient agent, MonitorRequest request, MonitorOutput output, string? node, CancellationToken cancel)
    {
        using AsyncServerStreamingCall<MonitorEvent> call = agent.Monitor(request, cancellationToken: cancel);
        await foreach (MonitorEvent e in call.ResponseStream.ReadAllAsync(cancel))
        {
            await output.WriteAsync(e, node);
        }
    }
}
