// SPDX-License-Identifier: Apache-2.0
using Weir.Net;

namespace Weir.Policy.Checks;

/// <summary>
/// Finds CIDRs that cover somebody whom they do not mean: a CIDR is whoever is outside, never a container and
/// never this host, even where the range has their addresses.
/// </summary>
internal static class CidrCheck
{
    private const int MostNamed = 3;

    /// <summary>What surprises about it; null: nothing.</summary>
    public static string? FaultOf(PeerSelector.ByCidr cidr, HostFacts facts)
    {
        if (IsCovered(cidr.Prefix, cidr.Except))
        {
            return $"{cidr} matches nobody: its exceptions leave nothing";
        }

        var covered = facts.Inside.Where(inside => inside.Range.Overlaps(cidr.Prefix) && !cidr.Except.Any(except => except.Contains(inside.Range))).ToArray();
        if (covered.Length == 0)
        {
            return null;
        }

        var names = string.Join(", ", covered.Take(MostNamed).Select(inside => $"{inside.Owner} ({inside.Range})")) + (covered.Length > MostNamed ? " and others" : "");
        if (covered.FirstOrDefault(inside => inside.Range.Contains(cidr.Prefix)) is { Owner: not null } whole)
        {
            return $"{cidr} matches nobody: all of it is {whole.Owner} ({whole.Range}), and a CIDR is only who is outside, never a container and never this host. Write labels for containers, the entity host for the host";
        }

        return cidr.Prefix.Length == 0
            ? $"{cidr} is the world and not {names}: a CIDR is only who is outside. Write the entity world to say so, and labels or entities for the others"
            : $"{cidr} covers addresses of {names}, and does not mean them: a CIDR is only who is outside. Write labels for containers, the entity host for the host, or except their ranges";
    }

    /// <summary>Whether the exceptions make up the whole prefix.</summary>
    private static bool IsCovered(IpPrefix prefix, IReadOnlyList<IpPrefix> except)
    {
        if (except.Any(exception => exception.Contains(prefix)))
        {
            return true;
        }

        var inside = except.Where(prefix.Contains).ToArray();
        return inside.Length > 1 && prefix.Length < (prefix.IsIpv6 ? 128 : 32)
            && Halves(prefix).All(half => IsCovered(half, inside));
    }

    private static IpPrefix[] Halves(IpPrefix prefix)
    {
        var bytes = prefix.Masked.Address.GetAddressBytes();
        bytes[prefix.Length / 8] |= (byte)(0x80 >> (prefix.Length % 8));
        return [new(prefix.Masked.Address, prefix.Length + 1), new(new System.Net.IPAddress(bytes), prefix.Length + 1)];
    }
}
