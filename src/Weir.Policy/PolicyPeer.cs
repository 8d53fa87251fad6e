// SPDX-License-Identifier: Apache-2.0
using Weir.Net;

namespace Weir.Policy;

/// <summary>
/// One identity as policy sees it. <paramref name="NamedPorts"/> are the ports that an endpoint names;
/// <paramref name="Cidr"/> is the prefix of a CIDR identity, null for every other one.
/// </summary>
public sealed record PolicyPeer(
    Identity Identity,
    LabelSet Labels,
    IReadOnlyDictionary<string, NamedPort>? NamedPorts,
    IpPrefix? Cidr = null)
{
    /// <summary>The labels selectors look at: those given, and for reserved and CIDR identities the fixed ones.</summary>
    internal LabelSet EffectiveLabels { get; } = Identity.IsLabelSet
        ? Labels
        : new LabelSet([.. Labels, .. LabelSet.ForReserved(Identity, Cidr)]);

    /// <summary>The peer that nothing is known of.</summary>
    public static PolicyPeer Unknown { get; } = ForReserved(Identity.Unknown);

    /// <summary>The peer of a reserved identity.</summary>
    public static PolicyPeer ForReserved(Identity identity) => new(identity, LabelSet.ForReserved(identity), null);

    /// <summary>The peer of a CIDR identity.</summary>
    public static PolicyPeer ForCidr(Identity identity, IpPrefix prefix) =>
        new(identity, LabelSet.ForReserved(identity, prefix), null, prefix.Masked);

    /// <summary>What people recognise it by: the reserved name, the prefix, or the labels.</summary>
    public string DisplayName =>
        Identity.ReservedName is { } name ? "reserved:" + name
        : Cidr is { } prefix ? prefix.ToString()
        : Labels.Count > 0 ? Labels.ToString()
        : "identity " + Identity;
}
