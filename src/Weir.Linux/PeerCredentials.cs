// SPDX-License-Identifier: Apache-2.0

using System.Net.Sockets;
using Weir.Linux.Interop;

namespace Weir.Linux;

/// <summary>Who is at the other end of a Unix socket, as the kernel saw it when it connected.</summary>
public readonly record struct PeerCredentials(int ProcessId, uint UserId, uint GroupId)
{
    private const int SolSocket = 1;
    private const int SoPeerCred = 17;

    /// <summary>Reads SO_PEERCRED of a connected Unix socket.</summary>
    public static unsafe PeerCredentials Of(Socket socket)
    {
        uint* credentials = stackalloc uint[3];
        uint length = 12;
        return Libc.GetSocketOption((int)socket.Handle, SolSocket, SoPeerCred, credentials, &length) == 0
            ? new PeerCredentials((int)credentials[0], credentials[1], credentials[2])
            : throw LinuxException.Last("read the credentials of a socket's peer");
    }
}
