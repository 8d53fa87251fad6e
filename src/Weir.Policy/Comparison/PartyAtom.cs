// SPDX-License-Identifier: Apache-2.0
using Weir.Net;

namespace Weir.Policy.Comparison;

/// <summary>Peers that no rule of either side tells apart.</summary>
/// <param name="Before">One of them, as the old policy sees it.</param>
/// <param name="After">As the new one does: a prefix is a peer of its own only where policy names it.</param>
/// <param name="Labels">Of containers: bit i = selector i holds.</param>
/// <param name="Range">Of outsiders: where they are.</param>
internal sealed record PartyAtom(PolicyPeer Before, PolicyPeer After, ulong[]? Labels = null, IpPrefix? Range = null)
{
    public bool IsEndpoint => Before.Identity.IsEndpoint;

    /// <summary>Whether its ports can have names.</summary>
    public bool HasNames => Before.Identity.IsLabelSet;

    public bool? IsIpv6 => Range?.IsIpv6;
}
