// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy;

/// <summary>Selects identities by label: all requirements must hold.</summary>
public sealed record EndpointSelector(SelectorScope Scope, IReadOnlyList<SelectorRequirement> Requirements)
{
    /// <summary>Selects every identity, known or not.</summary>
    public static EndpointSelector Everything { get; } = new(SelectorScope.Everything, []);

    /// <summary>Whether it selects every identity, also one that is not known when policy is compiled.</summary>
    public bool IsEverything => Scope == SelectorScope.Everything && Requirements.Count == 0;

    /// <summary>Whether it selects the peer.</summary>
    public bool Matches(PolicyPeer peer)
    {
        ArgumentNullException.ThrowIfNull(peer);
        if (IsEverything)
        {
            return true;
        }

        // Nothing is known of the unknown identity, so not even "has no such label" can be said of it.
        if (peer.Identity == Net.Identity.Unknown
            || (Scope == SelectorScope.ManagedEndpoints && !peer.Identity.IsLabelSet))
        {
            return false;
        }

        for (var i = 0; i < Requirements.Count; i++)
        {
            if (!Requirements[i].Matches(peer.EffectiveLabels))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The requirements with ", " between them.</summary>
    public override string ToString() =>
        Requirements.Count > 0 ? string.Join(", ", Requirements)
        : Scope == SelectorScope.Everything ? "every identity"
        : "every endpoint";
}
