// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Control.State;
using Weir.Net;

namespace Weir.Control.Claims;

/// <summary>Addresses that an endpoint has beside its own.</summary>
/// <param name="ExternalId">The runtime's name for the endpoint.</param>
/// <param name="Via">The endpoint's own address of the family.</param>
internal sealed record Claim(IpPrefix Prefix, ushort EndpointId, string ExternalId, string NetworkId, string LinkName, int Ifindex, IPAddress Via)
{
    internal static Claim Of(Endpoint endpoint, IpPrefix prefix) =>
        new(prefix, endpoint.Id, endpoint.ExternalId, endpoint.NetworkId, endpoint.LinkName, endpoint.Ifindex, (prefix.IsIpv6 ? endpoint.Ipv6 : endpoint.Ipv4)!);
}
