// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Control.Watch;
using Weir.Datapath.Abi;
using Weir.Linux;
using Weir.Linux.Netlink;
using Weir.Net;

namespace Weir.Control.Host;

/// <summary>The host's rule by which packets for the proxy end in its own stack.</summary>
internal static class ProxyRouting
{
    private const uint Table = 2004;
    private const uint Priority = 9; // before all that others may have added
    private const uint WholeMark = uint.MaxValue;
    private const int Loopback = 1;

    private static readonly bool[] _families = [false, true];

    /// <summary>A rule and a route of each family.</summary>
    internal static IEnumerable<Expectation> Expect() => _families.SelectMany(ipv6 => new Expectation[]
    {
        new(
            "route",
            $"local default route of table {Table}{Family(ipv6)}",
            picture => picture.HasRoute(new IpPrefix(ipv6 ? IPAddress.IPv6Any : IPAddress.Any, 0), RouteKind.Local, Loopback, Table),
            () => PolicyRouting.AddLocalDefault(ipv6, Table))
        {
            IsIpv6 = ipv6,
        },
        new(
            "rule",
            $"rule {Priority} for packets marked 0x{(uint)ProxyMark.MarkToProxy:x}{Family(ipv6)}",
            picture => picture.HasRule(Rule(ipv6)),
            () => PolicyRouting.AddRule(Rule(ipv6)))
        {
            IsIpv6 = ipv6,
        },
    });

    /// <summary>
    /// What is for the proxy comes in by loopback, from addresses of the host's and of others. The way back to them
    /// is looked for with the mark, and so found by loopback too. Nothing else comes in there that the kernel
    /// would ask this of.
    /// </summary>
    internal static void AcceptFromLoopback(HostSettings settings)
    {
        settings.Require("net/ipv4/conf/lo/accept_local", "1");
        settings.Require("net/ipv4/conf/lo/src_valid_mark", "1");
    }

    /// <summary>
    /// What comes from outside to a container passes the host's stack on its way to the container's link, where it
    /// is handed to the proxy. The stack must not find the proxy's socket before that: it drops what it would
    /// forward but has a socket for. (One route lookup more for what is for the host itself.)
    /// </summary>
    internal static void LetForwardedPacketsThrough(HostSettings settings) => settings.Require("net/ipv4/tcp_early_demux", "0");

    /// <summary>Whether the rule of one family is there.</summary>
    internal static bool IsThere()
    {
        using var tables = new RtnetlinkTables();
        return _families.Where(ipv6 => !ipv6 || Ipv6.IsOn).Any(ipv6 => tables.Rules(ipv6).Contains(Rule(ipv6)));
    }

    internal static void Remove()
    {
        foreach (bool ipv6 in _families)
        {
            PolicyRouting.Remove(Rule(ipv6));
        }
    }

    private static RuleInfo Rule(bool ipv6) => new(ipv6, Priority, (uint)ProxyMark.MarkToProxy, WholeMark, Table);

    private static string Family(bool ipv6) => ipv6 ? " (IPv6)" : "";
}
