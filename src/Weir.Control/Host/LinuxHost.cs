// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;
using Weir.Control.Claims;
using Weir.Control.State;
using Weir.Control.Watch;
using Weir.Datapath.Abi;
using Weir.Linux;
using Weir.Linux.Netlink;
using Weir.Net;
using Weir.Store;

namespace Weir.Control.Host;

/// <summary>The host as it is: its settings, addresses, routes and filter. Called on the writer's thread.</summary>
internal sealed class LinuxHost(IStore store, RtnetlinkSocket links, RtnetlinkTables tables, HostSettings settings, HostFilter filter, PortRange snatPorts, ILogger log) : IHost
{
    /// <summary>Of the routes of networks' ranges ("weir"): nobody else's has it, and everybody else's comes first.</summary>
    internal const uint RouteMetric = 0x77656972;

    private const int Loopback = 1;

    /// <inheritdoc/>
    public IReadOnlyList<HostNeed> List(World world)
    {
        Dictionary<string, ushort> ids = world.Endpoints.Values.ToDictionary(endpoint => endpoint.LinkName, endpoint => endpoint.Id);
        return
        [
            .. links.ListLinks().Where(link => ids.ContainsKey(link.Name)).SelectMany(link => tables.RoutesThrough(link.Index)
                .Where(route => route is { Kind: RouteKind.Unicast, Gateway: not null })
                .Select(route => new HostNeed.ClaimRoute(ids[link.Name], link.Name, link.Index, route.Gateway!, route.Destination))),
            .. NodeRoutes(links, tables),
            .. OverlayNeeds(),
        ];
    }

    /// <summary>Ways to other nodes' blocks. The kernel itself makes none through a gateway.</summary>
    internal static IEnumerable<HostNeed.NodeRoute> NodeRoutes(RtnetlinkSocket links, RtnetlinkTables tables)
    {
        HashSet<int> containers = [.. links.ListLinks().Where(link => LinkNames.IsHost(link.Name)).Select(link => link.Index)];
        return tables.Routes(ipv6: false, HostPicture.MainTable).Concat(tables.Routes(ipv6: true, HostPicture.MainTable))
            .Where(route => route is { Kind: RouteKind.Unicast, Gateway: not null } && !containers.Contains(route.Ifindex))
            .Select(route => new HostNeed.NodeRoute(route.Destination, route.Gateway!));
    }

    /// <inheritdoc/>
    public int? OverlayIfindex => links.GetLink(HostNeed.OverlayName)?.Index;

    /// <summary>A device of another size is made anew.</summary>
    private IEnumerable<HostNeed> OverlayNeeds()
    {
        if (links.GetLink(HostNeed.OverlayName) is not { } overlay)
        {
            yield break;
        }

        yield return new HostNeed.OverlayDevice(overlay.Mtu); // its routes are put there again, and go with it
    }

    /// <inheritdoc/>
    public void Put(HostNeed need)
    {
        switch (need)
        {
            case HostNeed.Setting setting:
                if (Sysctl.Exists(setting.Name))
                {
                    settings.Require(setting.Name, setting.Value);
                }

                break;
            case HostNeed.SnatPorts:
                if (SnatPorts.Reserve(store, snatPorts))
                {
                    Log.PortsReserved(log, snatPorts.ToString());
                }

                break;
            case { IsIpv6: true } when !Ipv6.IsOn:
                break; // once it is on, it is expected
            case HostNeed.Gateway gateway:
                links.AddAddress(gateway.Address, gateway.Pool.AddressBits, Loopback);
                break;
            case HostNeed.Unreachable unreachable:
                links.AddUnreachable(unreachable.Pool, RouteMetric);
                break;
            case HostNeed.OverlayDevice device:
                if (OverlayIfindex is null)
                {
                    links.CreateVxlan(HostNeed.OverlayName, (ushort)Overlay.Port, device.Mtu);
                }

                break;
            case HostNeed.OverlayRoute route when OverlayIfindex is { } overlay:
                links.AddRoute(route.Block, overlay, route.Source);
                break;
            case HostNeed.NodeRoute route:
                links.AddRoute(route.Block, route.Node);
                break;
            case HostNeed.ClaimRoute route when links.GetLink(route.LinkName) is { IsUp: true } link && link.Index == route.Ifindex:
                links.AddRoute(route.Prefix, route.Via, route.Ifindex);
                break;
            default:
                break; // to a container whose link is down or gone leads nothing; once it is up, it is expected
        }
    }

    /// <inheritdoc/>
    public void Remove(HostNeed need)
    {
        switch (need)
        {
            case HostNeed.Gateway gateway:
                links.DeleteAddress(gateway.Address, gateway.Pool.AddressBits, Loopback);
                break;
            case HostNeed.Unreachable unreachable:
                links.DeleteUnreachable(unreachable.Pool, RouteMetric);
                break;
            case HostNeed.OverlayDevice:
                if (OverlayIfindex is not null)
                {
                    links.DeleteLink(HostNeed.OverlayName);
                }

                break;
            case HostNeed.OverlayRoute route when OverlayIfindex is { } overlay:
                links.DeleteRoute(route.Block, overlay);
                break;
            case HostNeed.NodeRoute route:
                links.DeleteRoute(route.Block, route.Node);
                break;
            case HostNeed.ClaimRoute route:
                links.DeleteRoute(route.Prefix, route.Ifindex);
                break;
            default:
                break; // settings stay
        }
    }

    /// <inheritdoc/>
    public void Masquerade(IReadOnlyCollection<IpPrefix> ranges, IReadOnlyCollection<IpPrefix> untranslated)
    {
        filter.Apply(ranges, untranslated);
        if (filter.Problem is { } problem)
        {
            Log.Failed(log, "masquerading containers' traffic", problem);
        }
    }

    /// <summary>What must be so for these needs, but for settings: those are expected by who keeps them.</summary>
    /// <param name="again">Puts one there that somebody took away.</param>
    internal static IEnumerable<Expectation> Expect(IEnumerable<HostNeed> needs, Action<HostNeed> again)
    {
        foreach (HostNeed need in needs)
        {
            (string kind, string what, Func<HostPicture, bool> isSo) = need switch
            {
                HostNeed.Gateway gateway => ("address", $"address {gateway.Address} of the loopback interface", picture => picture.HasAddress(Loopback, gateway.Address)),
                HostNeed.Unreachable unreachable => ("route", $"route for what no container has of {unreachable.Pool}", picture => picture.HasRoute(unreachable.Pool, RouteKind.Unreachable)),
                HostNeed.OverlayDevice => ("link", $"device {HostNeed.OverlayName} to other nodes", picture => picture.Link(HostNeed.OverlayName) is not null),
                HostNeed.OverlayRoute route => (
                    "route",
                    $"route {route.Block} by {HostNeed.OverlayName}",
                    picture => picture.Link(HostNeed.OverlayName) is not { } link || picture.HasRoute(route.Block, RouteKind.Unicast, link.Index)),
                HostNeed.NodeRoute route => (
                    "route",
                    $"route {route.Block} to node {route.Node}",
                    picture => picture.HasRouteThrough(route.Block, route.Node)),
                HostNeed.ClaimRoute route => (
                    "route",
                    $"route {route.Prefix} to {route.LinkName} (label {ClaimText.Label})",
                    picture => picture.Link(route.LinkName) is not { IsUp: true } link || link.Index != route.Ifindex
                        || picture.HasRoute(route.Prefix, RouteKind.Unicast, route.Ifindex, gateway: route.Via)),
                _ => default((string, string, Func<HostPicture, bool>)),
            };
            if (isSo is not null)
            {
                yield return new Expectation(kind, what, isSo, () => again(need)) { Endpoint = need.About.Endpoint, IsIpv6 = need.IsIpv6 };
            }
        }
    }
}
