// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Sockets;
using Weir.Control;

namespace Weir.Agent.Peers;

/// <summary>The sockets at which other nodes' agents are heard: one for each address of this node's. They are bound before anybody is
/// told of them. An address that the host does not have yet hinders nothing.</summary>
internal sealed class PeerListeners : IDisposable
{
    private const int LevelIp = 0;
    private const int FreeBind = 15; // IP_FREEBIND
    private const int LevelIpv6 = 41;
    private const int FreeBind6 = 78; // IPV6_FREEBIND

    private readonly Dictionary<EndPoint, Socket> _sockets = [];

    private PeerListeners()
    {
    }

    /// <summary>Why other nodes cannot ask this one; null: they can.</summary>
    internal string? Problem { get; private set; }

    internal IReadOnlyCollection<EndPoint> EndPoints => _sockets.Keys;

    internal static PeerListeners Bind(ClusterOptions node, int port)
    {
        var listeners = new PeerListeners();
        foreach (IPAddress address in node.OtherAddress is null ? [node.Address] : new[] { node.Address, node.OtherAddress })
        {
            var endPoint = new IPEndPoint(address, port);
            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                bool isIpv6 = address.AddressFamily == AddressFamily.InterNetworkV6;
                socket.SetRawSocketOption(isIpv6 ? LevelIpv6 : LevelIp, isIpv6 ? FreeBind6 : FreeBind, BitConverter.GetBytes(1));
                socket.Bind(endPoint);
                listeners._sockets.Add(socket.LocalEndPoint!, socket);
            }
            catch (SocketException e)
            {
                socket.Dispose();
                listeners.Problem = $"other nodes cannot ask this one at {endPoint}: {e.Message}; let nobody else have the port, or set node-port, and restart the agent";
            }
        }

        return listeners;
    }

    /// <summary>The socket for an address that was given out by <see cref="EndPoints"/>; null: it is none of these.</summary>
    internal Socket? Take(EndPoint endPoint) => _sockets.Remove(endPoint, out Socket? socket) ? socket : null;

    public void Dispose()
    {
        foreach (Socket socket in _sockets.Values)
        {
            socket.Dispose();
        }
    }
}
