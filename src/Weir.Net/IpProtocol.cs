// SPDX-License-Identifier: Apache-2.0
namespace Weir.Net;

/// <summary>Protocol number of the IP header, as far as policy speaks of it.</summary>
public enum IpProtocol : byte
{
    Icmp = 1,
    Tcp = 6,
    Udp = 17,
    Gre = 47,
    Icmpv6 = 58,
    Sctp = 132,
}
