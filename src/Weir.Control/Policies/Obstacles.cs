// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Sockets;
using Weir.Control.State;
using Weir.Datapath;
using Weir.Datapath.Abi;
using Weir.Net;
using Weir.Policy;
using Weir.Services;

namespace Weir.Control.Policies;

/// <summary>Finds what decides about a flow beside policy, as the datapath does: where it goes (multicast, networks),
/// and by which door it comes in.</summary>
/// <param name="world">The one that is asked about.</param>
/// <param name="published">Who is let in by published ports.</param>
internal sealed class Obstacles(Func<World> world, Func<IEnumerable<PublishRow>> published)
{
    /// <summary>What is in the way before policy is asked.</summary>
    /// <param name="frontend">The service's, by which it goes; null: straight.</param>
    internal Obstacle? Before(Party from, Party to, Frontend? frontend)
    {
        if (from.IsOutside && from.Place is { } source && world().Prefilter.FirstOrDefault(prefix => prefix.Contains(source)) is { Address: not null } filtered)
        {
            return Obstacle.Of(DropReason.Prefilter, $" ({filtered})");
        }

        if (to.Address is { } address && from.IsEndpoint && IsMulticast(address))
        {
            return Obstacle.Of(DropReason.Multicast);
        }

        if (Families(from, to).FirstOrDefault() is AddressFamily.Unspecified)
        {
            return new Obstacle(DropReason.None, "not delivered: the one has only IPv4, the other only IPv6");
        }

        if (from.Endpoints.Count > 0 && to.Endpoints.Count > 0)
        {
            return Between(from, to, frontend);
        }

        IReadOnlyList<Endpoint> inside = from.Endpoints.Count > 0 ? from.Endpoints : to.Endpoints;
        bool otherIsContainer = from.IsEndpoint && to.IsEndpoint;
        return !otherIsContainer && inside.Count > 0 && inside.All(IsInternal)
            ? Obstacle.Of(DropReason.NetworkInternal, $" ({NameOf(inside[0])})")
            : null;
    }

    /// <summary>What is in the way of what policy lets pass.</summary>
    internal Obstacle? After(Party from, Party to, Explanation explanation, Frontend? frontend, bool isPublished)
    {
        if (to.Endpoints.Count == 0)
        {
            return to is { IsOutside: true, Address: { } address } && NetworkWith(address) is { } network
                ? new Obstacle(DropReason.None, $"not delivered: no container has this address of network {network.Label}; the host answers \"no route to host\"")
                : null;
        }

        // A rule that lets an outsider in is a door of its own.
        if (!from.IsOutside || explanation.Ingress.Decision.RuleId != 0)
        {
            return null;
        }

        if (frontend is not { } by)
        {
            return to.Endpoints.Any(IsRouted) ? null : Obstacle.Of(DropReason.NotRouted, "; published ports and policy let outsiders in");
        }

        return !isPublished || world().Doors.Mode == DoorMode.Open || (from.Place is { } source && to.Endpoints.Any(endpoint => IsOpen(endpoint, by, source)))
            ? null
            : Obstacle.Of(DropReason.NotPublished, $"; 'weir publish allow {to.Endpoints[0].Name} {by.Port}{(by.Protocol == IpProtocol.Udp ? "/udp" : "")}' opens it");
    }

    private static IEnumerable<AddressFamily> Families(Party from, Party to) =>
        ((AddressFamily[])[AddressFamily.InterNetwork, AddressFamily.InterNetworkV6]).Where(family => from.Has(family) && to.Has(family));

    /// <summary>As lib/packet.h has it.</summary>
    private static bool IsMulticast(IPAddress address)
    {
        byte[] bytes = address.GetAddressBytes();
        return bytes.Length == 16 ? bytes[0] == 0xff : (bytes[0] & 0xf0) == 0xe0 || address.Equals(IPAddress.Broadcast) || address.Equals(IPAddress.Any);
    }

    private Obstacle? Between(Party from, Party to, Frontend? frontend)
    {
        bool Meet(Endpoint one, Endpoint other) => one.NetworkId == other.NetworkId || (frontend is not null && !IsInternal(one) && !IsInternal(other));
        if (from.Endpoints.Any(one => to.Endpoints.Any(other => Meet(one, other))))
        {
            return null;
        }

        string where = $" ({NameOf(from.Endpoints[0])}, {NameOf(to.Endpoints[0])})";
        return Obstacle.Of(frontend is null ? DropReason.NetworkIsolated : DropReason.NetworkInternal, where);
    }

    private bool IsOpen(Endpoint endpoint, Frontend frontend, IpPrefix source) => published().Any(row =>
        row.Source.Contains(source) && (row.EndpointId == 0 || (row.EndpointId == endpoint.Id && row.Port == frontend.Port && row.Protocol == frontend.Protocol)));

    private bool IsRouted(Endpoint endpoint) => NetworkOf(endpoint) is { } network && world().IsRouted(network);

    private bool IsInternal(Endpoint endpoint) => NetworkOf(endpoint)?.Internal == true;

    private Network? NetworkWith(IPAddress address) => world().Networks.Values.FirstOrDefault(network => network.Subnets.Any(subnet => subnet.Pool.Contains(address)));

    private string NameOf(Endpoint endpoint) => NetworkOf(endpoint)?.Label ?? endpoint.NetworkId;

    private Network? NetworkOf(Endpoint endpoint) => world().Networks.GetValueOrDefault(endpoint.NetworkId);
}
