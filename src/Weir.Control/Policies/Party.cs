// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Sockets;
using Weir.Control.Services;
using Weir.Control.State;
using Weir.Net;
using Weir.Policy;

namespace Weir.Control.Policies;

/// <summary>Who is meant at one end of a flow that somebody asks about.</summary>
internal sealed record Party(PolicyPeer Peer)
{
    /// <summary>The places that it can be: of one container on several networks, or of all containers with the labels.
    /// Empty: it is no container, or one that is not there.</summary>
    internal IReadOnlyList<Endpoint> Endpoints { get; init; } = [];

    /// <summary>Where outsiders or the host are; of length 0: anywhere of that family. Null: it was not said.</summary>
    internal IpPrefix? Place { get; init; }

    /// <summary>The service that was named.</summary>
    internal Service? Service { get; init; }

    /// <summary>The one address that was named.</summary>
    internal IPAddress? Address => Place is { IsSingleAddress: true } place ? place.Address : null;

    internal bool IsEndpoint => Peer.Identity.IsEndpoint;

    internal bool IsHost => Peer.Identity == Identity.Host;

    internal bool IsOutside => Peer.Identity.IsWorld;

    /// <summary>Whether it can have an address of the family.</summary>
    internal bool Has(AddressFamily family) =>
        Place is { } place ? place.Address.AddressFamily == family
        : Endpoints.Count == 0 || Endpoints.Any(endpoint => endpoint.Addresses.Any(address => address.AddressFamily == family));

    /// <summary>The same, where "the world" was said, as the world of the family in which the other end is.</summary>
    internal Party Beside(Party other)
    {
        if (Address is not null || Peer.Identity != Identity.WorldIpv4 || other.Has(AddressFamily.InterNetwork))
        {
            return this;
        }

        return new Party(PolicyPeer.ForReserved(Identity.WorldIpv6)) { Place = new IpPrefix(IPAddress.IPv6Any, 0) };
    }
}
