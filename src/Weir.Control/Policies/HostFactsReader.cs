// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Control.Claims;
using Weir.Control.Endpoints;
using Weir.Control.Host;
using Weir.Control.Networks;
using Weir.Control.State;
using Weir.Net;
using Weir.Policy;

namespace Weir.Control.Policies;

/// <summary>Tells the checks of policy what there is on this host. May be asked from any thread.</summary>
internal sealed class HostFactsReader(EndpointManager endpoints, ClaimKeeper claims, NetworkManager networks, HostAddresses host, PolicyPeers peers, Func<World> world, LabelFilter labels)
{
    internal HostFacts Read()
    {
        (IpPrefix, string)[] ranges =
        [
            .. networks.All.SelectMany(network => network.Subnets.Select(subnet => (subnet.Pool.Masked, $"network {network.Label}"))),
            .. endpoints.Attached.SelectMany(endpoint => claims.Of(endpoint).Select(prefix => (prefix, $"container {endpoint.Name}"))),
        ];
        IEnumerable<IPAddress> addresses = host.All.Where(address => !ranges.Any(range => range.Item1.Contains(address)));
        return new HostFacts
        {
            Endpoints = [.. endpoints.Attached.Select(peers.Of).Concat(Elsewhere()).Distinct()],
            TakesLabel = labels.Takes,
            Inside = [.. ranges, .. addresses.Select(address => (IpPrefix.Single(address), "this host"))],
        };
    }

    /// <summary>Policy of a cluster is for the containers of all hosts.</summary>
    private IEnumerable<PolicyPeer> Elsewhere() => world().Cluster is not { } cluster ? []
        : cluster.Others.SelectMany(node => cluster.Endpoints.GetValueOrDefault(node.Name)?.Values ?? []).Select(endpoint => endpoint.Identity).Distinct().Select(peers.Of);
}
