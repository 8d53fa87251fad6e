// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using Weir.Api;
using Weir.Cli;

namespace Weir.Ui;

/// <summary>Who talks to whom, for one open page: what was on record, then what changes, once a second. However much flows, the
/// page hears of an edge once a second.</summary>
internal sealed class MapStream(AgentLink link, HttpContext context)
{
    private const int EndpointsEvery = 5; // ticks

    private static readonly TimeSpan _tick = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly EdgeBook _book = new(link.Clock);
    private string? _away;
    private ulong _lost;

    internal async Task RunAsync()
    {
        ListFlowsRequest past;
        try
        {
            past = FlowQuery.Past(context.Request.Query, link.Clock);
        }
        catch (RpcException e)
        {
            await Answers.RefuseAsync(context, StatusCodes.Status400BadRequest, e.Status.Detail);
            return;
        }

        await Answers.BeginLinesAsync(context);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        Task follow = FollowAsync(past.Filter.Types_.Count > 0 ? past.Filter : new MonitorRequest(past.Filter) { Types_ = { FlowType.Drop, FlowType.Verdict, FlowType.L7, FlowType.Tcp } }, end.Token);
        try
        {
            await WaitAsync(LookBackAsync(past, end.Token), end.Token);
            using var timer = new PeriodicTimer(_tick, link.Clock);
            int ticks = 0;
            do
            {
                if (ticks++ % EndpointsEvery == 0)
                {
                    await LookAtEndpointsAsync(end.Token);
                }

                string line;
                lock (_lock)
                {
                    line = _book.TakeChanges(_away, _lost);
                }

                await Answers.WriteLineAsync(context, line, flush: true);
            }
            while (!follow.IsFaulted && await timer.WaitForNextTickAsync(end.Token));
        }
        finally
        {
            await end.CancelAsync();
            await follow.ContinueWith(_ => { }, TaskScheduler.Default);
        }
    }

    /// <summary>A record of days takes seconds to read: the page hears meanwhile that it is not forgotten.</summary>
    private async Task WaitAsync(Task past, CancellationToken cancel)
    {
        while (await Task.WhenAny(past, Task.Delay(_tick, link.Clock, cancel)) != past)
        {
            cancel.ThrowIfCancellationRequested();
            await Answers.WriteLineAsync(context, """{"wait":true}""", flush: true);
        }

        await past;
    }

    private async Task LookBackAsync(ListFlowsRequest past, CancellationToken cancel)
    {
        try
        {
            using AsyncServerStreamingCall<ListFlowsResponse> call = link.Agent.ListFlows(past, cancellationToken: cancel);
            await foreach (ListFlowsResponse part in call.ResponseStream.ReadAllAsync(cancel))
            {
                if (part.Flow is { } recorded)
                {
                    lock (_lock)
                    {
                        _book.Add(recorded);
                    }
                }
            }
        }
        catch (RpcException e) when (!cancel.IsCancellationRequested)
        {
            Note(link.Describe(e));
        }
    }

    private async Task LookAtEndpointsAsync(CancellationToken cancel)
    {
        try
        {
            ListEndpointsResponse answer = await link.Agent.ListEndpointsAsync(new ListEndpointsRequest(), cancellationToken: cancel);
            lock (_lock)
            {
                _book.Set(answer.Endpoints);
            }
        }
        catch (RpcException e) when (!cancel.IsCancellationRequested)
        {
            Note(link.Describe(e));
        }
    }

    private Task FollowAsync(MonitorRequest filter, CancellationToken cancel) => link.FollowAsync(
        filter.Clone(),
        (e, _) =>
        {
            lock (_lock)
            {
                if (e.Flow is { } flow)
                {
                    _book.Add(flow);
                }

                _lost += e.Lost?.Count ?? 0;
            }

            return ValueTask.CompletedTask;
        },
        away =>
        {
            Note(away);
            return ValueTask.CompletedTask;
        },
        cancel);

    private void Note(string? away)
    {
        lock (_lock)
        {
            _away = away;
        }
    }
}
