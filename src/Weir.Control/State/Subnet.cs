// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Control.Addresses;
using Weir.Net;

namespace Weir.Control.State;

/// <summary>A range of a network, and the address by which containers leave it.</summary>
public sealed record Subnet(IpPrefix Pool, IPAddress Gateway)
{
    /// <summary>With the gateway that a network gets where nobody asks for another: the first address.</summary>
    public static Subnet WithUsualGateway(IpPrefix pool) => new(pool.Masked, AddressMath.Add(pool.Masked.Address, 1));
}
