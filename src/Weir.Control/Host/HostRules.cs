// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using Weir.Linux.Netlink;
using Weir.Net;

namespace Weir.Control.Host;

/// <summary>What the host's netfilter does for containers: their packets that leave the host get its address, and are forwarded. By
/// <see cref="Iptables"/> where it is installed, since rules of others that it made deny forwarding; else by a table of nftables, which
/// needs no program. docs/adr/0057-masquerade-without-iptables.md.</summary>
internal static class HostRules
{
    internal const string Table = "weir";

    private static readonly bool[] _families = [false, true];

    /// <summary>By what it is done, for people.</summary>
    internal static string Name => Iptables.IsInstalled(ipv6: false) ? "iptables, WEIR-" : "nftables, table " + Table;

    /// <summary>Puts rules for these ranges in place of those that are there.</summary>
    /// <param name="untranslated">Towards these they keep their addresses.</param>
    /// <exception cref="WeirException">iptables or the kernel refuses.</exception>
    internal static void Apply(IReadOnlyCollection<IpPrefix> masqueraded, IReadOnlyCollection<IpPrefix> untranslated)
    {
        foreach (bool ipv6 in _families)
        {
            IpPrefix[] sources = [.. masqueraded.Where(prefix => prefix.IsIpv6 == ipv6)];
            IEnumerable<IpPrefix> targets = untranslated.Where(prefix => prefix.IsIpv6 == ipv6);
            if (Iptables.IsInstalled(ipv6))
            {
                Iptables.Apply(ipv6, sources, targets);
                MasqueradeTable.Remove(Table, ipv6);
            }
            else if (sources.Length == 0 || (ipv6 && !Socket.OSSupportsIPv6))
            {
                MasqueradeTable.Remove(Table, ipv6);
            }
            else
            {
                MasqueradeTable.Replace(Table, ipv6, sources, targets, State.LinkNames.HostPrefix);
            }
        }
    }

    /// <summary>What is there now, as text that is the same as long as it is.</summary>
    internal static string Picture() => Iptables.Picture() + TablePicture();

    internal static bool HasTable() => TablePicture().Length > 0;

    /// <summary>Takes everything away that <see cref="Apply"/> made.</summary>
    internal static void Remove()
    {
        Iptables.Remove();
        foreach (bool ipv6 in _families)
        {
            MasqueradeTable.Remove(Table, ipv6);
        }
    }

    private static string TablePicture() => string.Concat(_families.Select(ipv6 => MasqueradeTable.Picture(Table, ipv6)));
}
