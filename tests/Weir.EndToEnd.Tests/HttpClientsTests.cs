// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Net;
using System.Net.WebSockets;
using System.Text;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Weir.EndToEnd.Tests.Machine;
using Weir.EndToEnd.Tests.Tools;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>gRPC and WebSockets through the proxy, by .NET's own clients and servers.</summary>
[Collection(HttpHost.Name)]
public class HttpClientsTests : IDisposable
{
    private readonly CancellationToken _soon = new CancellationTokenSource(TimeSpan.FromMinutes(5)).Token;

    private readonly DockerHost _host;
    private readonly string _network;
    private readonly string _client;
    private readonly string _server;
    private readonly string _address;
    private readonly ConcurrentQueue<string> _seen = new();

    public HttpClientsTests(DockerHost host)
    {
        _host = host;
        _network = host.MakeNetwork("--no-ipv6");
        _client = host.RunClient("web", _network, "-l", "l7=web");
        _server = host.RunClient("api", _network, "-l", "l7=api");
        _address = host.AddressOf(_server, _network);
    }

    public void Dispose()
    {
        _host.DeletePolicies();
        _host.Remove(_client, _server);
        _host.Docker("network", "rm", _network);
        GC.SuppressFinalize(this);
    }

    [PrivilegedFact]
    public async Task GrpcCallsAndStreams_Pass_AndWhatNoRuleNamesIsDenied()
    {
        Apply("- {method: POST, path: '/weir\\.test\\.Echo/(Say|Chat)'}");
        await using WebApplication server = ServeGrpc();
        using GrpcChannel channel = Channel();
        Echo.EchoClient echo = new(channel);

        Word answer = await echo.SayAsync(new Word { Text = "hello" }, cancellationToken: _soon);
        Assert.Equal("hello", answer.Text);

        // More than a window holds, both ways.
        string large = new('x', 3_000_000);
        Assert.Equal(large.Length, (await echo.SayAsync(new Word { Text = large }, cancellationToken: _soon)).Text.Length);

        // An error and its words travel as trailers.
        RpcException notFound = await Assert.ThrowsAsync<RpcException>(async () => await echo.SayAsync(new Word(), cancellationToken: _soon));
        Assert.Equal((StatusCode.NotFound, "no word"), (notFound.StatusCode, notFound.Status.Detail));
        Assert.Equal("yes", notFound.Trailers.GetValue("x-trailer"));

        RpcException denied = await Assert.ThrowsAsync<RpcException>(async () => await echo.SecretAsync(new Word { Text = "s" }, cancellationToken: _soon));
        Assert.Equal(StatusCode.PermissionDenied, denied.StatusCode);
        Assert.DoesNotContain(_seen, call => call.Contains("Secret", StringComparison.Ordinal));
    }

    [PrivilegedFact]
    public async Task GrpcStream_IsNotBuffered_AndOutlivesAChangeOfPolicy()
    {
        Apply("- {path: '/weir\\.test\\.Echo/.*'}");
        await using WebApplication server = ServeGrpc();
        using GrpcChannel channel = Channel();
        Echo.EchoClient echo = new(channel);
        using AsyncDuplexStreamingCall<Word, Word> chat = echo.Chat(cancellationToken: _soon);
        for (int i = 0; i < 100; i++)
        {
            // The next word goes out only when the last one is back.
            await chat.RequestStream.WriteAsync(new Word { Text = $"{i}" }, _soon);
            Assert.True(await chat.ResponseStream.MoveNext(_soon));
            Assert.Equal($"{i}", chat.ResponseStream.Current.Text);
            if (i == 50)
            {
                Apply("- {path: '/weir\\.test\\.Echo/Chat'}");
            }
        }

        await chat.RequestStream.CompleteAsync();
        Assert.False(await chat.ResponseStream.MoveNext(_soon));
        Assert.Equal("100 words", chat.GetTrailers().GetValue("x-count"));
        RpcException denied = await Assert.ThrowsAsync<RpcException>(async () => await echo.SayAsync(new Word { Text = "x" }, cancellationToken: _soon));
        Assert.Equal(StatusCode.PermissionDenied, denied.StatusCode);
    }

    [PrivilegedFact]
    public async Task ManyGrpcCallsAtOnce_ArePermittedOrDenied_EachForItself()
    {
        Apply("- {path: '/weir\\.test\\.Echo/Say'}");
        await using WebApplication server = ServeGrpc();
        using GrpcChannel channel = Channel();
        Echo.EchoClient echo = new(channel);
        string[] results = await Task.WhenAll(Enumerable.Range(0, 600).Select(async i =>
        {
            try
            {
                Word word = new() { Text = $"{i}" };
                return (await (i % 3 == 0 ? echo.SecretAsync(word, cancellationToken: _soon) : echo.SayAsync(word, cancellationToken: _soon))).Text;
            }
            catch (RpcException e)
            {
                return $"{e.StatusCode}";
            }
        }));
        Assert.Equal(Enumerable.Range(0, 600).Select(i => i % 3 == 0 ? "PermissionDenied" : $"{i}"), results);
    }

    [PrivilegedFact]
    public async Task WebSocket_CarriesMessagesBothWays_AndCloses()
    {
        Apply("- {path: /chat}");
        await using WebApplication server = ContainerSockets.Serve(_host, _server, 80, HttpProtocols.Http1, _ => { }, app =>
        {
            app.UseWebSockets();
            app.Run(EchoMessages);
        });
        using HttpMessageInvoker invoker = new(ContainerSockets.Client(_host, _client));
        using ClientWebSocket socket = new();
        await socket.ConnectAsync(new Uri($"ws://{_address}/chat"), invoker, _soon);
        byte[] buffer = new byte[1_100_000];
        foreach (int size in (int[])[0, 1, 125, 126, 65536, 1_000_000])
        {
            byte[] message = [.. Enumerable.Range(0, size).Select(i => (byte)i)];
            await socket.SendAsync(message, WebSocketMessageType.Binary, endOfMessage: true, _soon);
            int received = 0;
            ValueWebSocketReceiveResult part;
            do
            {
                part = await socket.ReceiveAsync(buffer.AsMemory(received), _soon);
                received += part.Count;
            }
            while (!part.EndOfMessage);
            Assert.True(message.AsSpan().SequenceEqual(buffer.AsSpan(0, received)));
        }

        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "done", _soon);
        Assert.Equal((WebSocketState.Closed, "done"), (socket.State, socket.CloseStatusDescription));

        using ClientWebSocket refused = new();
        refused.Options.CollectHttpResponseDetails = true;
        await Assert.ThrowsAsync<WebSocketException>(() => refused.ConnectAsync(new Uri($"ws://{_address}/private"), invoker, _soon));
        Assert.Equal(HttpStatusCode.Forbidden, refused.HttpStatusCode);
        Assert.DoesNotContain("/private", _seen);
    }

    private WebApplication ServeGrpc() => ContainerSockets.Serve(
        _host,
        _server,
        80,
        HttpProtocols.Http2,
        builder =>
        {
            builder.Services.AddGrpc(options => options.MaxReceiveMessageSize = null);
            builder.Services.AddSingleton(_seen);
        },
        app => app.MapGrpcService<EchoService>());

    private GrpcChannel Channel() => GrpcChannel.ForAddress(
        $"http://{_address}", new GrpcChannelOptions { HttpHandler = ContainerSockets.Client(_host, _client), DisposeHttpClient = true, MaxReceiveMessageSize = null });

    private async Task EchoMessages(HttpContext context)
    {
        _seen.Enqueue(context.Request.Path);
        using WebSocket socket = await context.WebSockets.AcceptWebSocketAsync();
        byte[] buffer = new byte[8192];
        while (true)
        {
            ValueWebSocketReceiveResult part = await socket.ReceiveAsync(buffer.AsMemory(), _soon);
            if (part.MessageType == WebSocketMessageType.Close)
            {
                await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, socket.CloseStatusDescription, _soon);
                return;
            }

            await socket.SendAsync(buffer.AsMemory(0, part.Count), part.MessageType, part.EndOfMessage, _soon);
        }
    }

    private void Apply(string http) => HttpBed.Apply(_host, http);

    /// <summary>Says what it is told, and keeps the names of the calls that reach it.</summary>
    internal sealed class EchoService(ConcurrentQueue<string> seen) : Echo.EchoBase
    {
        public override Task<Word> Say(Word request, ServerCallContext context)
        {
            seen.Enqueue(context.Method);
            context.ResponseTrailers.Add("x-trailer", "yes");
            return request.Text.Length > 0 ? Task.FromResult(request) : throw new RpcException(new Status(StatusCode.NotFound, "no word"));
        }

        public override Task<Word> Secret(Word request, ServerCallContext context)
        {
            seen.Enqueue(context.Method);
            return Task.FromResult(request);
        }

        public override async Task Chat(IAsyncStreamReader<Word> requestStream, IServerStreamWriter<Word> responseStream, ServerCallContext context)
        {
            int count = 0;
            await foreach (Word word in requestStream.ReadAllAsync(context.CancellationToken))
            {
                count++;
                await responseStream.WriteAsync(word, context.CancellationToken);
            }

            context.ResponseTrailers.Add("x-count", $"{count} words");
        }
    }
}
