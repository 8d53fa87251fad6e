// SPDX-License-Identifier: Apache-2.0
using Weir.Net;

namespace Weir.Policy.Comparison;

/// <summary>Addresses outside: those of a prefix that are in none of the others.</summary>
public sealed record AddressRange(IpPrefix Prefix, IReadOnlyList<IpPrefix> Except)
{
    /// <summary>"10.0.0.0/8 except 10.1.0.0/16", "world-ipv4".</summary>
    public override string ToString()
    {
        var name = Prefix.Length > 0 ? Prefix.ToString() : Prefix.IsIpv6 ? "world-ipv6" : "world-ipv4";
        return Except.Count == 0 ? name : $"{name} except {string.Join(", ", Except)}";
    }
}
