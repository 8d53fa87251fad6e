// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using Grpc.Core;
using Weir.Api;
using Weir.Flows;

namespace Weir.Agent;

/// <summary>The gRPC API about what is measured now.</summary>
internal sealed class MeasureService(Datapath.Datapath datapath, FlowHub flows, FlowDecoder decoder, TimeProvider time, IHostApplicationLifetime lifetime) : Measurements.MeasurementsBase
{
    private const double Least = 0.2;
    private const double Most = 60;
    private const double Default = 2;

    public override async Task MonitorTop(MonitorTopRequest request, IServerStreamWriter<TopFrame> responseStream, ServerCallContext context)
    {
        double seconds = request.Seconds == 0 ? Default : request.Seconds;
        if (double.IsNaN(seconds) || seconds is < Least or > Most)
        {
            throw new RpcException(new Grpc.Core.Status(StatusCode.InvalidArgument, $"an interval is {Least} to {Most} seconds"));
        }

        using var ending = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.ApplicationStopping);
        FlowFilter filter = TopSums.FilterOf(request.Filter);
        using FlowSubscription subscription = flows.Subscribe(filter, 0);
        var sums = new TopSums(record => decoder.Decode(in record), filter);
        sums.Begin(datapath.ReadConnections());
        ulong lostBefore = flows.Lost;
        long began = Stopwatch.GetTimestamp();
        try
        {
            do
            {
                await TakeInAsync(subscription, sums, TimeSpan.FromSeconds(seconds), ending.Token);
                ulong lost = flows.Lost;
                TopFrame frame = sums.Take(datapath.ReadConnections(), lost - lostBefore + (ulong)subscription.TakeLost(), time.GetUtcNow(), Stopwatch.GetElapsedTime(began));
                began = Stopwatch.GetTimestamp();
                lostBefore = lost;
                frame.Note = datapath.IsMeasuring ? "" : "TCP connections are not measured (measure: off, or see weir status): only requests and denials are told";
                await responseStream.WriteAsync(frame, ending.Token);
            }
            while (!request.Once);
        }
        catch (OperationCanceledException) when (context.CancellationToken.IsCancellationRequested)
        {
            // The caller has seen enough.
        }
        catch (OperationCanceledException)
        {
            throw new RpcException(new Grpc.Core.Status(StatusCode.Unavailable, "the agent stops"));
        }
    }

    private static async Task TakeInAsync(FlowSubscription subscription, TopSums sums, TimeSpan wait, CancellationToken cancel)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        over.CancelAfter(wait);
        try
        {
            while (await subscription.Reader.WaitToReadAsync(over.Token))
            {
                while (!over.IsCancellationRequested && subscription.Reader.TryRead(out FlowRecord record))
                {
                    sums.Add(in record);
                }
            }
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            // The interval is over.
        }
    }
}
