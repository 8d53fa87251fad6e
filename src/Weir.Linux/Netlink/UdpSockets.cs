// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Weir.Linux.Netlink;

/// <summary>UDP sockets of the calling thread's network namespace, whoever has them (sock_diag(7)).</summary>
public static class UdpSockets
{
    private const int SocketDiagnostics = 4; // NETLINK_SOCK_DIAG
    private const ushort ByFamily = 20; // SOCK_DIAG_BY_FAMILY
    private const ushort Destroy = 21; // SOCK_DESTROY
    private static readonly byte[] _families = [2, 10];

    /// <summary>Disconnects those that are connected; their owners get ECONNABORTED with the next call.</summary>
    /// <param name="cookies">SO_COOKIE.</param>
    /// <returns>How many there were.</returns>
    /// <exception cref="LinuxException">EOPNOTSUPP: the kernel has no CONFIG_INET_DIAG_DESTROY.</exception>
    public static int Abort(IReadOnlySet<ulong> cookies)
    {
        ArgumentNullException.ThrowIfNull(cookies);
        using var socket = new NetlinkSocket(protocol: SocketDiagnostics);
        List<Request> found = [.. _families.SelectMany(family => Connected(socket, family)).Where(one => cookies.Contains(one.Socket.Cookie))];
        return found.Count(one => socket.Request(
            new NetlinkMessage(Destroy, NetlinkFlags.Ack).Fixed(one), "disconnect a UDP socket", [Errno.NoEntry]) == 0);
    }

    private static List<Request> Connected(NetlinkSocket socket, byte family)
    {
        List<Request> sockets = [];
        socket.Dump(
            new NetlinkMessage(ByFamily, NetlinkFlags.Dump).Fixed(new Request { Family = family, Protocol = Request.Udp, States = Request.Established }),
            "list UDP sockets",
            sockets.Clear,
            (type, payload) =>
            {
                if (type == ByFamily && payload.Length >= Unsafe.SizeOf<Answer>())
                {
                    Answer answer = MemoryMarshal.Read<Answer>(payload);
                    sockets.Add(new Request { Family = answer.Family, Protocol = Request.Udp, States = Request.Established, Socket = answer.Socket });
                }
            });
        return sockets;
    }

    /// <summary>struct inet_diag_sockid (linux/inet_diag.h), as far as it is looked at.</summary>
    [StructLayout(LayoutKind.Sequential, Pack = 4)]
    private struct SocketId
    {
        internal uint Ports;
        internal UInt128Words Source;
        internal UInt128Words Destination;
        internal uint Interface;
        internal ulong Cookie;
    }

    [InlineArray(4)]
    private struct UInt128Words
    {
        private uint _word;
    }

    /// <summary>struct inet_diag_req_v2.</summary>
    [StructLayout(LayoutKind.Sequential, Pack = 4)]
    private struct Request
    {
        internal const byte Udp = 17;
        internal const uint Established = 1 << 1;
        internal byte Family;
        internal byte Protocol;
        internal byte Extensions;
        internal byte Padding;
        internal uint States;
        internal SocketId Socket;
    }

    /// <summary>The beginning of struct inet_diag_msg.</summary>
    [StructLayout(LayoutKind.Sequential, Pack = 4)]
    private struct Answer
    {
        internal byte Family;
        internal byte State;
        internal byte Timer;
        internal byte Retransmissions;
        internal SocketId Socket;
    }
}
