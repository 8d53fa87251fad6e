// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Net;

namespace Weir.Policy.Evaluation;

/// <summary>Whether prefixes leave anything of another.</summary>
internal static class PrefixCover
{
    /// <summary>Whether every address of the prefix is in one of those inside of it.</summary>
    public static bool IsWhole(IpPrefix prefix, IpPrefix[] inside) =>
        inside.Length > 0
        && (Array.Exists(inside, other => other == prefix) || Halves(prefix).All(half => IsWhole(half, Array.FindAll(inside, half.Contains))));

    private static IpPrefix[] Halves(IpPrefix prefix)
    {
        var bytes = prefix.Masked.Address.GetAddressBytes();
        bytes[prefix.Length / 8] |= (byte)(0x80 >> (prefix.Length % 8));
        return [new IpPrefix(prefix.Masked.Address, prefix.Length + 1), new IpPrefix(new IPAddress(bytes), prefix.Length + 1)];
    }
}
