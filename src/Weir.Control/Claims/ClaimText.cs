// SPDX-License-Identifier: Apache-2.0

using Weir.Net;

namespace Weir.Control.Claims;

/// <summary>The label "weir.addresses": addresses and prefixes with commas between them, IPv6 with or without brackets.</summary>
internal static class ClaimText
{
    internal const string Label = Workload.AddressesLabelKey;
    private const int MostEntries = 16;

    /// <summary>Reads a label, all of it or nothing.</summary>
    internal static bool TryParse(string text, out IReadOnlyList<IpPrefix> claims, out string error)
    {
        claims = [];
        string[] entries = [.. text.Split(',').Select(entry => entry.Trim(' '))];
        if (text.Length > WorkloadLabel.Longest || entries.Length > MostEntries)
        {
            error = $"it is longer than {WorkloadLabel.Longest} characters or {MostEntries} entries";
            return false;
        }

        List<IpPrefix> read = [];
        foreach (string entry in entries)
        {
            string plain = entry.StartsWith('[') && entry.IndexOf(']', StringComparison.Ordinal) is var end && end > 0 ? entry[1..end] + entry[(end + 1)..] : entry;
            if (!IpPrefix.TryParse(plain, out IpPrefix? prefix) || prefix.Address.IsIPv4MappedToIPv6)
            {
                error = $"\"{entry}\" is no address: write 10.210.0.100, 10.8.0.0/24 or 2001:db8::/64";
                return false;
            }

            if (prefix.Masked != prefix)
            {
                error = $"\"{entry}\" has bits beyond its length: write {prefix.Masked}, or {IpPrefix.Single(prefix.Address)} for the one address";
                return false;
            }

            read.Add(prefix);
        }

        claims = [.. read.Distinct()];
        error = "";
        return true;
    }
}
