// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Net;

namespace Weir.Control.State;

/// <summary>A network as its runtime made it.</summary>
/// <param name="Id">The runtime's name for it.</param>
/// <param name="Number">The datapath's; endpoints of different numbers do not reach one another.</param>
/// <param name="Name">What people call it; empty until the runtime told.</param>
/// <param name="Internal">Neither host nor outside world.</param>
/// <param name="Routed">Whether outsiders with a route may open flows to its containers' own addresses; null: it was made
/// before that was a choice.</param>
/// <param name="Shared">The name by which all nodes have it; null: it is this host's alone.</param>
/// <param name="Created">When Weir was told of it; long ago: it was made before that was kept.</param>
public sealed record Network(string Id, ushort Number, string Name, bool Internal, int Mtu, IReadOnlyList<Subnet> Subnets, bool? Routed = null, DateTimeOffset Created = default, string? Shared = null)
{
    /// <summary>How docker network create asks for <see cref="Routed"/>.</summary>
    public const string RoutedOption = "weir.routed";

    /// <summary>How docker network create names the network of all nodes that it joins, to the driver and to IPAM.</summary>
    public const string SharedOption = "weir.network";

    /// <summary>Its name, or where the runtime has not told it yet the start of its id, as in Docker's own lists.</summary>
    public string Label => Name.Length > 0 ? Name : ShortId(Id);

    /// <summary>As much of an id as people are shown.</summary>
    public static string ShortId(string id)
    {
        const int Shown = 12;
        ArgumentNullException.ThrowIfNull(id);
        return id.Length > Shown ? id[..Shown] : id;
    }

    /// <summary>The gateway of a family, or null.</summary>
    public IPAddress? Gateway(bool ipv6) => Subnets.FirstOrDefault(subnet => subnet.Pool.IsIpv6 == ipv6)?.Gateway;
}
