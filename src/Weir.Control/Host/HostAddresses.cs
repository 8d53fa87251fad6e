// SPDX-License-Identifier: Apache-2.0

using System.Collections.Immutable;
using System.Net;
using Weir.Control.State;
using Weir.Linux.Netlink;
using Weir.Net;

namespace Weir.Control.Host;

/// <summary>Keeps the <see cref="World"/> true to what the host takes for its own: all of its local routes, broadcast and
/// anycast addresses among them, whether an interface has them or not. Called on the writer's thread; what only tells
/// may be asked from any.</summary>
/// <param name="localRoutes">Of the host, as they are now.</param>
internal sealed class HostAddresses(Writer writer, Func<IReadOnlyList<RouteInfo>> localRoutes)
{
    /// <summary>Addresses at which others reach the host, one by one.</summary>
    internal IReadOnlyCollection<IPAddress> All { get; private set; } = [];

    /// <summary>Whether all of the prefix is the host's, so that no rule for a CIDR means it.</summary>
    internal bool Covers(IpPrefix prefix) => writer.World.IsHost(prefix);

    /// <summary>Looks again; true if something changed, and has to be brought into force.</summary>
    internal bool Refresh()
    {
        IReadOnlyList<RouteInfo> local = localRoutes();
        All = [.. local.Where(IsReachable).Select(route => route.Destination.Address).Distinct()];
        ImmutableHashSet<IpPrefix> present = [.. local.Select(route => route.Destination)];
        if (writer.World.HostPrefixes.SetEquals(present))
        {
            return false;
        }

        writer.Publish(world => world with { HostPrefixes = present });
        return true;
    }

    private static bool IsReachable(RouteInfo route) => route.Kind == RouteKind.Local && route.Destination.IsSingleAddress
        && !IPAddress.IsLoopback(route.Destination.Address) && !route.Destination.Address.IsIPv6LinkLocal;
}
