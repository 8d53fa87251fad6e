// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using Weir.Api;

namespace Weir.Ui;

/// <summary>The agent, asked with the rights of whoever runs the page; it may be gone for a while.</summary>
/// <param name="describe">Why there was no answer, for people.</param>
internal sealed class AgentLink(Api.Agent.AgentClient agent, Replay.ReplayClient record, Func<RpcException, string> describe, TimeProvider clock)
{
    private static readonly TimeSpan _between = TimeSpan.FromSeconds(1);

    internal Api.Agent.AgentClient Agent => agent;

    internal Replay.ReplayClient Record => record;

    internal TimeProvider Clock => clock;

    internal string Describe(RpcException e) => describe(e);

    /// <summary>Hands on what the agent tells, until cancelled; an agent that ends is asked again once it is back.</summary>
    /// <param name="onState">Null: it is there; else why it is not.</param>
    internal async Task FollowAsync(MonitorRequest request, Func<MonitorEvent, bool, ValueTask> onEvent, Func<string?, ValueTask> onState, CancellationToken cancel)
    {
        request.Follow = true;
        while (true)
        {
            try
            {
                using AsyncServerStreamingCall<MonitorEvent> call = agent.Monitor(request, cancellationToken: cancel);
                await call.ResponseHeadersAsync;
                await onState(null);
                IAsyncStreamReader<MonitorEvent> events = call.ResponseStream;
                Task<bool> next = events.MoveNext(cancel);
                while (await next)
                {
                    MonitorEvent e = events.Current;
                    next = events.MoveNext(cancel);
                    await onEvent(e, next.IsCompleted);
                }
            }
            catch (RpcException e) when (!cancel.IsCancellationRequested && e.StatusCode != StatusCode.InvalidArgument)
            {
                await onState(describe(e));
            }

            request.Last = 0; // they were told
            await Task.Delay(_between, clock, cancel);
        }
    }
}
