// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Net;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using Grpc.Core;
using Grpc.Net.Client;
using Weir.EndToEnd.Tests.Machine;
using Weir.EndToEnd.Tests.Tools;
using Xunit;

namespace Weir.EndToEnd.Tests.RealClients;

/// <summary>.NET's clients in the lab: they ask as Tools/real/client.py does, and tell what came of it.</summary>
internal static class DotNetClient
{
    private static readonly byte[] _megabyte = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("0123456789abcdef", 65536)));

    internal static string Ask(Lab lab, Way way, int port, Version version) => AskAsync(lab, way, port, version).GetAwaiter().GetResult();

    /// <summary>A call of each kind, with metadata of every sort.</summary>
    internal static string Call(Lab lab, Way way, int port) => CallAsync(lab, way, port).GetAwaiter().GetResult();

    /// <summary>A WebSocket that compresses.</summary>
    internal static string Chat(Lab lab, Way way, string url) => ChatAsync(lab, way, url).GetAwaiter().GetResult();

    private static CancellationTokenSource Soon() => new(TimeSpan.FromSeconds(30));

    private static string Digest(byte[] data) => $"{data.Length} {Convert.ToHexStringLower(SHA256.HashData(data))}";

    private static async Task<string> AskAsync(Lab lab, Way way, int port, Version version)
    {
        using CancellationTokenSource soon = Soon();
        using SocketsHttpHandler handler = ContainerSockets.Client(lab.Host, lab.Client(way));
        using HttpClient client = new(handler);
        StringBuilder told = new();
        async Task Step(string method, string path, HttpContent? body = null, Action<HttpRequestMessage>? change = null)
        {
            using HttpRequestMessage request = new(new HttpMethod(method), new Uri($"http://{lab.Address}:{port}{path}"))
            {
                Content = body,
                Version = version,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            };
            change?.Invoke(request);
            told.Append(CultureInfo.InvariantCulture, $"== {method} {path}\n");
            try
            {
                using HttpResponseMessage answer = await client.SendAsync(request, soon.Token);
                byte[] content = await answer.Content.ReadAsByteArrayAsync(soon.Token);
                told.Append(CultureInfo.InvariantCulture, $"{answer.Version} {(int)answer.StatusCode} {answer.ReasonPhrase}\n{answer.Headers}{answer.Content.Headers}{answer.TrailingHeaders}");
                told.AppendLine(content.Length < 8192 ? Encoding.Latin1.GetString(content) : Digest(content));
            }
            catch (HttpRequestException e)
            {
                told.Append(CultureInfo.InvariantCulture, $"{e.HttpRequestError} {e.Message} {e.InnerException?.Message}\n");
            }
        }

        await Step("GET", "/show");
        await Step("HEAD", "/show");
        await Step("POST", "/show", new FormUrlEncodedContent([new("a", "1"), new("b", "2")]));
        await Step("PUT", "/show", new ByteArrayContent(_megabyte));
        await Step("POST", "/show", new ByteArrayContent(_megabyte), request =>
        {
            request.Headers.TransferEncodingChunked = version.Major == 1 ? true : null;
            request.Content!.Headers.ContentLength = null;
        });
        await Step("POST", "/show", new StringContent("expected"), request => request.Headers.ExpectContinue = true);
        await Step("DELETE", "/show");
        await Step("GET", "/show?q=%22%3C%3E%5C&caf\u00e9=%25%0A");
        await Step("GET", "/redirect");
        await Step("GET", "/missing");
        await Step("GET", "/stream", null, request => request.Headers.Range = new(1000, 1999));
        await Step("GET", "/stream");
        // The last: servers that refuse it reset the connection.
        await Step("GET", "/show", null, request =>
        {
            for (int i = 0; i < 250; i++)
            {
                request.Headers.Add($"X-Many-{i}", $"value {i}");
            }
        });
        return lab.Comparable(way, told.ToString());
    }

    private static async Task<string> CallAsync(Lab lab, Way way, int port)
    {
        using CancellationTokenSource soon = Soon();
        using GrpcChannel channel = GrpcChannel.ForAddress(
            $"http://{lab.Address}:{port}", new GrpcChannelOptions { HttpHandler = ContainerSockets.Client(lab.Host, lab.Client(way)), DisposeHttpClient = true, MaxReceiveMessageSize = null });
        Echo.EchoClient echo = new(channel);
        byte[] bytes = [.. Enumerable.Range(0, 256).Select(i => (byte)i)];
        Metadata metadata = new() { { "trace-bin", bytes }, { "empty-bin", [] }, { "x-text", "a b" }, { "x-twice", "1" }, { "x-twice", "2" } };
        StringBuilder told = new();
        void Tell(string name, Metadata fields) => told.AppendLine(name).AppendJoin('\n', fields.Where(field => field.Key != "date")
            .Select(field => $"{field.Key}: {(field.IsBinary ? Convert.ToHexString(field.ValueBytes) : field.Value)}")).AppendLine();

        using (AsyncUnaryCall<Word> call = echo.SayAsync(new Word { Text = new string('x', 3_000_000) }, metadata, cancellationToken: soon.Token))
        {
            told.AppendLine(Digest(Encoding.UTF8.GetBytes((await call.ResponseAsync).Text)));
            Tell("headers", await call.ResponseHeadersAsync);
            Tell("trailers", call.GetTrailers());
        }

        RpcException error = await Assert.ThrowsAsync<RpcException>(async () => await echo.SayAsync(new Word(), metadata, cancellationToken: soon.Token));
        Tell($"{error.StatusCode} {error.Status.Detail}", error.Trailers);
        using (AsyncDuplexStreamingCall<Word, Word> chat = echo.Chat(metadata, cancellationToken: soon.Token))
        {
            for (int i = 0; i < 50; i++)
            {
                // The next word goes out only when the last one is back.
                await chat.RequestStream.WriteAsync(new Word { Text = $"{i}" }, soon.Token);
                Assert.True(await chat.ResponseStream.MoveNext(soon.Token));
                told.Append(chat.ResponseStream.Current.Text).Append(' ');
            }

            await chat.RequestStream.CompleteAsync();
            Assert.False(await chat.ResponseStream.MoveNext(soon.Token));
            Tell("chat", chat.GetTrailers());
        }

        string[] many = await Task.WhenAll(Enumerable.Range(0, 200).Select(async i => (await echo.SayAsync(new Word { Text = $"{i}" }, cancellationToken: soon.Token)).Text));
        return told.AppendJoin(' ', many).AppendLine().ToString();
    }

    private static async Task<string> ChatAsync(Lab lab, Way way, string url)
    {
        using CancellationTokenSource soon = Soon();
        using HttpMessageInvoker invoker = new(ContainerSockets.Client(lab.Host, lab.Client(way)));
        using ClientWebSocket socket = new();
        socket.Options.DangerousDeflateOptions = new WebSocketDeflateOptions();
        await socket.ConnectAsync(new Uri(url.Replace("{A}", lab.Address, StringComparison.Ordinal)), invoker, soon.Token);
        StringBuilder told = new();
        byte[] buffer = new byte[2_000_000];
        foreach (int size in (int[])[0, 1, 125, 126, 65536, 1_000_000])
        {
            await socket.SendAsync(_megabyte.AsMemory(0, size), WebSocketMessageType.Binary, endOfMessage: true, soon.Token);
            int received = 0;
            ValueWebSocketReceiveResult part;
            do
            {
                part = await socket.ReceiveAsync(buffer.AsMemory(received), soon.Token);
                received += part.Count;
            }
            while (!part.EndOfMessage);
            told.AppendLine(Digest(buffer[..received]));
        }

        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "done", soon.Token);
        return told.AppendLine(CultureInfo.InvariantCulture, $"{socket.State} {socket.CloseStatus} {socket.CloseStatusDescription}").ToString();
    }
}
