// SPDX-License-Identifier: Apache-2.0

namespace Weir.Linux.Netlink;

/// <summary>What a link's packets have in front of them: ARPHRD_* (linux/if_arp.h). There are others.</summary>
public enum LinkType
{
    Ethernet = 1,

    /// <summary>PPP: bare IP packets where filters see them.</summary>
    Ppp = 512,

    /// <summary>Bare IP packets, as of mobile modems.</summary>
    RawIp = 519,

    /// <summary>IPv4 in IPv4.</summary>
    Tunnel = 768,

    /// <summary>Anything in IPv6.</summary>
    Tunnel6 = 769,

    /// <summary>IPv6 in IPv4.</summary>
    Sit = 776,

    /// <summary>GRE.</summary>
    Gre = 778,

    /// <summary>GRE over IPv6.</summary>
    Gre6 = 823,

    /// <summary>Bare IP packets: TUN, WireGuard.</summary>
    None = 0xFFFE,
}
