// SPDX-License-Identifier: Apache-2.0

using Weir.Bpf;
using Weir.Datapath.Abi;

namespace Weir.Datapath;

/// <summary>weir_claim: whose addresses are, beside those that endpoints got from their networks.</summary>
public sealed class ClaimTable
{
    private readonly BpfMap<ClaimKey, ClaimEntry> _claims;
    private readonly LbFlags _flags;

    internal ClaimTable(BpfMap<ClaimKey, ClaimEntry> claims, LbFlags flags)
    {
        _claims = claims;
        _flags = flags;
    }

    /// <summary>How many it can hold.</summary>
    public uint Max => _claims.Raw.Spec.MaxEntries;

    public IReadOnlyList<ClaimRow> List() => [.. _claims.ToList().Select(pair => new ClaimRow(MappedPrefix.From(pair.Key.Addr, pair.Key.PrefixLen), (ushort)pair.Value.EndpointId))];

    /// <summary>Makes the table hold these and no others; what changes hands is never nobody's. Raise the revision afterwards.</summary>
    /// <param name="wanted">No prefix twice.</param>
    /// <returns>Whether anything changed.</returns>
    /// <exception cref="Linux.LinuxException">There are too many.</exception>
    public bool Replace(IReadOnlyCollection<ClaimRow> wanted)
    {
        ArgumentNullException.ThrowIfNull(wanted);
        HashSet<ClaimRow> present = [.. List()];
        ClaimRow[] changed = [.. wanted.Where(row => !present.Contains(row))];
        ClaimRow[] gone = [.. present.Where(row => wanted.All(other => other.Prefix != row.Prefix))];
        if (wanted.Count > 0)
        {
            _flags.Set(LbFlag.Claims, on: true);
        }

        foreach (ClaimRow row in gone)
        {
            ClaimKey key = KeyOf(row);
            _claims.Remove(in key);
        }

        foreach (ClaimRow row in changed)
        {
            _claims.Set(KeyOf(row), new ClaimEntry { EndpointId = row.EndpointId });
        }

        if (wanted.Count == 0)
        {
            _flags.Set(LbFlag.Claims, on: false);
        }

        return changed.Length + gone.Length > 0;
    }

    private static ClaimKey KeyOf(ClaimRow row) => new() { PrefixLen = MappedPrefix.LengthOf(row.Prefix), Addr = MappedPrefix.AddressOf(row.Prefix) };
}
