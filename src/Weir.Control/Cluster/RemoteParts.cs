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

    /// <summary>The other nodes, as the datapath reaches them.</summary>
    internal static IEnumerable<NodeRow> NodesOf(World world) => world.Cluster is not { } cluster ? []
        : cluster.Others.Where(node => world.NodeNumbers.ContainsKey(node.Address)).Select(node => new NodeRow(world.NodeNumbers[node.Address], node.Address, IsOverlay: false))
            .DistinctBy(node => node.Id);

    /// <summary>Which way other nodes' blocks are.</summary>
    internal static IEnumerable<(IpPrefix Block, IPAddress Node)> RoutesOf(World world) => world.Cluster is not { } cluster ? []
        : cluster.Blocks.Values.Where(block => block.Node != cluster.Self && cluster.Nodes.ContainsKey(block.Node))
            .SelectMany(block => cluster.Nodes[block.Node].Addresses.Where(address => block.Block.IsIpv6 == (address.AddressFamily == AddressFamily.InterNetworkV6)).Select(address => (block.Block, address)));

    /// <summary>Whom containers reach with their own address: no node translates it.</summary>
    internal static IEnumerable<IpPrefix> UntranslatedOf(World world) => world.Cluster is not { } cluster ? []
        : cluster.Networks.Values.SelectMany(network => network.Ranges).Concat(cluster.Others.SelectMany(node => node.Addresses).Select(IpPrefix.Single)).Distinct().Order();
}
