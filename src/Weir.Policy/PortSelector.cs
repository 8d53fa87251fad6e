// SPDX-License-Identifier: Apache-2.0
using Weir.Net;

namespace Weir.Policy;

/// <summary>
/// Ports of one protocol, first to last, or a port by name (the numbers then have no meaning). For
/// ICMP the port is type &lt;&lt; 8 | code. A name without protocol fits the protocol its endpoint tells.
/// </summary>
public sealed record PortSelector(IpProtocol? Protocol, ushort First, ushort Last, string? Name = null)
{
    /// <summary>Every port of a protocol.</summary>
    public static PortSelector AllOf(IpProtocol protocol) => new(protocol, 0, ushort.MaxValue);

    /// <summary>"80/tcp", "1000-2000/udp", "http/tcp", "icmp type 8".</summary>
    public override string ToString()
    {
        var protocol = Protocol?.Name() ?? "any";
        if (Name is not null)
        {
            return $"{Name}/{protocol}";
        }

        if (First == 0 && Last == ushort.MaxValue)
        {
            return Protocol is IpProtocol.Icmp or IpProtocol.Icmpv6 ? $"{protocol} every type" : $"every port/{protocol}";
        }

        return Protocol is IpProtocol.Icmp or IpProtocol.Icmpv6 ? IcmpTypes(protocol)
            : First == Last ? $"{First}/{protocol}"
            : $"{First}-{Last}/{protocol}";
    }

    private string IcmpTypes(string protocol)
    {
        var (first, last) = (First >> 8, Last >> 8);
        var whole = (First & 0xff) == 0 && (Last & 0xff) == 0xff;
        return !whole ? $"{protocol} type {first} code {First & 0xff} to type {last} code {Last & 0xff}"
            : first == last ? $"{protocol} type {first}"
            : $"{protocol} types {first}-{last}";
    }
}
