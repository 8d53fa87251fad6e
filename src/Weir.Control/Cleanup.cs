// SPDX-License-Identifier: Apache-2.0

using Weir.Control.Host;
using Weir.Control.Networks;
using Weir.Control.State;
using Weir.Linux.Netlink;
using Weir.Store;

namespace Weir.Control;

/// <summary>Takes away what Weir put into kernel and host. No agent may run meanwhile.</summary>
public static class Cleanup
{
    private const int Loopback = 1;

    /// <summary>What there is to remove, one line each; empty: nothing.</summary>
    /// <param name="durable">Tells of networks and of the host's settings; null: it cannot be read.</param>
    public static IReadOnlyList<string> Find(IStore? durable, string pinRoot)
    {
        using var links = new RtnetlinkSocket();
        return
        [
            .. Links(links).Select(link => $"interface {link.Name}"),
            .. Networks(durable).SelectMany(network => network.Subnets).Select(subnet => $"gateway {subnet.Gateway} and the route of {subnet.Pool}"),
            .. NodeRoutes(links).Select(route => $"route {route.Block} to node {route.Node}"),
            .. links.GetLink(HostNeed.OverlayName) is not null ? new[] { $"interface {HostNeed.OverlayName}" } : [],
            .. HostSettings.Changed(durable).Select(setting => $"sysctl {setting.Name.Replace('/', '.')}: back to \"{setting.Before}\""),
            .. SnatPorts.Kept(durable) is { } ports ? new[] { $"ports {ports.Ports} kept for SNAT in sysctl {SnatPorts.Reserved.Replace('/', '.')}" } : [],
            .. ProxyRouting.IsThere() ? new[] { "the routing rule of packets to the proxy" } : [],
            .. Iptables.Picture().Length > 0 ? new[] { "iptables chains WEIR-*" } : [],
            .. HostRules.HasTable() ? new[] { $"nftables' table {HostRules.Table}" } : [],
            .. Directory.Exists(pinRoot) ? new[] { $"programs and maps in {pinRoot}" } : [],
        ];
    }

    /// <summary>Whether what <see cref="Find"/> found includes containers' links.</summary>
    public static bool HasLinks()
    {
        using var links = new RtnetlinkSocket();
        return Links(links).Any();
    }

    /// <summary>Removes all of it but the records themselves.</summary>
    /// <param name="durable">As in <see cref="Find"/>.</param>
    public static void Run(IStore? durable, string pinRoot)
    {
        using var links = new RtnetlinkSocket();
        foreach (LinkInfo link in Links(links).ToList())
        {
            links.DeleteLink(link.Name);
        }

        foreach (Subnet subnet in Networks(durable).SelectMany(network => network.Subnets))
        {
            links.DeleteAddress(subnet.Gateway, subnet.Pool.AddressBits, Loopback);
            links.DeleteUnreachable(subnet.Pool, LinuxHost.RouteMetric);
        }

        foreach (HostNeed.NodeRoute route in NodeRoutes(links))
        {
            links.DeleteRoute(route.Block, route.Node);
        }

        if (links.GetLink(HostNeed.OverlayName) is not null)
        {
            links.DeleteLink(HostNeed.OverlayName);
        }

        ProxyRouting.Remove();
        HostRules.Remove();
        if (durable is not null)
        {
            HostSettings.Restore(durable);
            SnatPorts.Release(durable);
        }

        Datapath.Datapath.RemoveAll(pinRoot);
    }

    private static IEnumerable<LinkInfo> Links(RtnetlinkSocket links) => links.ListLinks().Where(link => link.Kind == "veth" && LinkNames.IsHost(link.Name));

    private static List<HostNeed.NodeRoute> NodeRoutes(RtnetlinkSocket links)
    {
        using var tables = new RtnetlinkTables();
        return [.. LinuxHost.NodeRoutes(links, tables)];
    }

    private static IReadOnlyList<Network> Networks(IStore? durable) => durable?.List("networks", StateContext.Default.Network) ?? [];
}
