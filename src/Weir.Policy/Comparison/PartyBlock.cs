// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Comparison;

/// <summary>Atoms to which both policies do the same.</summary>
internal sealed record PartyBlock(SidePeer Before, SidePeer After, bool IsEndpoint, bool HasNames, bool? IsIpv6, List<int> Atoms)
{
    /// <summary>Whether what applies to it in a direction is another policy now.</summary>
    public bool Changes(PolicyDirection direction) => IsEndpoint && Before.Of(direction).Meaning != After.Of(direction).Meaning;
}
