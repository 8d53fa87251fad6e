// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Control.Claims;
using Weir.Control.Cluster;
using Weir.Control.Reconciling;
using Weir.Control.State;
using Weir.Net;

namespace Weir.Control.Host;

/// <summary>One thing that the host must have, whole in itself: it is put there, kept there, and taken away.</summary>
internal abstract record HostNeed
{
    internal const string OverlayName = "weir_vxlan";

    /// <summary>Who is affected where it cannot be had.</summary>
    internal abstract StepObject About { get; }

    /// <summary>Whether only IPv6 needs it: it waits where IPv6 is off.</summary>
    internal virtual bool IsIpv6 => false;

    /// <summary>A sysctl. It stays when nobody needs it any more, until cleanup: others may rely on it by then.</summary>
    internal sealed record Setting(string Name, string Value) : HostNeed
    {
        internal override StepObject About => StepObject.Host;

        internal override bool IsIpv6 => Name.StartsWith("net/ipv6/", StringComparison.Ordinal);
    }

    /// <summary>The host's own connections keep off the ports of SNAT. It stays as a setting does: flows may live longer than
    /// the service that began them.</summary>
    internal sealed record SnatPorts : HostNeed
    {
        internal override StepObject About => StepObject.Host;
    }

    /// <summary>A network's gateway, by which the host speaks with its containers.</summary>
    internal sealed record Gateway(IPAddress Address, IpPrefix Pool) : HostNeed
    {
        internal override StepObject About => StepObject.OfRange(Pool);

        internal override bool IsIpv6 => Pool.IsIpv6;
    }

    /// <summary>What no container has of a network's range is answered at once, instead of going out by the default route.</summary>
    internal sealed record Unreachable(IpPrefix Pool) : HostNeed
    {
        internal override StepObject About => StepObject.OfRange(Pool);

        internal override bool IsIpv6 => Pool.IsIpv6;
    }

    /// <summary>The way to a block of another node's.</summary>
    internal sealed record NodeRoute(IpPrefix Block, IPAddress Node) : HostNeed
    {
        internal override StepObject About => StepObject.OfNode(Node);

        internal override bool IsIpv6 => Block.IsIpv6;
    }

    /// <summary>The device by which packets go to other nodes' containers, where no route leads there.</summary>
    internal sealed record OverlayDevice(int Mtu) : HostNeed
    {
        internal override StepObject About => StepObject.Overlay;
    }

    /// <summary>The host's own way to a block that is reached by the overlay.</summary>
    /// <param name="Source">The address by which the other nodes know this one; null: it has none of that family.</param>
    internal sealed record OverlayRoute(IpPrefix Block, IPAddress? Source) : HostNeed
    {
        internal override StepObject About => StepObject.Overlay;

        internal override bool IsIpv6 => Block.IsIpv6;
    }

    /// <summary>A route to an address that an endpoint has beside its own.</summary>
    internal sealed record ClaimRoute(ushort EndpointId, string LinkName, int Ifindex, IPAddress Via, IpPrefix Prefix) : HostNeed
    {
        internal override StepObject About => StepObject.OfClaims(EndpointId);

        internal override bool IsIpv6 => Prefix.IsIpv6;
    }

    /// <summary>All that the host must have in a world, in the order in which it is put there.</summary>
    internal static IEnumerable<HostNeed> Of(World world)
    {
        Network[] networks = [.. world.Networks.Values.OrderBy(network => network.Number)];
        if (networks.Length > 0)
        {
            yield return new Setting("net/ipv4/ip_forward", "1");
        }

        if (networks.Any(network => network.Gateway(ipv6: true) is not null))
        {
            // Only then: it makes interfaces deaf to routers' announcements.
            yield return new Setting("net/ipv6/conf/all/forwarding", "1");
        }

        foreach (Network network in networks)
        {
            foreach (Subnet subnet in network.Subnets)
            {
                yield return new Unreachable(subnet.Pool.Masked);
                if (!network.Internal)
                {
                    yield return new Gateway(subnet.Gateway, subnet.Pool.Masked);
                }
            }
        }

        if (RemoteParts.NeedsOverlay(world))
        {
            yield return new OverlayDevice(world.OverlayMtu);
        }

        foreach ((IpPrefix block, _, IPAddress? through) in RemoteParts.RoutesOf(world))
        {
            yield return through is null ? new OverlayRoute(block, RemoteParts.OwnAddress(world, block.IsIpv6)) : new NodeRoute(block, through);
        }

        if (world.Services.Values.Any(service => service.NeedsSnat))
        {
            yield return new SnatPorts();
        }

        foreach (Claim claim in world.Claims.Granted)
        {
            yield return new ClaimRoute(claim.EndpointId, claim.LinkName, claim.Ifindex, claim.Via, claim.Prefix);
        }
    }

    /// <summary>What leaves the host with the host's address.</summary>
    internal static IEnumerable<IpPrefix> MasqueradedOf(World world) => world.Networks.Values.Where(network => !network.Internal)
        .SelectMany(network => network.Subnets).Select(subnet => subnet.Pool)
        .Concat(world.Claims.Granted.Where(claim => world.Networks.GetValueOrDefault(claim.NetworkId) is { Internal: false }).Select(claim => claim.Prefix))
        .Distinct().Order();
}
