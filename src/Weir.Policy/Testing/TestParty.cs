// SPDX-License-Identifier: Apache-2.0
using Weir.Net;
using Weir.Policy.Evaluation;

namespace Weir.Policy.Testing;

/// <summary>One end of what a test is about: a workload, a reserved peer, or addresses outside.</summary>
public sealed class TestParty
{
    private readonly IReadOnlyList<PolicyPeer> _peers;

    private TestParty(string name, IReadOnlyList<PolicyPeer> peers, IpPrefix? addresses)
    {
        Name = name;
        _peers = peers;
        Addresses = addresses;
    }

    /// <summary>As it was written.</summary>
    public string Name { get; }

    /// <summary>The addresses that are meant, or null.</summary>
    public IpPrefix? Addresses { get; }

    /// <summary>Whether policy is enforced there.</summary>
    public bool IsEndpoint => _peers.Count > 0 && _peers[0].Identity.IsEndpoint;

    /// <summary>The only family of addresses that it can have; null: both.</summary>
    internal bool? IsIpv6 => Addresses is { } addresses ? addresses.IsIpv6
        : _peers.Count > 1 ? null
        : IsOf(_peers[0], isIpv6: true) ? true
        : IsOf(_peers[0], isIpv6: false) ? false
        : null;

    public static TestParty Workload(string name, LabelSet labels) =>
        // Which number it has decides nothing; the last one is nobody's.
        new(name, [new PolicyPeer(new Identity(Identity.CidrScope - 1), labels, NamedPortLabels.Read(labels))], null);

    /// <summary>The world is both of its families.</summary>
    public static TestParty Reserved(string name, Identity identity) => new(
        name,
        [.. (identity == Identity.World ? [Identity.WorldIpv4, Identity.WorldIpv6] : new[] { identity }).Select(PolicyPeer.ForReserved)],
        null);

    public static TestParty Outside(string name, IpPrefix addresses) => new(name, [], addresses.Masked);

    /// <summary>Everybody whom it means under this policy: addresses are whom the longest prefix says that policy names.</summary>
    public IReadOnlyList<PolicyPeer> PeersUnder(PolicySet policy)
    {
        ArgumentNullException.ThrowIfNull(policy);
        if (Addresses is not { } addresses)
        {
            return _peers;
        }

        var inside = policy.CidrPrefixes.Where(prefix => prefix != addresses && addresses.Contains(prefix)).ToArray();
        var peers = inside.Where(prefix => !PrefixCover.IsWhole(prefix, [.. inside.Where(other => other != prefix && prefix.Contains(other))])).Select(ForCidr).ToList();
        if (!PrefixCover.IsWhole(addresses, inside))
        {
            var around = policy.CidrPrefixes.Where(prefix => prefix.Contains(addresses)).OrderByDescending(prefix => prefix.Length).ToArray();
            peers.Insert(0, around.Length > 0 ? ForCidr(around[0]) : PolicyPeer.ForReserved(addresses.IsIpv6 ? Identity.WorldIpv6 : Identity.WorldIpv4));
        }

        return peers;
    }

    /// <summary>Whether the peer can have packets of this protocol.</summary>
    internal static bool Speaks(PolicyPeer peer, IpProtocol protocol) => protocol switch
    {
        IpProtocol.Icmp => !IsOf(peer, isIpv6: true),
        IpProtocol.Icmpv6 => !IsOf(peer, isIpv6: false),
        _ => true,
    };

    /// <summary>Whether the peer is known to have addresses of that family alone.</summary>
    internal static bool IsOf(PolicyPeer peer, bool isIpv6) =>
        peer.Cidr is { } cidr ? cidr.IsIpv6 == isIpv6 : peer.Identity == (isIpv6 ? Identity.WorldIpv6 : Identity.WorldIpv4);

    private static PolicyPeer ForCidr(IpPrefix prefix) => PolicyPeer.ForCidr(Identity.ForCidr(1), prefix);
}
