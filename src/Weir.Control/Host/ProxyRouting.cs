// SPDX-License-Identifier: Apache-2.0
using Weir.Datapath.Abi;
using Weir.Linux.Netlink;
using Weir.Store;

namespace Weir.Control.Host;

/// <summary>The host's rule by which packets for the proxy end in its own stack.</summary>
internal static class ProxyRouting
{
    private const uint Table = 2004;
    private const uint Priority = 9; // before all that others may have added

    internal static void Apply() => PolicyRouting.DeliverLocally((uint)ProxyMark.MarkToProxy, (uint)ProxyMark.MarkMask, Table, Priority);

    /// <summary>
    /// What comes from outside to a container passes the host's stack on its way to the container's link, where it
    /// is handed to the proxy. The stack must not find the proxy's socket before that: it drops what it would
    /// forward but has a socket for. (One route lookup more for what is for the host itself.)
    /// </summary>
    internal static void LetForwardedPacketsThrough(IStore store) => HostSettings.Set(store, "net/ipv4/tcp_early_demux", "0");

    internal static void Remove() => PolicyRouting.Remove((uint)ProxyMark.MarkToProxy, (uint)ProxyMark.MarkMask, Table, Priority);
}
