// SPDX-License-Identifier: Apache-2.0

using Weir.Control.Endpoints;
using Weir.Control.State;
using Weir.Datapath;

namespace Weir.Control.Reconciling;

/// <summary>Endpoints as the datapath is told of them.</summary>
internal static class Attachments
{
    internal static EndpointAttachment Of(Endpoint endpoint, Network network, bool isRouted) => new()
    {
        Id = endpoint.Id,
        Identity = endpoint.Identity,
        NetworkId = network.Number,
        Internal = network.Internal,
        Routed = isRouted,
        Ifindex = endpoint.Ifindex,
        Ipv4 = endpoint.Ipv4,
        Ipv6 = endpoint.Ipv6,
        Gateway4 = network.Gateway(ipv6: false),
        Gateway6 = network.Gateway(ipv6: true),
        Mac = endpoint.Mac,
        GatewayMac = EndpointLinks.GatewayMac,
    };

    /// <summary>Whether it is one endpoint before and after: its flows and addresses stay its own.</summary>
    internal static bool IsSameOwner(EndpointAttachment one, EndpointAttachment other) =>
        one.Mac.AsSpan().SequenceEqual(other.Mac) && one.Addresses.SequenceEqual(other.Addresses);

    /// <summary>Whether programs made for the one do for the other.</summary>
    internal static bool IsSame(EndpointAttachment one, EndpointAttachment other) =>
        IsSameOwner(one, other)
        && one.Ifindex == other.Ifindex
        && one.NetworkId == other.NetworkId
        && one.Internal == other.Internal
        && Equals(one.Gateway4, other.Gateway4)
        && Equals(one.Gateway6, other.Gateway6);
}
