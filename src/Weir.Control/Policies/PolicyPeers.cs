// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using Weir.Control.State;
using Weir.Net;
using Weir.Policy;

namespace Weir.Control.Policies;

/// <summary>Identities as policy sees them: one object for each, for the engine caches by object. Safe to use from
/// several threads.</summary>
/// <param name="world">What is known now.</param>
internal sealed class PolicyPeers(Func<World> world)
{
    private readonly ConcurrentDictionary<Identity, PolicyPeer> _peers = [];

    /// <summary>Everybody that has a number, beside the reserved ones.</summary>
    internal List<PolicyPeer> All(World now)
    {
        List<PolicyPeer> all =
        [
            .. now.Identities.Select(known => Of(known.Key, known.Value)),
            .. now.Prefixes.Select(cidr => OfCidr(cidr.Key, cidr.Value)),
        ];
        if (_peers.Count > (2 * all.Count) + 64)
        {
            // Those of identities that are gone.
            HashSet<Identity> present = [.. all.Select(peer => peer.Identity)];
            foreach (Identity identity in _peers.Keys.Where(identity => !present.Contains(identity)).ToList())
            {
                _peers.TryRemove(identity, out _);
            }
        }

        return all;
    }

    internal PolicyPeer Of(Endpoint endpoint) => Of(endpoint.Identity, endpoint.Labels);

    /// <summary>The peer of a number; one that nothing is known of if it is gone.</summary>
    internal PolicyPeer Of(Identity identity)
    {
        World now = world();
        return now.Identities.TryGetValue(identity, out LabelSet? labels) ? Of(identity, labels)
            : now.Prefixes.TryGetValue(identity, out IpPrefix? prefix) ? OfCidr(identity, prefix)
            : PolicyPeer.ForReserved(identity);
    }

    private PolicyPeer Of(Identity identity, LabelSet labels)
    {
        if (!identity.IsLabelSet)
        {
            return _peers.GetOrAdd(identity, PolicyPeer.ForReserved);
        }

        PolicyPeer known = _peers.GetOrAdd(identity, static (number, own) => Make(number, own), labels);
        return known.Labels.Equals(labels) ? known : _peers[identity] = Make(identity, labels);
    }

    private PolicyPeer OfCidr(Identity identity, IpPrefix prefix)
    {
        PolicyPeer known = _peers.GetOrAdd(identity, static (number, own) => PolicyPeer.ForCidr(number, own), prefix);
        return known.Cidr == prefix ? known : _peers[identity] = PolicyPeer.ForCidr(identity, prefix);
    }

    private static PolicyPeer Make(Identity identity, LabelSet labels) => new(identity, labels, NamedPortLabels.Read(labels));
}
