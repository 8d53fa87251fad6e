// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Sockets;
using Weir.Control.Reconciling;
using Weir.Control.State;
using Weir.Datapath;
using Weir.Net;

namespace Weir.Control.Cluster;

/// <summary>What of the other nodes this host's datapath has to know. Pure.</summary>
internal static class RemoteParts
{
    /// <summary>The other nodes, and their endpoints. An address outside of its node's blocks is nobody's: a node speaks for
    /// what it has taken.</summary>
    internal static IEnumerable<(IpPrefix Prefix, Behind Behind)> RowsOf(World world)
    {
        if (world.Cluster is not { } cluster)
        {
            yield break;
        }

        Dictionary<string, uint> networks = world.Networks.Values.Where(network => network.Shared is not null)
            .DistinctBy(network => network.Shared).ToDictionary(network => network.Shared!, network => (uint)network.Number);
        ILookup<(string, string), IpPrefix> blocks = cluster.Blocks.Values.ToLookup(block => (block.Network, block.Node), block => block.Block);
        // Who is not known yet is on the network that his address is of: he comes by the overlay with his identity.
        foreach (Network network in NeedsOverlay(world) ? world.Networks.Values.Where(network => network.Shared is not null) : [])
        {
            foreach (Subnet subnet in network.Subnets)
            {
                yield return (subnet.Pool.Masked, new Behind(subnet.Pool.IsIpv6 ? Identity.WorldIpv6 : Identity.WorldIpv4, network.Number));
            }
        }

        foreach (NodeRecord node in cluster.Others)
        {
            foreach (IPAddress address in node.Addresses)
            {
                yield return (IpPrefix.Single(address), new Behind(Identity.RemoteNode));
            }

            if (!world.NodeNumbers.TryGetValue(node.Address, out ushort number) || !cluster.Endpoints.TryGetValue(node.Name, out var endpoints))
            {
                continue;
            }

            foreach (EndpointRecord endpoint in endpoints.Values)
            {
                foreach (IPAddress address in endpoint.Addresses.Where(address => blocks[(endpoint.Network, node.Name)].Any(block => block.Contains(address))))
                {
                    yield return (IpPrefix.Single(address), new Behind(endpoint.Identity, networks.GetValueOrDefault(endpoint.Network), number));
                }
            }
        }
    }

    /// <summary>Whether the shared store still says, or may say, that an endpoint's address is one's with another identity, which is gone from
    /// here: what others let pass for that one is not for this.</summary>
    internal static bool IsTakenForAnother(World world, Endpoint endpoint, Identity identity) =>
        world.Cluster is { } cluster && cluster.Endpoints.GetValueOrDefault(cluster.Self, []).Concat(world.Telling).Any(told =>
            told.Key != endpoint.ExternalId && told.Value.Identity != identity && told.Value.Addresses.Any(endpoint.Addresses.Contains));

    /// <summary>Whether the way to a node is the overlay. Both ends must find the same: what each was told is in its record, and
    /// whether they are on one segment, both see.</summary>
    internal static bool IsOverlay(World world, NodeRecord node)
    {
        NodeWay own = world.Cluster!.Nodes.GetValueOrDefault(world.Cluster.Self)?.Way ?? NodeWay.Auto;
        return own == NodeWay.Overlay || node.Way == NodeWay.Overlay
            || (own == NodeWay.Auto && node.Way == NodeWay.Auto && !world.OnLink.Contains(node.Address));
    }

    /// <summary>Whether anything goes by the overlay.</summary>
    internal static bool NeedsOverlay(World world) => world.Cluster is { } cluster && cluster.Others.Any(node => IsOverlay(world, node));

    /// <summary>All nodes, as the datapath reaches them; this one has the number 0.</summary>
    internal static IEnumerable<NodeRow> NodesOf(World world) => world.Cluster is not { } cluster ? []
        : cluster.Others.Where(node => world.NodeNumbers.ContainsKey(node.Address)).Select(node => new NodeRow(world.NodeNumbers[node.Address], node.Address, IsOverlay(world, node)))
            .DistinctBy(node => node.Id)
            .Concat(cluster.Nodes.TryGetValue(cluster.Self, out NodeRecord? self) ? [new NodeRow(0, self.Address, IsOverlay: false)] : []);

    /// <summary>Which way other nodes' blocks are.</summary>
    /// <returns>Through a node's address; null: through the overlay. Where a router lies between, its routes are the operator's.</returns>
    internal static IEnumerable<(IpPrefix Block, NodeRecord Node, IPAddress? Through)> RoutesOf(World world)
    {
        foreach (BlockRecord block in world.Cluster?.Blocks.Values ?? [])
        {
            if (block.Node == world.Cluster!.Self || !world.Cluster.Nodes.TryGetValue(block.Node, out NodeRecord? node))
            {
                continue;
            }

            if (IsOverlay(world, node))
            {
                yield return (block.Block, node, null);
            }
            else if (world.OnLink.Contains(node.Address) && node.Addresses.FirstOrDefault(address => block.Block.IsIpv6 == (address.AddressFamily == AddressFamily.InterNetworkV6)) is { } address)
            {
                yield return (block.Block, node, address);
            }
        }
    }

    /// <summary>By which the other nodes know this one; null: it has none of that family.</summary>
    internal static IPAddress? OwnAddress(World world, bool ipv6) =>
        world.Cluster is { } cluster && cluster.Nodes.TryGetValue(cluster.Self, out NodeRecord? self)
            ? self.Addresses.FirstOrDefault(address => ipv6 == (address.AddressFamily == AddressFamily.InterNetworkV6))
            : null;

    /// <summary>Whom containers reach with their own address: no node translates it.</summary>
    internal static IEnumerable<IpPrefix> UntranslatedOf(World world) => world.Cluster is not { } cluster ? []
        : cluster.Networks.Values.SelectMany(network => network.Ranges).Concat(cluster.Others.SelectMany(node => node.Addresses).Select(IpPrefix.Single)).Distinct().Order();
}
