// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Net;

namespace Weir.Control.Addresses;

/// <summary>Which ranges a network can have, and which addresses in them an interface.</summary>
internal static class SubnetRules
{
    private const int LeastBits = 2;
    private const int WidestIpv4 = 8;
    private const int WidestIpv6 = 32;

    /// <summary>IANA's special-purpose ranges whose addresses no stack takes for another host's (RFC 6890).</summary>
    private static readonly (IpPrefix Prefix, string What)[] _reserved =
    [
        (IpPrefix.Parse("0.0.0.0/8"), "\"this network\""),
        (IpPrefix.Parse("127.0.0.0/8"), "loopback"),
        (IpPrefix.Parse("169.254.0.0/16"), "link-local"),
        (IpPrefix.Parse("224.0.0.0/4"), "multicast"),
        (IpPrefix.Parse("255.255.255.255/32"), "broadcast"),
        (IpPrefix.Parse("::/8"), "loopback, IPv4-mapped and translated addresses"),
        (IpPrefix.Parse("fe80::/10"), "link-local"),
        (IpPrefix.Parse("ff00::/8"), "multicast"),
    ];

    /// <exception cref="ControlException">No network can have the range.</exception>
    internal static void Check(IpPrefix subnet)
    {
        if (subnet.AddressBits - subnet.Length < LeastBits)
        {
            throw new ControlException($"subnet {subnet} is too small: a gateway and a container need two addresses beside the first and the last");
        }

        if (FaultOf(subnet) is { } fault)
        {
            throw new ControlException($"subnet {subnet} {fault}; choose another --subnet, for example in {(subnet.IsIpv6 ? "fd00::/8" : "10.0.0.0/8")}");
        }
    }

    /// <summary>Why no range can be this, to follow its name; null: it can.</summary>
    internal static string? FaultOf(IpPrefix range)
    {
        foreach ((IpPrefix prefix, string what) in _reserved)
        {
            if (prefix.Overlaps(range))
            {
                return $"holds addresses of {prefix} ({what})";
            }
        }

        int widest = range.IsIpv6 ? WidestIpv6 : WidestIpv4;
        return range.Length < widest ? $"is too large: /{widest} is the largest" : null;
    }

    /// <exception cref="ControlException">No interface can have the address in this range.</exception>
    internal static void CheckAddress(IpPrefix subnet, IPAddress address)
    {
        if (!subnet.Contains(address))
        {
            throw new ControlException($"address {address} is not in subnet {subnet}");
        }

        if (address.Equals(subnet.Address))
        {
            throw new ControlException($"address {address} is the first of subnet {subnet} and stands for {(subnet.IsIpv6 ? "its routers (anycast)" : "the network itself")}; choose another");
        }

        if (!subnet.IsIpv6 && address.Equals(AddressMath.Last(subnet)))
        {
            throw new ControlException($"address {address} is the broadcast address of subnet {subnet}; choose another");
        }
    }
}
