// SPDX-License-Identifier: Apache-2.0
using Weir.Net;

namespace Weir.Policy;

/// <summary>One member of an entry's list of peers.</summary>
public abstract record PeerSelector
{
    private protected PeerSelector()
    {
    }

    /// <summary>Whether it selects the peer.</summary>
    public abstract bool Matches(PolicyPeer peer);

    /// <summary>Peers selected by label.</summary>
    public sealed record ByLabels(EndpointSelector Selector) : PeerSelector
    {
        /// <inheritdoc/>
        public override bool Matches(PolicyPeer peer) => Selector.Matches(peer);

        /// <inheritdoc/>
        public override string ToString() => Selector.ToString();
    }

    /// <summary>Peers selected by entity.</summary>
    public sealed record ByEntity(Entity Entity) : PeerSelector
    {
        /// <inheritdoc/>
        public override bool Matches(PolicyPeer peer)
        {
            ArgumentNullException.ThrowIfNull(peer);
            return Entity.Matches(peer.Identity, peer.Cidr);
        }

        /// <inheritdoc/>
        public override string ToString() => Entity.Name();
    }

    /// <summary>
    /// Outside peers selected by address: CIDR identities inside the prefix and not inside an exception.
    /// The prefix of length 0 also selects the world of its family.
    /// </summary>
    public sealed record ByCidr(IpPrefix Prefix, IReadOnlyList<IpPrefix> Except) : PeerSelector
    {
        /// <inheritdoc/>
        public override bool Matches(PolicyPeer peer)
        {
            ArgumentNullException.ThrowIfNull(peer);
            if (peer.Identity == (Prefix.IsIpv6 ? Identity.WorldIpv6 : Identity.WorldIpv4))
            {
                return Prefix.Length == 0 && !Except.Any(except => except.Length == 0);
            }

            return peer is { Identity.IsCidr: true, Cidr: { } cidr }
                && Prefix.Contains(cidr)
                && !Except.Any(except => except.Contains(cidr));
        }

        /// <inheritdoc/>
        public override string ToString() =>
            Except.Count == 0 ? Prefix.ToString() : $"{Prefix} except {string.Join(", ", Except)}";
    }
}
