// SPDX-License-Identifier: Apache-2.0

namespace Weir.Linux.Netlink;

/// <summary>Tells that links or addresses of this thread's network namespace changed.</summary>
public sealed class RtnetlinkMonitor : IDisposable
{
    private const uint Groups = 0x1 | 0x10 | 0x100; // links, IPv4 addresses, IPv6 addresses

    private readonly NetlinkSocket _socket = new(Groups);

    /// <summary>Waits for a change. True: read the tables again (several changes count as one).</summary>
    public bool Wait(TimeSpan timeout) => _socket.WaitForNotification(timeout);

    public void Dispose() => _socket.Dispose();
}
