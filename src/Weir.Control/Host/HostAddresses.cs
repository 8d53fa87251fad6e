// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Datapath;
using Weir.Linux.Netlink;
using Weir.Net;

namespace Weir.Control.Host;

/// <summary>Keeps the host's own addresses in the ipcache, as identity "host". Called under the control
/// plane's lock.</summary>
internal sealed class HostAddresses(Datapath.Datapath datapath, RtnetlinkSocket links)
{
    private const byte ScopeLink = 253;
    private HashSet<IpPrefix> _known = [];

    /// <summary>All of them, without loopback's.</summary>
    internal IEnumerable<IPAddress> All => _known.Select(prefix => prefix.Address);

    /// <summary>Takes up what is in the ipcache already.</summary>
    internal void Restore(IEnumerable<IpcacheRow> rows) =>
        _known = [.. rows.Where(row => row.Identity == Identity.Host).Select(row => row.Prefix)];

    /// <summary>Whether the prefix is exactly one of the host's addresses.</summary>
    internal bool Has(IpPrefix prefix) => _known.Contains(prefix);

    /// <summary>Makes the ipcache tell what the interfaces have now; true if that changed anything.</summary>
    internal bool Refresh()
    {
        HashSet<IpPrefix> present =
        [
            .. links.ListAddresses()
                .Where(address => address.Scope != ScopeLink && !IPAddress.IsLoopback(address.Address))
                .Select(address => IpPrefix.Single(address.Address)),
        ];
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
}
