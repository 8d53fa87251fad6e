// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using Weir.Bpf;
using Weir.Bpf.Btf;
using Weir.Datapath.Abi;

namespace Weir.Datapath.Tests.Upgrades;

/// <summary>What is in every map, by names of fields; and something in every field, so that nothing is lost unseen.</summary>
internal static class MapContent
{
    private const int EntriesEach = 5;
    private const uint FirstIndex = 100; // of arrays: below are those that tests use

    /// <summary>Entries of a map by the fields of their keys; of each the fields of its value that are not zero, and of arrays those alone.</summary>
    internal static SortedDictionary<string, string> Read(BpfMap map)
    {
        SortedDictionary<string, string> entries = new(StringComparer.Ordinal);
        if (LayoutOf(map) is not { } layout)
        {
            return entries;
        }

        map.ForEachBatch((keys, values, count) =>
        {
            int keySize = keys.Length / count, valueSize = values.Length / count;
            for (int i = 0; i < count; i++)
            {
                string value = Describe(layout.Value, values.Slice(i * valueSize, valueSize));
                if (value.Length > 0 || map.Spec.Type is not (BpfMapType.Array or BpfMapType.PerCpuArray))
                {
                    entries.Add(Describe(layout.Key, keys.Slice(i * keySize, keySize)), value);
                }
            }
        });
        return entries;
    }

    /// <summary>Puts a few entries into a map, with a number of its own in every field.</summary>
    internal static void Fill(BpfMap map, int seed)
    {
        if (LayoutOf(map) is not { } layout)
        {
            return;
        }

        var random = new Random(seed);
        for (uint entry = 0; entry < EntriesEach; entry++)
        {
            byte[] key = new byte[map.Spec.KeySize];
            byte[] value = new byte[map.UserValueSize];
            Fill(layout.Key, key, random);
            Fill(layout.Value, value, random);
            if (map.Spec.Type is BpfMapType.Array or BpfMapType.PerCpuArray)
            {
                MemoryMarshal.Write(key, map.Spec.MaxEntries > FirstIndex + EntriesEach ? FirstIndex + entry : entry % map.Spec.MaxEntries);
            }
            else if (map.Spec.Type == BpfMapType.LongestPrefixTrie)
            {
                MemoryMarshal.Write(key, ((uint)key.Length - sizeof(uint)) * 8);
            }

            if (layout.Value.Find("expires_ns") is { } expires)
            {
                MemoryMarshal.Write(value.AsSpan(expires.Offset), long.MaxValue);
            }

            map.Update(key, value);
        }
    }

    /// <summary>Puts a map like it in the place of one, as versions made them whose maps had no types.</summary>
    internal static void ForgetTypes(string name, string pin)
    {
        using BpfMap map = BpfMap.OpenPinned(pin)!;
        if (map.TypesId == 0)
        {
            return;
        }

        using BpfMap untyped = BpfMap.Create(map.Spec with { Name = name, Types = default });
        map.ForEachBatch((keys, values, count) => untyped.UpdateBatch(keys, values, count));
        File.Delete(pin);
        untyped.Pin(pin);
    }

    private static void Fill(TypeLayout layout, byte[] bytes, Random random)
    {
        foreach (MapField field in layout.Fields)
        {
            random.NextBytes(bytes.AsSpan(field.Offset, field.Size * field.Count));
        }
    }

    /// <summary>Numbers as they are, whatever bytes they have.</summary>
    private static string Describe(TypeLayout layout, ReadOnlySpan<byte> bytes)
    {
        List<string> fields = [];
        int stride = layout.Size == 0 ? 1 : (layout.Size + 7) & ~7;
        for (int copy = 0; copy == 0 || (copy + 1) * stride <= bytes.Length; copy++)
        {
            foreach (MapField field in layout.Fields)
            {
                for (int i = 0; i < field.Count; i++)
                {
                    byte[] number = bytes.Slice((copy * stride) + field.Offset + (i * field.Size), field.Size).ToArray();
                    if (!field.IsBigEndian)
                    {
                        Array.Reverse(number);
                    }

                    string digits = Convert.ToHexString(number).TrimStart('0');
                    if (digits.Length > 0)
                    {
                        fields.Add($"{copy}:{field.Path}[{i}]={digits}");
                    }
                }
            }
        }

        fields.Sort(StringComparer.Ordinal);
        return string.Join(' ', fields);
    }

    internal static MapLayout? LayoutOf(BpfMap map) => map.TypesId == 0 || map.Spec.Type == BpfMapType.ArrayOfMaps ? null : MapLayout.Of(LoadedTypes.Read(map.TypesId), map.Spec);
}
