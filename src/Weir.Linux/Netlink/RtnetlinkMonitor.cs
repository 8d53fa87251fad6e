// SPDX-License-Identifier: Apache-2.0

namespace Weir.Linux.Netlink;

/// <summary>Tells that tables of this thread's network namespace changed.</summary>
public sealed class RtnetlinkMonitor(RtnetlinkGroups groups = RtnetlinkGroups.Links | RtnetlinkGroups.Addresses) : IDisposable
{
    private readonly NetlinkSocket _socket = new((uint)groups);

    /// <summary>Waits for a change. True: read the tables again (several changes count as one).</summary>
    public bool Wait(TimeSpan timeout) => _socket.WaitForNotification(timeout);

    public void Dispose() => _socket.Dispose();
}
