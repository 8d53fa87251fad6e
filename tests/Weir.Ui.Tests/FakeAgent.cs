// SPDX-License-Identifier: Apache-2.0

using System.Threading.Channels;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Weir.Api;
using Status = Weir.Api.Status;

namespace Weir.Ui.Tests;

/// <summary>An agent that says what a test gives it, by the real protocol; it can go away and come back.</summary>
internal sealed class FakeAgent : Api.Agent.AgentBase, IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly List<Channel<MonitorEvent>> _subscribers = [];
    private CancellationTokenSource _away = new();

    private FakeAgent()
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(System.Net.IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2));
        builder.Services.AddRoutingCore();
        builder.Services.AddGrpc();
        builder.Services.AddSingleton(this);
        _app = builder.Build();
        _app.MapGrpcService<FakeAgent>();
        _app.MapGrpcService<FakeReplay>();
    }

    internal Status Status { get; } = new()
    {
        Version = "0.1.0", Pid = 4242, Health = "ok", Enforcement = "default", Revision = 7, Policies = 2, Rules = 5, Networks = 2, Identities = 14,
        Docker = "connected", Kernel = "6.1.0", Proxy = "process 4250 on port 34567", Record = "all flows and requests, 12 MB, since 2026-11-21", Cluster = "host1 of 3 nodes",
        ConntrackEntries = 318, ConntrackCapacity = 262144, MemoryBytes = 61_000_000, Ipv6 = "on", Devices = "eth0 (xdp native)", PublishedPorts = "closed",
        Started = Google.Protobuf.WellKnownTypes.Timestamp.FromDateTime(DateTime.UtcNow.AddHours(-3)),
    };

    internal List<Endpoint> Endpoints { get; } = [];

    internal List<Api.Policy> Policies { get; } = [];

    internal List<RecordedFlow> Record { get; } = [];

    internal List<MonitorEvent> Past { get; } = [];

    internal TimeSpan RecordTakes { get; set; }

    internal List<MonitorRequest> Asked { get; } = [];

    internal Func<ApplyPolicyRequest, ApplyPolicyResponse> Apply { get; set; } = _ => new ApplyPolicyResponse();

    internal Func<TryPolicyRequest, TryPolicyResponse> Try { get; set; } = _ => new TryPolicyResponse();

    internal Func<SuggestPolicyRequest, SuggestPolicyResponse> Suggest { get; set; } = request => new SuggestPolicyResponse
    {
        Name = "allow", Yaml = $"# backed by one flow\n- name: {request.Flow.Source.Name}-to-{request.Flow.Destination.Name}\n  endpointSelector: {{}}\n",
    };

    internal Func<ExplainPolicyRequest, ExplainPolicyResponse> Explain { get; set; } = _ => new ExplainPolicyResponse();

    internal int Listeners
    {
        get
        {
            lock (_subscribers)
            {
                return _subscribers.Count;
            }
        }
    }

    internal static async Task<FakeAgent> StartAsync()
    {
        var agent = new FakeAgent();
        await agent._app.StartAsync();
        return agent;
    }

    internal GrpcChannel Open() => GrpcChannel.ForAddress(_app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());

    internal void Tell(params IEnumerable<Flow> flows) => Tell(flows.Select(flow => new MonitorEvent { Flow = flow }));

    internal void Tell(IEnumerable<MonitorEvent> events)
    {
        lock (_subscribers)
        {
            foreach (MonitorEvent e in events)
            {
                _subscribers.ForEach(subscriber => subscriber.Writer.TryWrite(e));
            }
        }
    }

    /// <summary>As an agent that is stopped: streams end, nobody is answered.</summary>
    internal void GoAway() => _away.Cancel();

    internal void ComeBack() => _away = new CancellationTokenSource();

    public override Task<Status> GetStatus(GetStatusRequest request, ServerCallContext context) => Answer(() => Status);

    public override Task<ListEndpointsResponse> ListEndpoints(ListEndpointsRequest request, ServerCallContext context) => Answer(() => new ListEndpointsResponse { Endpoints = { Endpoints } });

    public override Task<Endpoint> GetEndpoint(GetEndpointRequest request, ServerCallContext context) => Answer(() => Find(request.Endpoint));

    public override Task<EndpointLog> GetEndpointLog(GetEndpointRequest request, ServerCallContext context) => Answer(() => new EndpointLog
    {
        Entries = { new EndpointLogEntry { Time = Find(request.Endpoint).Created, Text = $"ready: identity {Find(request.Endpoint).Identity}" } },
    });

    public override Task<ListPoliciesResponse> ListPolicies(ListPoliciesRequest request, ServerCallContext context) => Answer(() => new ListPoliciesResponse { Policies = { Policies }, Revision = 7 });

    public override Task<ExplainPolicyResponse> ExplainPolicy(ExplainPolicyRequest request, ServerCallContext context) => Answer(() => Explain(request));

    public override Task<ApplyPolicyResponse> ApplyPolicy(ApplyPolicyRequest request, ServerCallContext context) => Answer(() =>
    {
        Xunit.Assert.True(request.DryRun, "the page may try, and never apply");
        return Apply(request);
    });

    public override async Task ListFlows(ListFlowsRequest request, IServerStreamWriter<ListFlowsResponse> responseStream, ServerCallContext context)
    {
        Check();
        await Task.Delay(RecordTakes, context.CancellationToken);
        var filter = new Func<RecordedFlow, bool>(flow => (request.Filter.Types_.Count == 0 || request.Filter.Types_.Contains(flow.Flow.Type))
            && (request.Filter.RelatedTo.Count == 0 || request.Filter.RelatedTo.Contains(flow.Flow.Source.Name) || request.Filter.RelatedTo.Contains(flow.Flow.Destination.Name)));
        foreach (RecordedFlow flow in Record.Where(filter))
        {
            await responseStream.WriteAsync(new ListFlowsResponse { Flow = flow });
        }
    }

    public override async Task Monitor(MonitorRequest request, IServerStreamWriter<MonitorEvent> responseStream, ServerCallContext context)
    {
        Check();
        var events = Channel.CreateBounded<MonitorEvent>(new BoundedChannelOptions(8192) { FullMode = BoundedChannelFullMode.DropWrite });
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, _away.Token);
        lock (_subscribers)
        {
            Asked.Add(request);
            _subscribers.Add(events);
        }

        try
        {
            await context.WriteResponseHeadersAsync([]);
            foreach (MonitorEvent e in Past.TakeLast(request.Last))
            {
                await responseStream.WriteAsync(e, end.Token);
            }

            await foreach (MonitorEvent e in events.Reader.ReadAllAsync(end.Token))
            {
                await responseStream.WriteAsync(e, end.Token);
            }
        }
        catch (OperationCanceledException)
        {
            throw new RpcException(new Grpc.Core.Status(StatusCode.Unavailable, "the agent is stopped"));
        }
        finally
        {
            lock (_subscribers)
            {
                _subscribers.Remove(events);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _away.CancelAsync();
        await _app.StopAsync(new CancellationToken(true));
        await _app.DisposeAsync();
        _away.Dispose();
    }

    /// <summary>What is on record, by the same agent.</summary>
    internal sealed class FakeReplay(FakeAgent agent) : Replay.ReplayBase
    {
        public override Task<TryPolicyResponse> TryPolicy(TryPolicyRequest request, ServerCallContext context) => agent.Answer(() => agent.Try(request));

        public override Task<SuggestPolicyResponse> SuggestPolicy(SuggestPolicyRequest request, ServerCallContext context) => agent.Answer(() => agent.Suggest(request));
    }

    private Endpoint Find(string name) => Endpoints.Find(endpoint => endpoint.Name == name)
        ?? throw new RpcException(new Grpc.Core.Status(StatusCode.NotFound, $"there is no endpoint \"{name}\""));

    private void Check()
    {
        if (_away.IsCancellationRequested)
        {
            throw new RpcException(new Grpc.Core.Status(StatusCode.Unavailable, "the agent is stopped"));
        }
    }

    private Task<T> Answer<T>(Func<T> answer)
    {
        Check();
        return Task.FromResult(answer());
    }
}
