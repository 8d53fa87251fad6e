// SPDX-License-Identifier: Apache-2.0

using Weir.Bpf.Btf;

namespace Weir.Bpf;

/// <summary>What a map is, before and after it exists.</summary>
/// <param name="Name">The kernel keeps 15 characters.</param>
/// <param name="KeySize">In bytes.</param>
/// <param name="ValueSize">In bytes, of one CPU.</param>
/// <param name="MaxEntries">Entries; of a ring buffer: bytes.</param>
/// <param name="Inner">For maps of maps: what they hold.</param>
/// <param name="Types">Of keys and values.</param>
public sealed record BpfMapSpec(
    string Name,
    BpfMapType Type,
    uint KeySize,
    uint ValueSize,
    uint MaxEntries,
    BpfMapFlags Flags = BpfMapFlags.None,
    BpfMapSpec? Inner = null,
    MapTypes Types = default)
{
    /// <summary>Whether the kernel keeps the types of such a map's keys and values (map_check_btf).</summary>
    public bool CanHaveTypes => Types.Key != 0 && Types.Value != 0
        && Type is BpfMapType.Hash or BpfMapType.Array or BpfMapType.PerCpuHash or BpfMapType.PerCpuArray or BpfMapType.LruHash or BpfMapType.LongestPrefixTrie;

    /// <summary>Every difference that keeps an existing map from serving as this one; empty: it can.</summary>
    public IReadOnlyList<string> DifferencesFrom(BpfMapSpec existing)
    {
        ArgumentNullException.ThrowIfNull(existing);
        List<string> differences = [];
        Compare("type", Type, existing.Type);
        Compare("key size", KeySize, existing.KeySize);
        Compare("value size", ValueSize, existing.ValueSize);
        Compare("entries", MaxEntries, existing.MaxEntries);
        Compare("flags", Flags, existing.Flags);
        return differences;

        void Compare<T>(string what, T wanted, T found)
            where T : struct
        {
            if (!wanted.Equals(found))
            {
                differences.Add($"{Name}: {what} is {found}, {wanted} is needed");
            }
        }
    }
}
