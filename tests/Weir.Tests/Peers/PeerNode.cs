// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Sockets;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Weir.Agent;
using Weir.Agent.Peers;
using Weir.Api;
using Weir.Control;
using Weir.Control.Cluster;
using Status = Weir.Api.Status;

namespace Weir.Tests.Peers;

/// <summary>An agent's doors on an address of loopback, as the agent has them: one for this host, one for other nodes. What is behind
/// them says little.</summary>
internal sealed class PeerNode : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("weir-peer").FullName;
    private readonly WebApplication _app;
    private readonly PeerDoors _doors;

    private PeerNode(string name, string address, Func<IReadOnlyList<NodeView>> nodes)
    {
        Name = name;
        Address = IPAddress.Parse(address);
        _doors = new PeerDoors(new ClusterOptions(name, Address, null, TimeSpan.FromSeconds(20)), 0, _folder, () => [.. nodes().Select(node => node with { IsSelf = node.Name == name })]);
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.ListenUnixSocket(Path.Combine(_folder, "weir.sock"), listen =>
            {
                listen.Protocols = HttpProtocols.Http2;
                listen.Use(Caller.Note(mayChange: true));
            });
            _doors.Listen(kestrel);
        });
        builder.Services.Configure<SocketTransportOptions>(_doors.Provide);
        builder.Services.AddRoutingCore();
        builder.Services.AddGrpc(options =>
        {
            options.MaxReceiveMessageSize = 16 * 1024 * 1024;
            options.Interceptors.Add<CallBorder>();
            options.Interceptors.Add<CallerRights>();
            options.Interceptors.Add<NodeRelay>();
        });
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(_doors);
        builder.Services.AddSingleton(new Speaker(name));
        _app = builder.Build();
        _app.Use(PeerDoors.BoundAsync);
        _app.MapGrpcService<Speaker>();
        Local = GrpcChannel.ForAddress("http://weir", new GrpcChannelOptions { HttpHandler = ToSocket() });
        Agent = new Api.Agent.AgentClient(Local);
    }

    internal string Name { get; }

    internal IPAddress Address { get; }

    internal IPEndPoint EndPoint => new(Address, _doors.Door!.Port);

    internal PeerClient Client => _doors.Client!;

    /// <summary>As somebody on that host asks.</summary>
    internal Api.Agent.AgentClient Agent { get; }

    private GrpcChannel Local { get; }

    /// <summary>What the shared store says of it.</summary>
    internal NodeView View => new(Name, Address, false, "1", DateTimeOffset.UnixEpoch, 0, 0, null, false, null) { Door = _doors.Door };

    internal static async Task<PeerNode> StartAsync(string name, string address, Func<IReadOnlyList<NodeView>> nodes)
    {
        var node = new PeerNode(name, address, nodes);
        await node._app.StartAsync();
        return node;
    }

    public async ValueTask DisposeAsync()
    {
        Local.Dispose();
        await _app.DisposeAsync();
        _doors.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private SocketsHttpHandler ToSocket() => new()
    {
        ConnectCallback = async (_, cancel) =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(Path.Combine(_folder, "weir.sock")), cancel);
            return new NetworkStream(socket, ownsSocket: true);
        },
    };

    private sealed class Speaker(string name) : Api.Agent.AgentBase
    {
        public override Task<Status> GetStatus(GetStatusRequest request, ServerCallContext context) =>
            Task.FromResult(new Status { Version = name, Health = CallerRights.Of(context).User });

        public override Task<Api.Endpoint> GetEndpoint(GetEndpointRequest request, ServerCallContext context) =>
            throw new RpcException(new Grpc.Core.Status(StatusCode.NotFound, $"no endpoint {request.Endpoint[..Math.Min(10, request.Endpoint.Length)]}"));

        public override Task<DeletePolicyResponse> DeletePolicy(DeletePolicyRequest request, ServerCallContext context) => Task.FromResult(new DeletePolicyResponse());

        /// <summary>As many as are asked for; then it waits for ever.</summary>
        public override async Task Monitor(MonitorRequest request, IServerStreamWriter<MonitorEvent> responseStream, ServerCallContext context)
        {
            await context.WriteResponseHeadersAsync([]);
            for (int i = 0; i < request.Last; i++)
            {
                await responseStream.WriteAsync(new MonitorEvent { Note = new MonitorNote { Text = $"{name} {i} {new string('x', 1000)}" } }, context.CancellationToken);
            }

            if (request.Follow)
            {
                await Task.Delay(Timeout.Infinite, context.CancellationToken);
            }
        }
    }
}
