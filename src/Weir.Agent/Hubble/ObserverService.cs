// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Weir.Api.Hubble;
using Weir.Cli;
using Weir.Control;
using Weir.Control.Cluster;
using Weir.Flows;
using Weir.Flows.Hubble;
using Flow = Weir.Api.Hubble.Flow;

namespace Weir.Agent.Hubble;

/// <summary>Hubble's service: what Weir knows, in its words.</summary>
internal sealed class ObserverService(ControlPlane control, FlowHub flows, FlowRecorder record, HubbleWriter writer, HubbleDoor door, AgentConfig config, DatapathTables tables, IHostApplicationLifetime lifetime, TimeProvider time)
    : Observer.ObserverBase
{
    /// <summary>Filters are read before anything is known of who asks.</summary>
    internal const int MostQuestion = 256 * 1024;

    private static readonly TimeSpan _lately = TimeSpan.FromMinutes(1);

    private readonly DateTimeOffset _started = time.GetUtcNow();

    public override async Task GetFlows(GetFlowsRequest request, IServerStreamWriter<GetFlowsResponse> responseStream, ServerCallContext context)
    {
        (HubbleFilter filter, FieldMask? mask) = Read(request);
        using IDisposable place = HubbleDoor.TryEnter(context.GetHttpContext())
            ?? throw new RpcException(new Grpc.Core.Status(StatusCode.ResourceExhausted, "too many ask for flows at once: end one of the others"));
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.ApplicationStopping);
        DateTimeOffset until = request.Until?.ToDateTimeOffset() ?? DateTimeOffset.MaxValue;
        bool isFollowed = request.Follow && until > time.GetUtcNow();
        using FlowSubscription? live = isFollowed ? flows.Subscribe(new Flows.FlowFilter(new Api.MonitorRequest { Types_ = { filter.Types } }), FlowHub.Kept) : null;
        var past = new HubblePast(writer, (from, to) => record.Read(from, to, new Flows.FlowFilter(new Api.MonitorRequest()), _ => { }));
        try
        {
            foreach (Flow flow in past.Select(request, filter, live?.Past ?? flows.Last(), time.GetUtcNow()))
            {
                await WriteAsync(flow, mask, responseStream, ending.Token);
            }

            if (live is not null)
            {
                ending.CancelAfterUntil(until, time);
                await FollowAsync(live, filter, mask, responseStream, context, ending.Token);
            }
        }
        catch (OperationCanceledException)
        {
            if (lifetime.ApplicationStopping.IsCancellationRequested)
            {
                throw new RpcException(new Grpc.Core.Status(StatusCode.Unavailable, "the agent stops"));
            }

            // Whoever asked has seen enough, or the time is over.
        }
    }

    public override Task GetAgentEvents(GetAgentEventsRequest request, IServerStreamWriter<GetAgentEventsResponse> responseStream, ServerCallContext context) => NothingAsync(request.Follow, context);

    public override Task GetDebugEvents(GetDebugEventsRequest request, IServerStreamWriter<GetDebugEventsResponse> responseStream, ServerCallContext context) => NothingAsync(request.Follow, context);

    public override Task<GetNodesResponse> GetNodes(GetNodesRequest request, ServerCallContext context)
    {
        var response = new GetNodesResponse();
        response.Nodes.AddRange(control.Cluster is { } cluster ? cluster.Nodes.Select(node => node.IsSelf ? Self() : Other(node)) : [Self()]);
        return Task.FromResult(response);
    }

    public override Task<GetNamespacesResponse> GetNamespaces(GetNamespacesRequest request, ServerCallContext context)
    {
        var response = new GetNamespacesResponse();
        response.Namespaces.AddRange(control.Views.Endpoints
            .Select(view => HubbleEnds.NamespaceOf(view.Endpoint.Labels.Select(label => label.ToString())))
            .Distinct().Order(StringComparer.Ordinal)
            .Select(name => new Namespace { Cluster = HubbleEnds.Cluster, Namespace_ = name }));
        return Task.FromResult(response);
    }

    public override Task<ServerStatusResponse> ServerStatus(ServerStatusRequest request, ServerCallContext context)
    {
        string[] away = [.. (control.Cluster?.Nodes ?? []).Where(node => !node.IsSelf && StateOf(node) != Api.Hubble.NodeState.NodeConnected).Select(node => node.Name)];
        Node self = Self();
        return Task.FromResult(new ServerStatusResponse
        {
            NumFlows = self.NumFlows,
            MaxFlows = self.MaxFlows,
            SeenFlows = self.SeenFlows,
            UptimeNs = self.UptimeNs,
            NumConnectedNodes = (uint)((control.Cluster?.Nodes.Count ?? 1) - away.Length),
            NumUnavailableNodes = (uint)away.Length,
            UnavailableNodes = { away },
            Version = self.Version,
            FlowsRate = Rate(),
        });
    }

    private static (HubbleFilter Filter, FieldMask? Mask) Read(GetFlowsRequest request)
    {
        try
        {
            FieldMask? mask = request.FieldMask is { Paths.Count: > 0 } asked ? asked : null;
            string? unknown = mask?.Paths.FirstOrDefault(path => !FieldMask.IsValid(Flow.Descriptor, path));
            return unknown is not null ? throw new FormatException($"field_mask: a flow has no field \"{unknown}\"")
                : request is { First: true, Follow: true } ? throw new FormatException("first and follow exclude one another")
                : request is { Since: { } since, Until: { } until } && until < since ? throw new FormatException("until is before since")
                : (new HubbleFilter(request.Whitelist, request.Blacklist), mask);
        }
        catch (FormatException e)
        {
            throw new RpcException(new Grpc.Core.Status(StatusCode.InvalidArgument, e.Message));
        }
    }

    private async Task FollowAsync(FlowSubscription live, HubbleFilter filter, FieldMask? mask, IServerStreamWriter<GetFlowsResponse> stream, ServerCallContext context, CancellationToken cancel)
    {
        // Headers now: whoever asked knows that nothing from here on is missed.
        if (!context.GetHttpContext().Response.HasStarted)
        {
            await context.WriteResponseHeadersAsync([]);
        }

        ulong lostInKernel = tables.EventsLost;
        while (await live.Reader.WaitToReadAsync(cancel))
        {
            while (live.Reader.TryRead(out FlowRecord e))
            {
                if (writer.Write(in e) is var flow && filter.Matches(flow))
                {
                    await WriteAsync(flow, mask, stream, cancel);
                }
            }

            ulong lost = tables.EventsLost;
            await WriteLostAsync(lost - lostInKernel, LostEventSource.PerfEventRingBuffer, stream, cancel);
            await WriteLostAsync((ulong)live.TakeLost(), LostEventSource.HubbleRingBuffer, stream, cancel);
            lostInKernel = lost;
        }
    }

    private Task WriteAsync(Flow flow, FieldMask? mask, IServerStreamWriter<GetFlowsResponse> stream, CancellationToken cancel)
    {
        var response = new GetFlowsResponse { Flow = flow, NodeName = config.NodeName, Time = flow.Time };
        if (mask is not null)
        {
            response.Flow = new Flow();
            mask.Merge(flow, response.Flow);
        }

        return stream.WriteAsync(response, cancel);
    }

    private Task WriteLostAsync(ulong count, LostEventSource source, IServerStreamWriter<GetFlowsResponse> stream, CancellationToken cancel) => count == 0 ? Task.CompletedTask
        : stream.WriteAsync(new GetFlowsResponse { LostEvents = new LostEvent { Source = source, NumEventsLost = count }, NodeName = config.NodeName, Time = Timestamp.FromDateTimeOffset(time.GetUtcNow()) }, cancel);

    /// <summary>Weir has no events of these kinds.</summary>
    private async Task NothingAsync(bool follow, ServerCallContext context)
    {
        if (!follow)
        {
            return;
        }

        using IDisposable place = HubbleDoor.TryEnter(context.GetHttpContext())
            ?? throw new RpcException(new Grpc.Core.Status(StatusCode.ResourceExhausted, "too many follow at once: end one of the others"));
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.ApplicationStopping);
        await Task.Delay(Timeout.Infinite, ending.Token).ContinueWith(_ => { }, TaskScheduler.Default);
    }

    private Node Self() => new()
    {
        Name = config.NodeName,
        Version = ProductVersion.Text,
        Address = door.Address is { } address ? $"{address}" : door.Socket.Length > 0 ? $"unix://{door.Socket}" : "",
        State = Api.Hubble.NodeState.NodeConnected,
        Tls = new TLS { Enabled = door.IsEncrypted },
        UptimeNs = Nanoseconds(time.GetUtcNow() - _started),
        NumFlows = (ulong)Math.Min(flows.Seen, FlowHub.Kept),
        MaxFlows = FlowHub.Kept,
        SeenFlows = (ulong)flows.Seen,
    };

    private Node Other(NodeView node) => new()
    {
        Name = node.Name,
        Version = node.Version,
        Address = $"{node.Address}",
        State = StateOf(node),
        UptimeNs = Nanoseconds(time.GetUtcNow() - node.Started),
    };

    private static Api.Hubble.NodeState StateOf(NodeView node) =>
        node.Silence is not null || node.Reach.State == Control.Cluster.NodeState.Unreachable ? Api.Hubble.NodeState.NodeUnavailable : Api.Hubble.NodeState.NodeConnected;

    private static ulong Nanoseconds(TimeSpan time) => (ulong)Math.Max(0, time.TotalNanoseconds);

    /// <summary>Events a second, of the last minute or as far back as they are kept.</summary>
    private double Rate()
    {
        DateTimeOffset now = time.GetUtcNow();
        DateTimeOffset[] times = [.. flows.Last().Select(record => writer.Write(in record).Time.ToDateTimeOffset()).Where(at => now - at < _lately)];
        TimeSpan span = times.Length < FlowHub.Kept ? _lately : now - times.Min();
        return times.Length / Math.Max(span.TotalSeconds, 1);
    }
}
