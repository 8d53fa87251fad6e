// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Weir.Cli;

namespace Weir.Agent;

/// <summary>Where Prometheus asks for metrics: one page, by TCP, and nothing else of the agent. However often it is asked, the
/// kernel's maps are read once a second at most.</summary>
internal sealed class MetricsDoor(MetricsOptions options, ILogger log) : IDisposable
{
    internal const string Path = "/metrics";

    private const string Format = "text/plain; version=0.0.4; charset=utf-8"; // https://prometheus.io/docs/instrumenting/exposition_formats/
    private const int MostConnections = 32;

    private static readonly TimeSpan _fresh = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _oneAtATime = new(1);
    private readonly byte[]? _token = options.Token is null ? null : Encoding.UTF8.GetBytes($"Bearer {options.Token}");
    private byte[] _page = [];
    private long _readAt;
    private int _connections;

    /// <summary>Why nobody can ask, though it was wished; null: they can.</summary>
    internal string? Problem { get; private set; }

    public void Dispose() => _oneAtATime.Dispose();

    /// <summary>A port that somebody else has is said, and keeps nothing else of the agent from its work.</summary>
    internal void Listen(KestrelServerOptions kestrel)
    {
        if (options.Address is not { } address)
        {
            return;
        }

        if (TryBind(address) is { } socket)
        {
            kestrel.ListenHandle((ulong)socket, listen =>
            {
                listen.Protocols = HttpProtocols.Http1;
                listen.Use(Note);
                if (options.Certificate() is { } certificate)
                {
                    listen.UseHttps(certificate);
                }
            });
        }
    }

    /// <summary>Answers what came by this door; the rest goes on.</summary>
    internal Task AnswerAsync(HttpContext context, RequestDelegate next, Func<Api.Metrics> read) =>
        context.Features.Get<MetricsDoor>() == this ? AnswerAsync(context, read) : next(context);

    private async Task AnswerAsync(HttpContext context, Func<Api.Metrics> read)
    {
        (int status, string text) = Judge(context.Request);
        context.Response.StatusCode = status;
        if (status == StatusCodes.Status200OK)
        {
            byte[] page = await PageAsync(read, context.RequestAborted);
            context.Response.ContentType = Format;
            context.Response.ContentLength = page.Length;
            await context.Response.BodyWriter.WriteAsync(page, context.RequestAborted);
        }
        else
        {
            await context.Response.WriteAsync(text + "\n", context.RequestAborted);
        }
    }

    private (int Status, string Text) Judge(HttpRequest request) => request switch
    {
        // A page in somebody's browser may lead a name of its own to 127.0.0.1.
        _ when _token is null && !IsAddress(request.Host.Host) => (StatusCodes.Status403Forbidden, "ask by address, not by a name"),
        _ when _token is not null && !CryptographicOperations.FixedTimeEquals(_token, Encoding.UTF8.GetBytes($"{request.Headers.Authorization}")) =>
            (StatusCodes.Status401Unauthorized, "the token that metrics-token-file holds is needed: Authorization: Bearer TOKEN"),
        { Path.Value: not Path } => (StatusCodes.Status404NotFound, $"there is {Path} and nothing else"),
        { Method: not "GET" } => (StatusCodes.Status405MethodNotAllowed, "only GET"),
        _ => (StatusCodes.Status200OK, ""),
    };

    private static bool IsAddress(string host) => host == "localhost" || IPAddress.TryParse(host, out _);

    private async Task<byte[]> PageAsync(Func<Api.Metrics> read, CancellationToken cancel)
    {
        await _oneAtATime.WaitAsync(cancel);
        try
        {
            if (_page.Length == 0 || TimeProvider.System.GetElapsedTime(_readAt) >= _fresh)
            {
                _page = Encoding.UTF8.GetBytes(PrometheusText.Write(read()));
                _readAt = TimeProvider.System.GetTimestamp();
            }

            return _page;
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    /// <summary>Notes with a connection that it came by this door; too many at once are closed.</summary>
    private ConnectionDelegate Note(ConnectionDelegate next) => async connection =>
    {
        try
        {
            if (Interlocked.Increment(ref _connections) > MostConnections)
            {
                connection.Abort();
                return;
            }

            connection.Features.Set(this);
            await next(connection);
        }
        finally
        {
            Interlocked.Decrement(ref _connections);
        }
    };

    /// <returns>A bound socket's descriptor, which whoever listens there closes.</returns>
    private nint? TryBind(IPEndPoint address)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(address);
        }
        catch (SocketException e)
        {
            socket.Dispose();
            Problem = $"metrics cannot be asked for at {address}: {e.Message}; another metrics-address, or its end and a restart, helps";
            Log.NoMetrics(log, Problem);
            return null;
        }

        nint descriptor = socket.Handle;
        socket.SafeHandle.SetHandleAsInvalid();
        return descriptor;
    }
}
