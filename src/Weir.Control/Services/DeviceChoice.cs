// SPDX-License-Identifier: Apache-2.0

using Weir.Control.Host;
using Weir.Control.State;
using Weir.Linux.Netlink;

namespace Weir.Control.Services;

/// <summary>By which of the host's devices packets for services may come: those that have an address or to which
/// a route leads, whatever their kind. Pure.</summary>
internal static class DeviceChoice
{
    private const byte ScopeGlobal = 0;
    private const string Loopback = "lo";

    /// <summary>Its ports keep their addresses, and have the packets before it.</summary>
    private const string RoutingDomain = "vrf";

    /// <param name="configured">If there are any: these and no others.</param>
    /// <param name="hasRoutes">Asked of a device without an address: whether a route leads there.</param>
    internal static IReadOnlyList<LinkInfo> Of(
        IReadOnlyList<LinkInfo> all, IEnumerable<AddressInfo> addresses, IReadOnlyCollection<string> configured, Func<LinkInfo, bool> hasRoutes)
    {
        if (configured.Count > 0)
        {
            return [.. all.Where(link => configured.Contains(link.Name))];
        }

        HashSet<int> addressed = [.. addresses.Where(address => address.Scope == ScopeGlobal).Select(address => address.Ifindex)];
        Dictionary<int, LinkInfo> byIndex = all.ToDictionary(link => link.Index);
        return
        [
            .. all.Where(link => link.IsUp && link.Name != Loopback && !LinkNames.IsHost(link.Name) && link.Name != HostNeed.OverlayName
                && (byIndex.GetValueOrDefault(link.MasterIndex) is not { } master || master.Kind == RoutingDomain)
                && (addressed.Contains(link.Index) || hasRoutes(link))),
        ];
    }

    /// <summary>Whether its packets have an Ethernet header; null: they have something in front of them that the
    /// programs do not read.</summary>
    internal static bool? HasEthernet(LinkInfo link) => link.Type switch
    {
        LinkType.Ethernet => true,
        LinkType.None or LinkType.Ppp or LinkType.RawIp or LinkType.Tunnel or LinkType.Tunnel6 => false,
        _ => null,
    };
}
