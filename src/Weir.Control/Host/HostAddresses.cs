// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Datapath;
using Weir.Linux.Netlink;
using Weir.Net;

namespace Weir.Control.Host;

/// <summary>Keeps what the host takes for its own in the ipcache, as identity "host": all of its local routes,
/// broadcast and anycast addresses among them, whether an interface has them or not. Called under the control
/// plane's lock.</summary>
internal sealed class HostAddresses(Datapath.Datapath datapath, RtnetlinkTables tables)
{
    private HashSet<IpPrefix> _known = [];

    /// <summary>Addresses at which others reach the host, one by one.</summary>
    internal IReadOnlyCollection<IPAddress> All { get; private set; } = [];

    /// <summary>Takes up what is in the ipcache already.</summary>
    internal void Restore(IEnumerable<IpcacheRow> rows) =>
        _known = [.. rows.Where(row => row.Identity == Identity.Host).Select(row => row.Prefix)];

    /// <summary>Whether the prefix is exactly one of the host's.</summary>
    internal bool Has(IpPrefix prefix) => _known.Contains(prefix);

    /// <summary>Makes the ipcache tell what the host has now; true if that changed anything.</summary>
    internal bool Refresh()
    {
        IReadOnlyList<RouteInfo> local = tables.LocalRoutes();
        All = [.. local.Where(IsReachable).Select(route => route.Destination.Address).Distinct()];
        HashSet<IpPrefix> present = [.. local.Select(route => route.Destination)];
        IpPrefix[] added = [.. present.Except(_known)];
        IpPrefix[] gone = [.. _known.Except(present)];
        datapath.SetIpcache([.. added.Select(prefix => new IpcacheRow(prefix, Identity.Host))]);
        foreach (IpPrefix prefix in gone)
        {
            datapath.RemoveIpcache(prefix);
        }

        _known = present;
        return added.Length + gone.Length > 0;
    }

    private static bool IsReachable(RouteInfo route) => route.Kind == RouteKind.Local && route.Destination.IsSingleAddress
        && !IPAddress.IsLoopback(route.Destination.Address) && !route.Destination.Address.IsIPv6LinkLocal;
}
