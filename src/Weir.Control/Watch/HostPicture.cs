// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Linux;
using Weir.Linux.Netlink;
using Weir.Net;

namespace Weir.Control.Watch;

/// <summary>The host's tables as they are at one moment; each is read when it is first asked for.</summary>
internal sealed class HostPicture
{
    internal const uint MainTable = 254;

    private readonly RtnetlinkTables _tables;
    private readonly Lazy<Dictionary<string, LinkState>> _links;
    private readonly Lazy<HashSet<(int, IPAddress)>> _addresses;
    private readonly Lazy<HashSet<RuleInfo>> _rules;
    private readonly Lazy<HashSet<(int, IPAddress, string)>> _permanent;
    private readonly Dictionary<(bool, uint), HashSet<RouteInfo>> _routes = [];

    internal HostPicture(RtnetlinkTables tables, RtnetlinkSocket links)
    {
        _tables = tables;
        HasIpv6 = Ipv6.IsOn;
        _links = new(() => tables.Links().ToDictionary(link => link.Name));
        _addresses = new(() => [.. links.ListAddresses().Select(address => (address.Ifindex, address.Address))]);
        _rules = new(() => [.. Families().SelectMany(tables.Rules)]);
        _permanent = new(() => [.. Families().SelectMany(tables.Neighbours).Where(neighbour => neighbour.IsPermanent).Select(neighbour => (neighbour.Ifindex, neighbour.Address, neighbour.Mac))]);
    }

    internal bool HasIpv6 { get; }

    internal LinkState? Link(string name) => _links.Value.GetValueOrDefault(name);

    internal bool HasAddress(int ifindex, IPAddress address) => _addresses.Value.Contains((ifindex, address));

    internal bool HasRule(RuleInfo rule) => _rules.Value.Contains(rule);

    internal bool HasNeighbour(int ifindex, IPAddress address, byte[] mac) => _permanent.Value.Contains((ifindex, address, Convert.ToHexStringLower(mac)));

    internal bool HasRouteThrough(IpPrefix destination, IPAddress gateway) =>
        RoutesOf(destination.IsIpv6, MainTable).Any(route => route.Destination == destination.Masked && route.Kind == RouteKind.Unicast && gateway.Equals(route.Gateway));

    internal bool HasRoute(IpPrefix destination, RouteKind kind, int ifindex = 0, uint table = MainTable, IPAddress? gateway = null)
    {
        return RoutesOf(destination.IsIpv6, table).Contains(Comparable(new RouteInfo(destination.Masked, table, kind, ifindex, gateway)));
    }

    private HashSet<RouteInfo> RoutesOf(bool ipv6, uint table)
    {
        if (!_routes.TryGetValue((ipv6, table), out HashSet<RouteInfo>? routes))
        {
            routes = [.. _tables.Routes(ipv6, table).Select(Comparable)];
            _routes[(ipv6, table)] = routes;
        }

        return routes;
    }

    /// <summary>IPv6 keeps routes that lead nowhere at the loopback.</summary>
    private static RouteInfo Comparable(RouteInfo route) =>
        route.Kind is RouteKind.Blackhole or RouteKind.Unreachable or RouteKind.Prohibit ? route with { Ifindex = 0 } : route;

    private bool[] Families() => HasIpv6 ? [false, true] : [false];
}
