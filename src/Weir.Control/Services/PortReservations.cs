// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Sockets;
using Weir.Control.State;
using Weir.Net;

namespace Weir.Control.Services;

/// <summary>Holds the host's ports that lead to containers, so that no program of the host takes one for
/// its own and wonders why nobody comes. Called on the writer's thread.</summary>
internal sealed class PortReservations : IDisposable
{
    private const int SocketLevel = 1; // SOL_SOCKET
    private const int BindToInterface = 62; // SO_BINDTOIFINDEX
    private const int NoInterface = int.MaxValue;
    private const ushort FirstFree = 49152; // RFC 6335 §6: dynamic ports
    private const ushort LastFree = 60999; // above are the balancer's own

    private readonly Dictionary<(IpProtocol Protocol, IPAddress Address, ushort Port), Socket> _held = [];

    /// <summary>Takes a free port for each wish, or none for any.</summary>
    /// <exception cref="ControlException">One is in use.</exception>
    internal IReadOnlyList<PublishedPort> Take(IReadOnlyList<PortWish> wishes, bool hasIpv6)
    {
        List<PublishedPort> taken = [];
        try
        {
            foreach (PortWish wish in wishes)
            {
                taken.Add(TakeOne(wish, hasIpv6));
            }

            return taken;
        }
        catch
        {
            Release(taken);
            throw;
        }
    }

    /// <summary>Holds ports that were taken before the agent's restart.</summary>
    /// <returns>Those that a program of the host has meanwhile.</returns>
    internal IReadOnlyList<PublishedPort> Restore(IEnumerable<PublishedPort> ports, bool hasIpv6) =>
        [.. ports.Where(port => !TryRestore(port, hasIpv6))];

    internal void Release(IEnumerable<PublishedPort> ports)
    {
        foreach (PublishedPort port in ports)
        {
            foreach (IPAddress address in (IPAddress[])[port.HostAddress ?? IPAddress.Any, IPAddress.IPv6Any])
            {
                if (_held.Remove((port.Protocol, address, port.HostPort), out Socket? socket))
                {
                    socket.Dispose();
                }
            }
        }
    }

    public void Dispose()
    {
        foreach (Socket socket in _held.Values)
        {
            socket.Dispose();
        }

        _held.Clear();
    }

    private bool TryRestore(PublishedPort port, bool hasIpv6)
    {
        try
        {
            return TryHold(port, hasIpv6);
        }
        catch (ControlException)
        {
            return false; // an agent with fewer rights than the one before
        }
    }

    private PublishedPort TakeOne(PortWish wish, bool hasIpv6)
    {
        (ushort first, ushort last) = wish.FirstHostPort == 0 ? (FirstFree, LastFree) : (wish.FirstHostPort, wish.LastHostPort);
        for (int port = first; port <= last; port++)
        {
            var published = new PublishedPort(wish.Protocol, wish.ContainerPort, wish.HostAddress, (ushort)port);
            if (TryHold(published, hasIpv6))
            {
                return published;
            }
        }

        string range = first == last ? $"port {first}/{wish.Protocol.Name()} is" : $"all ports from {first} to {last}/{wish.Protocol.Name()} are";
        throw new ControlException($"{range} in use on this host{(wish.HostAddress is null ? "" : $" at {wish.HostAddress}")}: choose another with -p");
    }

    private bool TryHold(PublishedPort port, bool hasIpv6)
    {
        List<IPAddress> addresses = [port.HostAddress ?? IPAddress.Any];
        if (port.HostAddress is null && hasIpv6 && Socket.OSSupportsIPv6)
        {
            addresses.Add(IPAddress.IPv6Any);
        }

        List<(IpProtocol, IPAddress, ushort)> mine = [];
        try
        {
            foreach (IPAddress address in addresses)
            {
                var key = (port.Protocol, address, port.HostPort);
                if (_held.ContainsKey(key) || Bind(port.Protocol, address, port.HostPort) is not { } socket)
                {
                    return false;
                }

                _held[key] = socket;
                mine.Add(key);
            }

            mine.Clear();
            return true;
        }
        finally
        {
            foreach ((IpProtocol, IPAddress, ushort) half in mine)
            {
                _held.Remove(half, out Socket? mistaken);
                mistaken?.Dispose();
            }
        }
    }

    /// <summary>A socket that has the port and gets nothing: who comes by a way that leads to no container is refused
    /// at once, as where nobody listens.</summary>
    private static Socket? Bind(IpProtocol protocol, IPAddress address, ushort port)
    {
        Socket socket = Open(protocol, address);
        try
        {
            if (address.AddressFamily == AddressFamily.InterNetworkV6)
            {
                socket.DualMode = false;
            }

            socket.Bind(new IPEndPoint(address, port));
            if (protocol == IpProtocol.Tcp)
            {
                // Others may share a port that nobody listens on.
                socket.Listen(1);
            }

            // The kernel does not ask whether there is such a device.
            socket.SetRawSocketOption(SocketLevel, BindToInterface, BitConverter.GetBytes(NoInterface));
            return socket;
        }
        catch (SocketException e)
        {
            socket.Dispose();
            return e.SocketErrorCode != SocketError.AccessDenied ? null : throw new ControlException(
                $"the agent may not take port {port}/{protocol.Name()}: it runs without CAP_NET_BIND_SERVICE, which ports below 1024 need; start it as deploy/weir.service does, or choose a higher port with -p");
        }
    }

    private static Socket Open(IpProtocol protocol, IPAddress address)
    {
        try
        {
            return protocol == IpProtocol.Tcp
                ? new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp)
                : new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.TooManyOpenSockets)
        {
            throw new ControlException("so many ports do not fit: each takes the agent an open file for each address family, and it may have no more; raise LimitNOFILE of its unit (ulimit -n)");
        }
    }
}
