// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Weir.Agent.Hubble;

/// <summary>Where Hubble's clients ask: a socket of this host, and TCP where that is wished. Nothing else of the agent is behind it, and
/// what is behind it is nowhere else. Who comes by TCP takes no place from those of this host.</summary>
internal sealed class HubbleDoor(AgentConfig config, ILogger log)
{
    private const int MostConnections = 32;
    private const int MostOfOneAddress = 16;
    private const int MostStreams = 32;
    private const int QuietBeforeAsking = 60; // seconds
    private const int BetweenAsking = 15;
    private const int Askings = 4;

    private static readonly TimeSpan _handshake = TimeSpan.FromSeconds(5);
    private static readonly string[] _paths = ["/observer.Observer/", "/grpc.health.v1.Health/", "/grpc.reflection.v1.ServerReflection/", "/grpc.reflection.v1alpha.ServerReflection/"];

    private readonly HubbleOptions _options = config.Hubble;
    private readonly Lock _lock = new();
    private readonly Dictionary<IPAddress, int> _open = [];
    private readonly Streams _ofThisHost = new();
    private readonly Streams _ofOthers = new();

    /// <summary>Empty: there is none.</summary>
    internal string Socket { get; } = SocketOf(config);

    /// <summary>Why nobody can ask by TCP, though it was wished; null: they can.</summary>
    internal string? Problem { get; private set; }

    /// <summary>Whether there is TLS.</summary>
    internal bool IsEncrypted => _options.Address is not null && _options.CertFile is not null;

    /// <summary>Null: nobody asks by TCP.</summary>
    internal IPEndPoint? Address => Problem is null ? _options.Address : null;

    /// <summary>Empty: there is none.</summary>
    internal static string SocketOf(AgentConfig config) => config.Hubble.Socket ?? Path.Combine(config.RunFolder, "hubble.sock");

    internal void Listen(KestrelServerOptions kestrel)
    {
        if (Socket.Length > 0)
        {
            kestrel.ListenUnixSocket(Socket, listen =>
            {
                listen.Protocols = HttpProtocols.Http2;
                listen.Use(next => connection =>
                {
                    Note(connection, _ofThisHost);
                    return next(connection);
                });
            });
        }

        if (_options.Address is { } address && TryBind(address) is { } bound)
        {
            kestrel.ListenHandle((ulong)bound, listen =>
            {
                listen.Protocols = HttpProtocols.Http2;
                listen.Use(Bound);
                if (_options.Certificate() is { } certificate)
                {
                    listen.UseHttps(Tls(certificate));
                }
            });
        }
    }

    /// <summary>By this door there is what Hubble's clients ask for and nothing else, and by no other.</summary>
    internal static Task KeepApartAsync(HttpContext context, RequestDelegate next)
    {
        if (IsHubbles(context.Request.Path.Value ?? "") == (context.Features.Get<Streams>() is not null))
        {
            return next(context);
        }

        // As gRPC says "unimplemented": what stands for no such service.
        context.Response.ContentType = "application/grpc";
        context.Response.Headers["grpc-status"] = "12";
        context.Response.Headers["grpc-message"] = "this socket has no such service";
        return Task.CompletedTask;
    }

    /// <summary>Whether a call is of what is behind this door: nothing of it changes anything.</summary>
    internal static bool IsHubbles(string method) => Array.Exists(_paths, path => method.StartsWith(path, StringComparison.Ordinal));

    /// <summary>A place for an answer that may last. Null: there are too many.</summary>
    internal static IDisposable? TryEnter(HttpContext context) => context.Features.Get<Streams>()?.TryEnter();

    private static void Note(ConnectionContext connection, Streams streams) => connection.Features.Set(streams);

    private HttpsConnectionAdapterOptions Tls(X509Certificate2 certificate)
    {
        var tls = new HttpsConnectionAdapterOptions { ServerCertificate = certificate, HandshakeTimeout = _handshake };
        if (_options.ClientCaFile is null)
        {
            return tls;
        }

        X509Certificate2Collection authorities = _options.ClientAuthorities();
        tls.ClientCertificateMode = ClientCertificateMode.RequireCertificate;
        tls.ClientCertificateValidation = (shown, _, _) => IsOf(authorities, shown);
        return tls;
    }

    /// <summary>Those alone say who may ask, not those whom the host trusts otherwise.</summary>
    private static bool IsOf(X509Certificate2Collection authorities, X509Certificate2 shown)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.ApplicationPolicy.Add(new System.Security.Cryptography.Oid("1.3.6.1.5.5.7.3.2")); // to show at a server
        return chain.Build(shown);
    }

    /// <summary>Too many at once are closed, before they cost more than that.</summary>
    private ConnectionDelegate Bound(ConnectionDelegate next) => async connection =>
    {
        IPAddress from = (connection.RemoteEndPoint as IPEndPoint)?.Address ?? IPAddress.None;
        lock (_lock)
        {
            int open = _open.GetValueOrDefault(from);
            if (open >= MostOfOneAddress || _open.Values.Sum() >= MostConnections)
            {
                connection.Abort();
                return;
            }

            _open[from] = open + 1;
        }

        try
        {
            Note(connection, _ofOthers);
            await next(connection);
        }
        finally
        {
            lock (_lock)
            {
                if (--_open[from] == 0)
                {
                    _open.Remove(from);
                }
            }
        }
    };

    /// <returns>A bound socket's descriptor, which whoever listens there closes.</returns>
    private nint? TryBind(IPEndPoint address)
    {
        var bound = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            // Inherited by who is let in: a host that is gone without a word keeps no place.
            bound.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            bound.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, QuietBeforeAsking);
            bound.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, BetweenAsking);
            bound.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, Askings);
            bound.Bind(address);
        }
        catch (SocketException e)
        {
            bound.Dispose();
            Problem = $"Hubble's clients cannot ask at {address}: {e.Message}; another hubble-address, or its end and a restart, helps";
            Log.NoHubble(log, Problem);
            return null;
        }

        nint descriptor = bound.Handle;
        bound.SafeHandle.SetHandleAsInvalid();
        return descriptor;
    }

    /// <summary>Answers under way that may last: each holds as many events as its reader is late.</summary>
    private sealed class Streams
    {
        private int _open;

        internal IDisposable? TryEnter()
        {
            if (Interlocked.Increment(ref _open) <= MostStreams)
            {
                return new Place(this);
            }

            Interlocked.Decrement(ref _open);
            return null;
        }

        private sealed class Place(Streams streams) : IDisposable
        {
            public void Dispose() => Interlocked.Decrement(ref streams._open);
        }
    }
}
