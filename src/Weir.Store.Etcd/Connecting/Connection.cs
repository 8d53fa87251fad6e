// SPDX-License-Identifier: Apache-2.0

using System.Net.Sockets;
using Grpc.Core;
using Grpc.Net.Client;
using Weir.Store.Etcd.Api;

namespace Weir.Store.Etcd.Connecting;

/// <summary>One TCP connection to one member, never another: whatever was found out about the member when it was made holds as long
/// as it lives, since a process in the member's place, with other data maybe, is another connection.</summary>
internal sealed class Connection : IDisposable
{
    /// <summary>A larger message than etcd sends while values are of the size that it takes.</summary>
    private const int MaxMessage = 64 << 20;

    /// <summary>etcd closes connections that ask more often than every 5 s whether it is there.</summary>
    private static readonly TimeSpan _pingDelay = TimeSpan.FromSeconds(10);

    private readonly EtcdOptions _options;
    private readonly CancellationTokenSource _lost = new();
    private readonly TlsFiles? _tls;
    private readonly SocketsHttpHandler _handler;
    private readonly GrpcChannel _channel;
    private readonly SemaphoreSlim _renewing = new(1);
    private readonly Action<Connection> _failed;
    private int _dialled;
    private int _ended;
    private volatile string? _token;

    /// <param name="failed">Told once, when the connection is of no more use.</param>
    /// <exception cref="StoreException">The certificates cannot be used.</exception>
    internal Connection(string endpoint, EtcdOptions options, Action<Connection> failed)
    {
        Endpoint = endpoint;
        _options = options;
        _failed = failed;
        Stamp = TlsFiles.Stamp(options);
        _tls = endpoint.StartsWith("https:", StringComparison.OrdinalIgnoreCase) ? TlsFiles.Read(options) : null;
        _handler = new SocketsHttpHandler
        {
            ConnectCallback = DialAsync,
            UseProxy = false,
            AllowAutoRedirect = false,
            PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
            KeepAlivePingDelay = _pingDelay,
            KeepAlivePingTimeout = options.RequestTimeout,
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
        };
        if (_tls is not null)
        {
            _handler.SslOptions = _tls.Options;
        }

        _channel = GrpcChannel.ForAddress(endpoint, new GrpcChannelOptions { HttpHandler = _handler, MaxReceiveMessageSize = MaxMessage, MaxSendMessageSize = null });
        Kv = new KV.KVClient(_channel);
        Watch = new Watch.WatchClient(_channel);
        Lease = new Lease.LeaseClient(_channel);
    }

    internal string Endpoint { get; }

    internal bool IsSecure => _tls is not null;

    /// <summary>Of the certificates' files when it was made.</summary>
    internal string Stamp { get; }

    internal KV.KVClient Kv { get; }

    internal Watch.WatchClient Watch { get; }

    internal Lease.LeaseClient Lease { get; }

    /// <summary>As the member last told.</summary>
    internal Layout Layout { get; set; }

    /// <summary>Cancelled when the connection is of no more use.</summary>
    internal CancellationToken Lost => _lost.Token;

    internal string? Why { get; private set; }

    internal bool IsLost => _lost.IsCancellationRequested;

    /// <summary>For a request that is to be answered in time. A member that has no leader refuses it.</summary>
    internal CallOptions Ask(CancellationToken cancel = default) => new(Headers(), Deadline, cancel);

    /// <summary>For a stream. It ends when the member has lost its leader, or the connection is lost.</summary>
    internal CallOptions Follow(CancellationToken cancel) => new(Headers(), null, cancel);

    /// <summary>Gets a token, if there is a user.</summary>
    /// <exception cref="RpcException">etcd does not know the user so.</exception>
    internal Task LogInAsync(CancellationToken cancel) => RenewTokenAsync(_token, cancel);

    /// <summary>Gets a new token in place of the one that a request had.</summary>
    /// <exception cref="RpcException">etcd does not know the user so.</exception>
    internal async Task RenewTokenAsync(string? refused, CancellationToken cancel)
    {
        if (string.IsNullOrEmpty(_options.User))
        {
            return;
        }

        await _renewing.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            if (_token == refused)
            {
                AuthenticateResponse answer = await new Auth.AuthClient(_channel).AuthenticateAsync(
                    new AuthenticateRequest { Name = _options.User, Password = _options.Password },
                    new CallOptions(null, Deadline, cancel)).ConfigureAwait(false);
                _token = answer.Token;
            }
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.FailedPrecondition)
        {
            _token = null; // etcd asks nobody who he is
        }
        finally
        {
            _renewing.Release();
        }
    }

    /// <summary>What requests are made with now.</summary>
    internal string? Token => _token;

    /// <summary>It is of no more use.</summary>
    internal void Fail(string why)
    {
        if (Interlocked.Exchange(ref _ended, 1) == 0)
        {
            Why = why;
            _lost.Cancel();
            _failed(this);
        }
    }

    public void Dispose()
    {
        Fail("it is closed");
        _channel.Dispose();
        _handler.Dispose();
        _tls?.Dispose();
    }

    private DateTime Deadline => (_options.Time.GetUtcNow() + _options.RequestTimeout).UtcDateTime;

    private Metadata Headers()
    {
        var headers = new Metadata { { "hasleader", "true" } };
        if (_token is { } token)
        {
            headers.Add("token", token);
        }

        return headers;
    }

    private async ValueTask<Stream> DialAsync(SocketsHttpConnectionContext context, CancellationToken cancel)
    {
        if (Interlocked.Exchange(ref _dialled, 1) != 0)
        {
            throw new ConnectionLostException(Endpoint);
        }

        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(context.DnsEndPoint, cancel).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
