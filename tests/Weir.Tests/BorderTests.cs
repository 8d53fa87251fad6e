// SPDX-License-Identifier: Apache-2.0
using Microsoft.Extensions.Logging.Abstractions;
using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Weir.Agent;
using Weir.Api;
using Weir.Docker;
using Weir.Linux;
using Xunit;
using Status = Weir.Api.Status;

namespace Weir.Tests;

/// <summary>What goes wrong where nobody expected it is answered and logged, and what goes on beside it goes on.</summary>
public sealed class BorderTests : IAsyncLifetime, IDisposable
{
    private readonly string _socket = Path.Combine(Path.GetTempPath(), $"weir-{Guid.NewGuid():N}.sock");
    private readonly Lines _lines = new();
    private readonly WebApplication _app;

    public BorderTests()
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.AddProvider(_lines);
        builder.Logging.AddFilter("Weir", LogLevel.Debug);
        builder.Logging.AddFilter("Microsoft", LogLevel.None);
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenUnixSocket(_socket, listen => listen.Protocols = HttpProtocols.Http1));
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenUnixSocket(_socket + ".grpc", listen => listen.Protocols = HttpProtocols.Http2));
        builder.Services.AddRoutingCore();
        builder.Services.AddGrpc(options => options.Interceptors.Add<CallBorder>());
        _app = builder.Build();
        _app.MapGrpcService<FailingAgent>();

        // A dockerd that lists a network of ours whose one container has a label twice.
        _app.MapGet("/events", async context =>
        {
            await context.Response.StartAsync();
            await context.Response.Body.FlushAsync();
        });
        _app.MapGet("/networks", context => context.Response.WriteAsync("""[{"Id": "1a2b3c"}]"""));
        _app.MapGet("/networks/1a2b3c", context => context.Response.WriteAsync("""{"Name": "net", "Containers": {"4d5e6f": {"EndpointID": "7a8b"}}}"""));
        _app.MapGet("/containers/json", context => context.Response.WriteAsync("""[{"Id": "4d5e6f", "Names": [], "Labels": {"app": "one", "app": "two"}}]"""));
    }

    public Task InitializeAsync() => _app.StartAsync();

    public async Task DisposeAsync() => await _app.DisposeAsync();

    public void Dispose() => _lines.Dispose();

    [Fact]
    public async Task OddDocker_IsLogged_AndAskedAgain()
    {
        ILogger<DockerWatcher> log = _app.Services.GetRequiredService<ILogger<DockerWatcher>>();
        var docker = new DockerClient(_socket);
        using var aliases = new AliasReader(null!, docker, TimeProvider.System, NullLogger<AliasReader>.Instance);
        using var watcher = new DockerWatcher(null!, docker, aliases, TimeProvider.System, log);
        await watcher.StartAsync(default);
        await _lines.WaitFor(text => text.StartsWith("reconciling with Docker failed: An item with the same key", StringComparison.Ordinal), times: 2);
        Assert.False(watcher.ExecuteTask!.IsCompleted);
        await watcher.StopAsync(default);
    }

    [Fact]
    public async Task PluginCallThatFails_HasAnAnswer_AndIsLoggedWhole()
    {
        var plugin = new PluginApi(null!, null!, null!, _app.Services.GetRequiredService<ILogger<PluginApi>>());
        var context = new DefaultHttpContext();
        context.Request.Path = "/NetworkDriver.Join";
        context.Response.Body = new MemoryStream();
        await plugin.HandleAsync(context);
        string answer = Encoding.UTF8.GetString(((MemoryStream)context.Response.Body).ToArray());
        Assert.StartsWith("{\"Err\":\"weir: Object reference not set", answer, StringComparison.Ordinal);
        await _lines.WaitFor(text => text.StartsWith("Call NetworkDriver.Join failed", StringComparison.Ordinal) && text.Contains("PluginApi.cs", StringComparison.Ordinal));
    }

    [Fact]
    public async Task CallThatFails_SaysWhy()
    {
        using GrpcChannel channel = GrpcChannel.ForAddress("http://agent", new GrpcChannelOptions
        {
            HttpHandler = new SocketsHttpHandler
            {
                ConnectCallback = async (_, cancel) =>
                {
                    var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                    await socket.ConnectAsync(new UnixDomainSocketEndPoint(_socket + ".grpc"), cancel);
                    return new NetworkStream(socket, ownsSocket: true);
                },
            },
        });
        var agent = new Api.Agent.AgentClient(channel);

        RpcException expected = await Assert.ThrowsAsync<RpcException>(async () => await agent.GetStatusAsync(new GetStatusRequest()));
        Assert.Equal((StatusCode.Internal, "read the links: Operation not permitted (EPERM); run as root (CAP_BPF, CAP_NET_ADMIN and CAP_SYS_ADMIN are needed)"), (expected.StatusCode, expected.Status.Detail));

        RpcException mistake = await Assert.ThrowsAsync<RpcException>(async () => await agent.ListIpsAsync(new ListIpsRequest()));
        Assert.Equal((StatusCode.Internal, "a mistake (a mistake in weir: the agent's log has more)"), (mistake.StatusCode, mistake.Status.Detail));

        RpcException stream = await Assert.ThrowsAsync<RpcException>(async () => await agent.Monitor(new MonitorRequest()).ResponseStream.MoveNext(default));
        Assert.Equal((StatusCode.Internal, "a mistake (a mistake in weir: the agent's log has more)"), (stream.StatusCode, stream.Status.Detail));
        await _lines.WaitFor(text => text.StartsWith("Call /weir.v1.Agent/ListIps failed", StringComparison.Ordinal));
    }

    private sealed class FailingAgent : Api.Agent.AgentBase
    {
        public override Task<Status> GetStatus(GetStatusRequest request, ServerCallContext context) => throw new LinuxException(Errno.NotPermitted, "read the links");

        public override Task<ListIpsResponse> ListIps(ListIpsRequest request, ServerCallContext context) => throw new NotSupportedException("a mistake");

        public override Task Monitor(MonitorRequest request, IServerStreamWriter<MonitorEvent> responseStream, ServerCallContext context) => throw new NotSupportedException("a mistake");
    }

    /// <summary>What is logged.</summary>
    private sealed class Lines : ILoggerProvider, ILogger
    {
        private readonly ConcurrentQueue<string> _texts = [];

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            _texts.Enqueue($"{formatter(state, exception)} {exception}");

        public void Dispose()
        {
        }

        internal async Task WaitFor(Predicate<string> wanted, int times = 1)
        {
            long until = Environment.TickCount64 + 20_000;
            while (_texts.Count(text => wanted(text)) < times)
            {
                Assert.True(Environment.TickCount64 < until, $"not logged: {string.Join('\n', _texts)}");
                await Task.Delay(20);
            }
        }
    }
}
