// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using Microsoft.AspNetCore.Connections;
using Weir.Control.Cluster;
using Weir.Net;

namespace Weir.Agent.Peers;

/// <summary>Lets other nodes' agents in, and nobody else: by address, then by certificate, and no longer than they are nodes. Whoever
/// comes costs little, and there are not many at a time.</summary>
internal sealed class PeerGate : IDisposable
{
    private const int MostOfOne = 32; // connections of one address, whoever is behind it
    private const int MostHandshakes = 64; // at a time: one node alone keeps no other out

    private static readonly TimeSpan _handshake = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan _lookEvery = TimeSpan.FromSeconds(2);

    private readonly PeerList _peers;
    private readonly PeerIdentity _own;
    private readonly SemaphoreSlim _handshakes = new(MostHandshakes);
    private readonly Lock _lock = new();
    private readonly Dictionary<IPAddress, int> _open = [];
    private readonly ConcurrentDictionary<ConnectionContext, (string Certificate, IPAddress Address)> _in = new();
    private readonly Timer _look;

    internal PeerGate(PeerList peers, PeerIdentity own)
    {
        _peers = peers;
        _own = own;
        _look = new Timer(_ => ShutOut(), null, _lookEvery, _lookEvery);
    }

    /// <summary>So many connections there are at most: they take no place from the sockets of this host.</summary>
    internal const int MostOpen = 1024;

    public void Dispose()
    {
        _look.Dispose();
        _handshakes.Dispose();
    }

    internal ConnectionDelegate Guard(ConnectionDelegate next) => async connection =>
    {
        if (connection.RemoteEndPoint is not IPEndPoint from || !_peers.IsNodes(from.Address) || !TryEnter(from.Address))
        {
            connection.Abort(new ConnectionAbortedException("no node speaks from there, or it has too many connections"));
            return;
        }

        try
        {
            await ServeAsync(connection, from.Address, next);
        }
        finally
        {
            Leave(from.Address);
        }
    };

    private async Task ServeAsync(ConnectionContext connection, IPAddress from, ConnectionDelegate next)
    {
        NodeView? peer = null;
        IDuplexPipe transport = connection.Transport;
        var tls = new SslStream(new PipeStream(transport));
        try
        {
            using (var deadline = CancellationTokenSource.CreateLinkedTokenSource(connection.ConnectionClosed))
            {
                deadline.CancelAfter(_handshake);
                await _handshakes.WaitAsync(deadline.Token);
                try
                {
                    await tls.AuthenticateAsServerAsync(PeerTls.Server(_own.Certificate, hash => (peer = _peers.FindByCertificate(hash, from)) is not null), deadline.Token);
                }
                finally
                {
                    _handshakes.Release();
                }
            }

            connection.Transport = new TlsPipe(tls);
            connection.Features.Set(new Caller($"node {peer!.Name}", MayChange: false) { Node = peer.Name });
            _in[connection] = (peer.Door!.Certificate, from);
            await next(connection);
        }
        catch (Exception e) when (WeirException.IsExpected(e) || e is AuthenticationException or OperationCanceledException or ConnectionAbortedException or ObjectDisposedException)
        {
            // Whoever it was is none of the nodes, or has gone again: that is not worth a word.
        }
        finally
        {
            _in.TryRemove(connection, out _);
            connection.Transport = transport;
            await tls.DisposeAsync();
        }
    }

    private bool TryEnter(IPAddress address)
    {
        lock (_lock)
        {
            int open = _open.GetValueOrDefault(address);
            if (open >= MostOfOne || _open.Values.Sum() >= MostOpen)
            {
                return false;
            }

            _open[address] = open + 1;
            return true;
        }
    }

    private void Leave(IPAddress address)
    {
        lock (_lock)
        {
            if (--_open[address] == 0)
            {
                _open.Remove(address);
            }
        }
    }

    /// <summary>Who is no node any more, or is another.</summary>
    private void ShutOut()
    {
        foreach ((ConnectionContext connection, (string certificate, IPAddress address)) in _in)
        {
            if (_peers.FindByCertificate(certificate, address) is null)
            {
                connection.Abort(new ConnectionAbortedException("it is no node any more"));
            }
        }
    }

    private sealed class TlsPipe(Stream tls) : IDuplexPipe
    {
        public PipeReader Input { get; } = PipeReader.Create(tls, new StreamPipeReaderOptions(leaveOpen: true));

        public PipeWriter Output { get; } = PipeWriter.Create(tls, new StreamPipeWriterOptions(leaveOpen: true));
    }
}
