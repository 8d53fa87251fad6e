// SPDX-License-Identifier: Apache-2.0
using System.Globalization;

namespace Weir.Net;

/// <summary>Names of protocols as people write them.</summary>
public static class IpProtocolNames
{
    /// <summary>"tcp", "udp", …, or the number of a protocol without a name here.</summary>
    public static string Name(this IpProtocol protocol) => protocol switch
    {
        IpProtocol.Icmp => "icmp",
        IpProtocol.Tcp => "tcp",
        IpProtocol.Udp => "udp",
        IpProtocol.Gre => "gre",
        IpProtocol.Icmpv6 => "icmpv6",
        IpProtocol.Sctp => "sctp",
        _ => ((byte)protocol).ToString(),
    };

    /// <summary>Reads a name in any case, or a number from 0 to 255.</summary>
    public static bool TryParse(string text, out IpProtocol protocol)
    {
        ArgumentNullException.ThrowIfNull(text);
        IpProtocol? found = text.ToLowerInvariant() switch
        {
            "icmp" or "icmpv4" => IpProtocol.Icmp,
            "tcp" => IpProtocol.Tcp,
            "udp" => IpProtocol.Udp,
            "gre" => IpProtocol.Gre,
            "icmpv6" or "icmp6" => IpProtocol.Icmpv6,
            "sctp" => IpProtocol.Sctp,
            _ => byte.TryParse(text, NumberStyles.None, null, out var number) ? (IpProtocol)number : null,
        };
        protocol = found ?? default;
        return found is not null;
    }
}
