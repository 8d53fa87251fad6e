// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Datapath;
using Weir.Linux.Netlink;
using Weir.Net;

namespace Weir.Control.Host;

/// <summary>Keeps what the host takes for its own in the ipcache, as identity "host": all of its local routes,
/// broadcast and anycast addresses among them, whether an interface has them or not. Called on the writer's
/// thread; what only tells may be asked from any.</summary>
/// <param name="cidrs">Prefixes of policy with their numbers: the host's own addresses come before them.</param>
internal sealed class HostAddresses(Datapath.Datapath datapath, RtnetlinkTables tables, Func<IReadOnlyDictionary<IpPrefix, Identity>> cidrs)
{
    private HashSet<IpPrefix> _known = [];

    /// <summary>Addresses at which others reach the host, one by one.</summary>
    internal IReadOnlyCollection<IPAddress> All { get; private set; } = [];

    /// <summary>Takes up what is in the ipcache already.</summary>
    internal void Restore(IEnumerable<IpcacheRow> rows) =>
        _known = [.. rows.Where(row => row.Identity == Identity.Host).Select(row => row.Prefix)];

    /// <summary>Whether all of the prefix is the host's, so that no rule for a CIDR means it.</summary>
    internal bool Covers(IpPrefix prefix) => _known.Any(own => own.Contains(prefix));

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
        Yield(added, gone);
        return added.Length + gone.Length > 0;
    }

    /// <summary>A CIDR of policy inside of what is the host's now has no row of its own; one that was, has it again.</summary>
    private void Yield(IpPrefix[] added, IpPrefix[] gone)
    {
        if (added.Length + gone.Length == 0)
        {
            return;
        }

        foreach (IpPrefix hidden in cidrs().Keys.Where(cidr => !_known.Contains(cidr) && added.Any(own => own.Contains(cidr))))
        {
            datapath.RemoveIpcache(hidden);
        }

        datapath.SetIpcache([.. cidrs().Where(cidr => gone.Any(own => own.Contains(cidr.Key)) && !Covers(cidr.Key)).Select(cidr => new IpcacheRow(cidr.Key, cidr.Value))]);
    }

    private static bool IsReachable(RouteInfo route) => route.Kind == RouteKind.Local && route.Destination.IsSingleAddress
        && !IPAddress.IsLoopback(route.Destination.Address) && !route.Destination.Address.IsIPv6LinkLocal;
}
