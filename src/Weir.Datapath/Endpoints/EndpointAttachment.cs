// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Net;

namespace Weir.Datapath;

/// <summary>All that the datapath needs to know of an endpoint.</summary>
public sealed record EndpointAttachment
{
    /// <summary>1 to 4095.</summary>
    public required ushort Id { get; init; }

    public required Identity Identity { get; init; }

    /// <summary>Endpoints of different networks never reach one another.</summary>
    public required uint NetworkId { get; init; }

    /// <summary>On an --internal network: no host, no outside world.</summary>
    public bool Internal { get; init; }

    /// <summary>Whether outsiders may open flows to its own addresses where no rule of policy speaks of them.</summary>
    public bool Routed { get; init; }

    /// <summary>Host side of the veth.</summary>
    public required int Ifindex { get; init; }

    public IPAddress? Ipv4 { get; init; }

    public IPAddress? Ipv6 { get; init; }

    /// <summary>Answered by the program, as if it were a machine.</summary>
    public IPAddress? Gateway4 { get; init; }

    public IPAddress? Gateway6 { get; init; }

    /// <summary>Container's side of the veth: 6 bytes.</summary>
    public required byte[] Mac { get; init; }

    /// <summary>Host's side of the veth: 6 bytes.</summary>
    public required byte[] GatewayMac { get; init; }

    /// <summary>The endpoint's own addresses.</summary>
    public IEnumerable<IPAddress> Addresses
    {
        get
        {
            if (Ipv4 is not null)
            {
                yield return Ipv4;
            }

            if (Ipv6 is not null)
            {
                yield return Ipv6;
            }
        }
    }
}
