// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Control.Addresses;
using Weir.Control.State;
using Weir.Linux.Netlink;
using Weir.Net;

namespace Weir.Control.Host;

/// <summary>What the host's interfaces and routes lead to: networks keep away from it.</summary>
internal static class HostRanges
{
    private const uint MainTable = 254;

    // A default route may come in parts: 0.0.0.0/1 and 128.0.0.0/1 of VPNs, 2000::/3. Nothing that wide is somebody's network.
    private const int WidestIpv4 = 8;
    private const int WidestIpv6 = 7;

    /// <summary>Addresses' networks first, then routes of all tables; neither defaults nor what leads to endpoints.</summary>
    /// <param name="gateways">Addresses of the host that are networks' gateways: left out.</param>
    internal static IReadOnlyList<HostRange> List(RtnetlinkSocket links, IReadOnlySet<IPAddress> gateways)
    {
        Dictionary<int, string> names = links.ListLinks().ToDictionary(link => link.Index, link => link.Name);
        return
        [
            .. links.ListAddresses().Select(address => new HostRange(
                new IpPrefix(address.Address, address.PrefixLength),
                $"{address.Address}/{address.PrefixLength} of {NameOf(address.Ifindex)}")).Where(range => !gateways.Contains(range.Prefix.Address)),
            .. HostRoutes.List().Where(route => !LinkNames.IsHost(NameOf(route.Ifindex)) && !IsDefault(route.Destination) && !IsGateway(route.Destination))
                .Select(route => new HostRange(route.Destination, Describe(route))),
        ];

        string NameOf(int ifindex) => names.GetValueOrDefault(ifindex, "");

        bool IsGateway(IpPrefix prefix) => prefix.IsSingleAddress && gateways.Contains(prefix.Address);

        string Describe(RouteInfo route) => $"{(route.Kind == RouteKind.Local ? "local " : "")}route {route.Destination}"
            + (route.Gateway is null ? "" : $" via {route.Gateway}")
            + (NameOf(route.Ifindex) is { Length: > 0 } name ? $" dev {name}" : "")
            + (route.Kind == RouteKind.Local || route.Table == MainTable ? "" : $" table {route.Table}");
    }

    private static bool IsDefault(IpPrefix prefix) => prefix.Length < (prefix.IsIpv6 ? WidestIpv6 : WidestIpv4);
}
