// SPDX-License-Identifier: Apache-2.0
using Weir.Net;

namespace Weir.Policy;

/// <summary>
/// What is known of the host that policy is for. Without an agent nothing is; then only what holds on every Docker
/// host is said of a policy.
/// </summary>
public sealed record HostFacts
{
    /// <summary>Nothing is known.</summary>
    public static HostFacts Unknown { get; } = new();

    /// <summary>The containers that there are now; null: not known.</summary>
    public IReadOnlyList<PolicyPeer>? Endpoints { get; init; }

    /// <summary>Whether labels of this key become part of an identity.</summary>
    public Func<string, bool> TakesLabel { get; init; } = _ => true;

    /// <summary>Addresses that are never outside, with words for whose they are: "network app", "this host".</summary>
    public IReadOnlyList<(IpPrefix Range, string Owner)> Inside { get; init; } = [];
}
