// SPDX-License-Identifier: Apache-2.0

using Weir.Control.Identities;
using Weir.Control.State;
using Weir.Net;
using Weir.Policy;

namespace Weir.Control.Policies;

/// <summary>Identities as policy sees them: one object for each, for the engine caches by object.
/// Called under the control plane's lock.</summary>
internal sealed class PolicyPeers(IdentityAllocator identities)
{
    private readonly Dictionary<Identity, PolicyPeer> _peers = [];

    /// <summary>Everybody that has a number, beside the reserved ones.</summary>
    internal List<PolicyPeer> All()
    {
        List<PolicyPeer> all =
        [
            .. identities.LabelSets.Select(kept => Of(kept.Identity, kept.Labels)),
            .. identities.Cidrs.Select(cidr => OfCidr(cidr.Value, cidr.Key)),
        ];
        if (_peers.Count > (2 * all.Count) + 64)
        {
            // Those of identities that are gone.
            HashSet<Identity> present = [.. all.Select(peer => peer.Identity)];
            foreach (Identity identity in _peers.Keys.Where(identity => !present.Contains(identity)).ToList())
            {
                _peers.Remove(identity);
            }
        }

        return all;
    }

    internal PolicyPeer Of(Endpoint endpoint) => Of(endpoint.Identity, endpoint.Labels);

    /// <summary>The peer of a number; one that nothing is known of if it is gone.</summary>
    internal PolicyPeer Of(Identity identity)
    {
        if (identities.FindLabels(identity) is { } labels)
        {
            return Of(identity, labels);
        }

        return identities.FindPrefix(identity) is { } prefix ? OfCidr(identity, prefix) : PolicyPeer.ForReserved(identity);
    }

    private PolicyPeer Of(Identity identity, LabelSet labels)
    {
        if (!identity.IsLabelSet)
        {
            return Get(identity, () => PolicyPeer.ForReserved(identity));
        }

        PolicyPeer known = Get(identity, () => new PolicyPeer(identity, labels, NamedPortLabels.Read(labels)));
        return known.Labels.Equals(labels) ? known : _peers[identity] = new PolicyPeer(identity, labels, NamedPortLabels.Read(labels));
    }

    private PolicyPeer OfCidr(Identity identity, IpPrefix prefix)
    {
        PolicyPeer known = Get(identity, () => PolicyPeer.ForCidr(identity, prefix));
        return known.Cidr == prefix ? known : _peers[identity] = PolicyPeer.ForCidr(identity, prefix);
    }

    private PolicyPeer Get(Identity identity, Func<PolicyPeer> make) =>
        _peers.TryGetValue(identity, out PolicyPeer? peer) ? peer : _peers[identity] = make();
}
