// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Weir.Api;
using Weir.Control;
using Weir.Flows;
using Weir.Policy;
using Endpoint = Weir.Api.Endpoint;
using Status = Weir.Api.Status;

namespace Weir.Agent;

/// <summary>The gRPC API: translates questions and answers.</summary>
internal sealed class AgentService(ControlPlane control, StatusReader status, DatapathTables tables, FlowHub flows, FlowDecoder decoder, BalancerAnswers balancer, PublishAnswers publish, ClusterAnswers cluster, MetricsReader metrics, FlowRecorder record, IHostApplicationLifetime lifetime, TimeProvider time) : Api.Agent.AgentBase
{
    public override Task<Status> GetStatus(GetStatusRequest request, ServerCallContext context) => Answer(status.Read);

    public override Task<ListEndpointsResponse> ListEndpoints(ListEndpointsRequest request, ServerCallContext context) => Answer(() =>
    {
        Label[] labels = LabelsOf(request.Labels);
        var response = new ListEndpointsResponse();
        response.Endpoints.AddRange(control.Views.Endpoints.Where(view => HasAll(view.Endpoint.Labels, labels)).Select(Translate.Endpoint));
        return response;
    });

    public override Task<Endpoint> GetEndpoint(GetEndpointRequest request, ServerCallContext context) =>
        Answer(
            () =>
            {
                EndpointView view = control.Views.FindEndpoint(request.Endpoint);
                return Translate.Endpoint(view, tables.CountFlows(view.Endpoint.Id));
            },
            StatusCode.NotFound);

    public override Task<EndpointLog> GetEndpointLog(GetEndpointRequest request, ServerCallContext context) => Answer(
        () =>
        {
            var log = new EndpointLog();
            log.Entries.AddRange(control.Views.EndpointLog(request.Endpoint)
                .Select(line => new EndpointLogEntry { Time = Timestamp.FromDateTimeOffset(line.Time), Text = line.Text }));
            return log;
        },
        StatusCode.NotFound);

    public override Task<ListIdentitiesResponse> ListIdentities(ListIdentitiesRequest request, ServerCallContext context) => Answer(() =>
    {
        Label[] labels = LabelsOf(request.Labels);
        var response = new ListIdentitiesResponse();
        response.Identities.AddRange(control.Views.Identities.Where(view => HasAll(view.Labels, labels)).Select(Translate.Identity));
        return response;
    });

    public override Task<IdentityInfo> GetIdentity(GetIdentityRequest request, ServerCallContext context) => Answer(
        () =>
        {
            Net.Identity wanted = uint.TryParse(request.Identity, out uint number) ? new Net.Identity(number)
                : Net.Identity.TryParseReserved(request.Identity, out Net.Identity reserved) ? reserved
                : throw new ControlException($"\"{request.Identity}\" is neither a number nor a reserved name");
            IdentityView? view = control.Views.Identities.FirstOrDefault(view => view.Identity == wanted);
            return view is null ? throw new ControlException($"no identity has the number {wanted.Value}") : Translate.Identity(view);
        },
        StatusCode.NotFound);

    public override Task<ApplyPolicyResponse> ApplyPolicy(ApplyPolicyRequest request, ServerCallContext context) => AnswerAsync(async () =>
    {
        PolicyOutcome outcome = await control.Policies.ApplyAsync(
            [.. request.Files.Select(file => (file.Name, file.Text))], request.DryRun, request.Strict, (CallerRights.Of(context).User, time.GetUtcNow()), request.Audit, context.CancellationToken);
        var response = new ApplyPolicyResponse { Revision = outcome.Revision, EndpointsChanged = outcome.EndpointsChanged };
        response.Problems.AddRange(outcome.Problems.Select(Translate.Problem));
        response.Documents.AddRange(outcome.Documents.Select(Translate.Document));
        response.Changes.AddRange(outcome.Changes.Select(Translate.Change));
        return response;
    });

    public override Task<DeletePolicyResponse> DeletePolicy(DeletePolicyRequest request, ServerCallContext context) => AnswerAsync(
        async () =>
        {
            PolicyOutcome outcome = await control.Policies.DeleteAsync(request.All ? null : [.. request.Names], request.DryRun, context.CancellationToken);
            if (outcome.HasErrors)
            {
                throw new ControlException(outcome.Problems[0].Message);
            }

            var response = new DeletePolicyResponse { Revision = outcome.Revision, EndpointsChanged = outcome.EndpointsChanged };
            response.Documents.AddRange(outcome.Documents.Select(Translate.Document));
            response.Changes.AddRange(outcome.Changes.Select(Translate.Change));
            return response;
        },
        StatusCode.NotFound);

    public override Task<ListPoliciesResponse> ListPolicies(ListPoliciesRequest request, ServerCallContext context) => Answer(
        () =>
        {
            (long shared, IReadOnlyList<PolicyNode> nodes) = cluster.Policy();
            var response = new ListPoliciesResponse { Revision = tables.Revision, SharedRevision = shared, Nodes = { nodes } };
            foreach (PolicyDocument document in control.Policies.List(request.Name))
            {
                Api.Policy policy = Translate.Policy(document, control.Policies);
                policy.SharedRevision = shared;
                policy.Nodes.AddRange(nodes);
                response.Policies.Add(policy);
            }

            return response;
        },
        StatusCode.NotFound);

    public override Task<ExplainPolicyResponse> ExplainPolicy(ExplainPolicyRequest request, ServerCallContext context) => Answer(() =>
        Translate.Explanation(control.Policies.Explain(request.From, request.To, request.Port, request.Http, request.Headers), request));

    public override Task<ListIpsResponse> ListIps(ListIpsRequest request, ServerCallContext context) => Answer(tables.Ips);

    public override Task<ListConntrackResponse> ListConntrack(ListConntrackRequest request, ServerCallContext context) => Answer(() => tables.Conntrack(request));

    public override Task<ListMapsResponse> ListMaps(ListMapsRequest request, ServerCallContext context) => Answer(tables.Maps);

    public override Task<DumpMapResponse> DumpMap(DumpMapRequest request, ServerCallContext context) => Answer(() => tables.Dump(request), StatusCode.NotFound);

    public override Task<Metrics> GetMetrics(GetMetricsRequest request, ServerCallContext context) => Answer(metrics.Read);

    public override Task<UpdateServiceResponse> UpdateService(UpdateServiceRequest request, ServerCallContext context) => AnswerAsync(() => balancer.UpdateAsync(request, context.CancellationToken));

    public override Task<ApplyServicesResponse> ApplyServices(ApplyServicesRequest request, ServerCallContext context) => AnswerAsync(() => balancer.ApplyAsync(request, context.CancellationToken));

    public override Task<DeleteServicesResponse> DeleteServices(DeleteServicesRequest request, ServerCallContext context) =>
        AnswerAsync(() => balancer.DeleteAsync(request, context.CancellationToken), StatusCode.NotFound);

    public override Task<ListServicesResponse> ListServices(ListServicesRequest request, ServerCallContext context) =>
        Answer(() => balancer.List(request), StatusCode.NotFound);

    public override Task<Service> DrainBackend(DrainBackendRequest request, ServerCallContext context) => AnswerAsync(() => balancer.DrainAsync(request, context.CancellationToken));

    public override Task<ListPublishedResponse> ListPublished(ListPublishedRequest request, ServerCallContext context) => Answer(publish.List);

    public override Task<ChangePublishResponse> ChangePublish(ChangePublishRequest request, ServerCallContext context) => Answer(() => publish.Change(request));

    public override Task<ChangePrefilterResponse> ChangePrefilter(ChangePrefilterRequest request, ServerCallContext context) => Answer(() => balancer.ChangePrefilter(request));

    public override Task<ListPrefilterResponse> ListPrefilter(ListPrefilterRequest request, ServerCallContext context) => Answer(balancer.ListPrefilter);

    public override Task<ListNodesResponse> ListNodes(ListNodesRequest request, ServerCallContext context) => Answer(cluster.ListNodes);

    public override Task<ListNetworksResponse> ListNetworks(ListNetworksRequest request, ServerCallContext context) => Answer(cluster.ListNetworks);

    public override Task<CreateNetworkResponse> CreateNetwork(CreateNetworkRequest request, ServerCallContext context) => AnswerAsync(() => cluster.CreateAsync(request, context.CancellationToken));

    public override Task<ForgetNodeResponse> ForgetNode(ForgetNodeRequest request, ServerCallContext context) => AnswerAsync(() => cluster.ForgetAsync(request, context.CancellationToken));

    public override Task<ListNamesResponse> ListNames(ListNamesRequest request, ServerCallContext context) => Answer(() => cluster.ListNames(request));

    public override Task<DeleteNetworkResponse> DeleteNetwork(DeleteNetworkRequest request, ServerCallContext context) => AnswerAsync(() => cluster.DeleteAsync(request, context.CancellationToken));

    public override async Task ListFlows(ListFlowsRequest request, IServerStreamWriter<ListFlowsResponse> responseStream, ServerCallContext context)
    {
        DateTimeOffset since = request.Since?.ToDateTimeOffset() ?? DateTimeOffset.UnixEpoch;
        DateTimeOffset until = request.Until?.ToDateTimeOffset() ?? DateTimeOffset.MaxValue;
        if (until < since)
        {
            throw new RpcException(new Grpc.Core.Status(StatusCode.InvalidArgument, "--until is before --since"));
        }

        List<string> notes = [];
        foreach (RecordedFlow flow in record.Read(since, until, FlowFilter.OfRecord(request.Filter ?? new MonitorRequest()), notes.Add))
        {
            await responseStream.WriteAsync(new ListFlowsResponse { Flow = flow }, context.CancellationToken);
        }

        foreach (string note in notes)
        {
            await responseStream.WriteAsync(new ListFlowsResponse { Note = new MonitorNote { Text = note } }, context.CancellationToken);
        }
    }

    public override async Task Monitor(MonitorRequest request, IServerStreamWriter<MonitorEvent> responseStream, ServerCallContext context)
    {
        // An agent that is told to stop waits for no reader.
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.ApplicationStopping);
        var filter = new FlowFilter(request);
        using FlowSubscription subscription = flows.Subscribe(filter, request.Last);
        try
        {
            foreach (string nobody in filter.FindNobody(control.Views.Endpoints.Select(Translate.End)))
            {
                await responseStream.WriteAsync(new MonitorEvent { Note = new MonitorNote { Text = $"{nobody}: no container is that now; its flows are shown when one comes" } }, ending.Token);
            }

            await FollowAsync(request, subscription, responseStream, context, ending.Token);
        }
        catch (OperationCanceledException)
        {
            if (lifetime.ApplicationStopping.IsCancellationRequested)
            {
                throw new RpcException(new Grpc.Core.Status(StatusCode.Unavailable, "the agent stops"));
            }

            // The caller has seen enough.
        }
    }

    private async Task FollowAsync(
        MonitorRequest request, FlowSubscription subscription, IServerStreamWriter<MonitorEvent> stream, ServerCallContext context, CancellationToken cancel)
    {
        foreach (FlowRecord e in subscription.Past)
        {
            await WriteAsync(e, subscription.Filter, stream, cancel);
        }

        if (!request.Follow)
        {
            return;
        }

        // Headers now: the caller knows that nothing from here on is missed.
        if (!context.GetHttpContext().Response.HasStarted)
        {
            await context.WriteResponseHeadersAsync([]);
        }

        ulong lostInKernel = tables.EventsLost;
        while (await subscription.Reader.WaitToReadAsync(cancel))
        {
            while (subscription.Reader.TryRead(out FlowRecord e))
            {
                await WriteAsync(e, subscription.Filter, stream, cancel);
            }

            ulong lost = tables.EventsLost;
            await WriteLostAsync(lost - lostInKernel, "ring", stream, cancel);
            await WriteLostAsync((ulong)subscription.TakeLost(), "subscriber", stream, cancel);
            lostInKernel = lost;
        }
    }

    private static Task WriteLostAsync(ulong count, string where, IServerStreamWriter<MonitorEvent> stream, CancellationToken cancel) =>
        count == 0 ? Task.CompletedTask : stream.WriteAsync(new MonitorEvent { Lost = new LostFlows { Count = count, Where = where } }, cancel);

    private async Task WriteAsync(FlowRecord e, FlowFilter filter, IServerStreamWriter<MonitorEvent> stream, CancellationToken cancel)
    {
        if (filter.Wants(e.Type) && decoder.Decode(in e) is var flow && filter.Matches(flow))
        {
            await stream.WriteAsync(new MonitorEvent { Flow = flow }, cancel);
        }
    }

    private static Label[] LabelsOf(IEnumerable<string> texts)
    {
        try
        {
            return [.. texts.Select(Label.Parse)];
        }
        catch (FormatException e)
        {
            throw new RpcException(new Grpc.Core.Status(StatusCode.InvalidArgument, e.Message));
        }
    }

    private static bool HasAll(LabelSet labels, Label[] wanted) => wanted.All(label => labels.Any(label.Fits));

    /// <summary>Refusals become statuses; <see cref="CallBorder"/> answers all else.</summary>
    private static Task<T> Answer<T>(Func<T> work, StatusCode refusal = StatusCode.InvalidArgument)
    {
        try
        {
            return Task.FromResult(work());
        }
        catch (ControlException e)
        {
            throw new RpcException(new Grpc.Core.Status(refusal, e.Message));
        }
    }

    private static async Task<T> AnswerAsync<T>(Func<Task<T>> work, StatusCode refusal = StatusCode.InvalidArgument)
    {
        try
        {
            return await work();
        }
        catch (ControlException e)
        {
            throw new RpcException(new Grpc.Core.Status(refusal, e.Message));
        }
    }
}
