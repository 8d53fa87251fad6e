// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Net;
using Weir.Policy.Evaluation;

namespace Weir.Policy.Comparison;

/// <summary>Cuts what is outside where either policy names prefixes: an address is whom the longest of them says.</summary>
internal static class AddressClasses
{
    /// <summary>The parts of both families that have addresses of their own.</summary>
    public static List<PartyAtom> Find(PolicySet before, PolicySet after)
    {
        IpPrefix[] all =
        [
            .. before.CidrPrefixes.Concat(after.CidrPrefixes).Append(new IpPrefix(IPAddress.Any, 0)).Append(new IpPrefix(IPAddress.IPv6Any, 0)).Distinct().Order(),
        ];
        var parents = Parents(all);
        var children = all.Select(_ => new List<IpPrefix>()).ToArray();
        for (var i = 0; i < all.Length; i++)
        {
            if (parents[i] >= 0)
            {
                children[parents[i]].Add(all[i]);
            }
        }

        var atoms = new List<PartyAtom>();
        var (old, @new) = (new PolicyPeer[all.Length], new PolicyPeer[all.Length]);
        for (var i = 0; i < all.Length; i++)
        {
            old[i] = PeerOf(before, all[i], i, parents[i] < 0 ? null : old[parents[i]]);
            @new[i] = PeerOf(after, all[i], i, parents[i] < 0 ? null : @new[parents[i]]);
            if (!PrefixCover.IsWhole(all[i], [.. children[i]]))
            {
                atoms.Add(new PartyAtom(old[i], @new[i], Range: all[i]));
            }
        }

        return atoms;
    }

    /// <summary>Of sorted prefixes the shortest way up: the index of the longest that contains each, -1 for none.</summary>
    public static int[] Parents(IReadOnlyList<IpPrefix> sorted)
    {
        var parents = new int[sorted.Count];
        var open = new Stack<int>();
        for (var i = 0; i < parents.Length; i++)
        {
            while (open.Count > 0 && !sorted[open.Peek()].Contains(sorted[i]))
            {
                open.Pop();
            }

            parents[i] = open.Count > 0 ? open.Peek() : -1;
            open.Push(i);
        }

        return parents;
    }

    /// <summary>What the ranges are together, each with what of it is not among them.</summary>
    /// <param name="sorted">Of all atoms.</param>
    /// <param name="isIn">Which of them.</param>
    public static List<AddressRange> Describe(IReadOnlyList<IpPrefix> sorted, Func<int, bool> isIn)
    {
        var parents = Parents(sorted);
        var ranges = new List<AddressRange>();
        var rangeOf = new int[sorted.Count];
        for (var i = 0; i < sorted.Count; i++)
        {
            var around = parents[i] < 0 ? -1 : rangeOf[parents[i]];
            if (isIn(i))
            {
                // A range goes on into what lies in it.
                rangeOf[i] = around >= 0 ? around : ranges.Count;
                if (around < 0)
                {
                    ranges.Add(new AddressRange(sorted[i], new List<IpPrefix>()));
                }
            }
            else
            {
                rangeOf[i] = -1;
                if (around >= 0)
                {
                    ((List<IpPrefix>)ranges[around].Except).Add(sorted[i]);
                }
            }
        }

        return ranges;
    }

    private static PolicyPeer PeerOf(PolicySet policy, IpPrefix prefix, int number, PolicyPeer? around) =>
        prefix.Length == 0 ? PolicyPeer.ForReserved(prefix.IsIpv6 ? Identity.WorldIpv6 : Identity.WorldIpv4)
        : policy.CidrPrefixes.Contains(prefix) ? PolicyPeer.ForCidr(Identity.ForCidr((uint)number + 1), prefix)
        : around!;
}
