// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Weir.Control;
using Weir.Control.Cluster;

namespace Weir.Agent.Peers;

/// <summary>How agents of other nodes ask this one, and are asked by it. Nothing listens, and nobody is asked, where there is no
/// cluster.</summary>
internal sealed class PeerDoors : IDisposable
{
    private const int MostQuestion = 64 * 1024; // bytes

    private readonly PeerIdentity? _own;
    private readonly PeerListeners? _listeners;
    private readonly PeerGate? _gate;

    /// <param name="node">Null: this host is by itself.</param>
    /// <param name="nodes">All nodes that are alive; asked later.</param>
    internal PeerDoors(ClusterOptions? node, int port, string folder, Func<IReadOnlyList<NodeView>> nodes)
    {
        if (node is null)
        {
            return;
        }

        var peers = new PeerList(nodes);
        _own = PeerIdentity.Open(folder);
        _listeners = PeerListeners.Bind(node, port);
        _gate = new PeerGate(peers, _own);
        Client = new PeerClient(peers, _own, node);
        Door = _listeners.EndPoints.FirstOrDefault() is IPEndPoint endPoint ? new PeerDoor(endPoint.Port, _own.Hash) : null;
    }

    /// <summary>Null: there are no others.</summary>
    internal PeerClient? Client { get; }

    /// <summary>What the other nodes are told.</summary>
    internal PeerDoor? Door { get; }

    internal IEnumerable<string> Warnings => _listeners?.Problem is { } problem ? [problem] : [];

    internal void Listen(KestrelServerOptions kestrel)
    {
        foreach (EndPoint endPoint in _listeners?.EndPoints ?? [])
        {
            kestrel.Listen(endPoint, listen =>
            {
                listen.Protocols = HttpProtocols.Http2;
                listen.Use(_gate!.Guard);
            });
        }
    }

    /// <summary>Has the server take the sockets that are bound.</summary>
    internal void Provide(SocketTransportOptions sockets) =>
        sockets.CreateBoundListenSocket = endPoint => _listeners?.Take(endPoint) ?? SocketTransportOptions.CreateDefaultBoundListenSocket(endPoint);

    /// <summary>What other nodes ask is short.</summary>
    internal static Task BoundAsync(HttpContext context, RequestDelegate next)
    {
        if (context.Features.Get<Caller>() is { Node: not null } && context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } body)
        {
            body.MaxRequestBodySize = MostQuestion;
        }

        return next(context);
    }

    public void Dispose()
    {
        _gate?.Dispose();
        _listeners?.Dispose();
        _own?.Dispose();
    }
}
