// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Control.State;

namespace Weir.Control.Cluster;

/// <summary>Endpoints of other nodes, by address and by name, as this node has heard of them. Safe to use from several threads.</summary>
internal sealed class RemoteEndpoints(Func<World> world)
{
    private volatile Index _index = new(null, []);

    /// <summary>Who has an address; null: no other node's endpoint.</summary>
    internal (string Node, EndpointRecord Endpoint)? Find(IPAddress address) =>
        Now.ByAddress.TryGetValue(address, out (string, EndpointRecord) found) ? found : null;

    /// <summary>Those of a container.</summary>
    internal IReadOnlyList<(string Node, EndpointRecord Endpoint)> FindAll(string name) =>
        [.. Now.ByAddress.Values.Where(one => one.Endpoint.Name == name).Distinct()];

    private Index Now
    {
        get
        {
            ClusterView? view = world().Cluster;
            Index index = _index;
            if (index.Of != view?.Endpoints)
            {
                Dictionary<IPAddress, (string, EndpointRecord)> addresses = [];
                foreach (NodeRecord node in view?.Others ?? [])
                {
                    foreach (EndpointRecord endpoint in view!.Endpoints.GetValueOrDefault(node.Name)?.Values ?? [])
                    {
                        foreach (IPAddress address in endpoint.Addresses)
                        {
                            addresses[address] = (node.Name, endpoint);
                        }
                    }
                }

                _index = index = new Index(view?.Endpoints, addresses);
            }

            return index;
        }
    }

    private sealed record Index(object? Of, Dictionary<IPAddress, (string Node, EndpointRecord Endpoint)> ByAddress);
}
