// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using Weir.Bpf;
using Weir.Bpf.Btf;
using Weir.Linux;

namespace Weir.Datapath;

/// <summary>The maps in a map of maps, which the kernel takes only if they are like the one that it was made with.</summary>
internal static class InnerMaps
{
    /// <summary>Whether those that are there are as they are to be, and others may be put beside them.</summary>
    internal static bool Fit(BpfMap outer, BpfMapSpec wanted, LoadedTypes types, MapTypesRead read)
    {
        bool isEmpty = true;
        foreach (uint id in Ids(outer).Select(row => row.Id).Distinct())
        {
            using BpfMap? inner = BpfMap.OpenById(id);
            if (inner is null)
            {
                continue;
            }

            isEmpty = false;
            if (inner.Spec.Type != wanted.Type || inner.Spec.Flags != wanted.Flags || inner.Spec.KeySize != wanted.KeySize || inner.Spec.ValueSize != wanted.ValueSize
                || (read.LayoutOf(inner) is { } layout && !layout.Equals(read.LayoutOf(wanted))))
            {
                return false;
            }
        }

        return !isEmpty || TakesSuch(outer, wanted, types);
    }

    /// <summary>What keeps them from being converted.</summary>
    internal static IReadOnlyList<string> WhyNot(BpfMap outer, BpfMapSpec wanted, LoadedTypes types, MapTypesRead read)
    {
        foreach (uint id in Ids(outer).Select(row => row.Id).Distinct())
        {
            using BpfMap? inner = BpfMap.OpenById(id);
            if (inner is null)
            {
                continue;
            }

            if (read.WhyNot(inner, wanted) is { Count: > 0 } differences)
            {
                return differences;
            }

            try
            {
                Convert(inner, wanted, types, read).Dispose();
            }
            catch (DatapathException e)
            {
                return [e.Message];
            }
        }

        return [];
    }

    /// <summary>Puts them into another map of maps, as they are to be there; those that are one stay one.</summary>
    internal static void Copy(BpfMap before, BpfMap now, BpfMapSpec wanted, LoadedTypes types, MapTypesRead read)
    {
        List<uint> slots = [];
        List<int> fds = [];
        Dictionary<uint, BpfMap> converted = [];
        try
        {
            foreach ((uint slot, uint id) in Ids(before).Where(row => row.Slot < now.Spec.MaxEntries))
            {
                if (!converted.TryGetValue(id, out BpfMap? map))
                {
                    using BpfMap? inner = BpfMap.OpenById(id);
                    if (inner is null)
                    {
                        continue;
                    }

                    map = Convert(inner, wanted, types, read);
                    converted.Add(id, map);
                }

                slots.Add(slot);
                fds.Add(map.Fd);
            }

            now.UpdateBatch(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(slots)), MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(fds)), slots.Count);
        }
        finally
        {
            converted.Values.ToList().ForEach(map => map.Dispose());
        }
    }

    /// <summary>By slot. One by one: older kernels' batches end at an empty slot.</summary>
    private static IEnumerable<(uint Slot, uint Id)> Ids(BpfMap outer)
    {
        byte[] id = new byte[sizeof(uint)];
        for (uint slot = 0; slot < outer.Spec.MaxEntries; slot++)
        {
            if (outer.TryLookup(BitConverter.GetBytes(slot), id))
            {
                yield return (slot, BitConverter.ToUInt32(id));
            }
        }
    }

    private static BpfMap Convert(BpfMap inner, BpfMapSpec wanted, LoadedTypes types, MapTypesRead read)
    {
        BpfMap map = BpfMap.Create(wanted with { MaxEntries = inner.Spec.MaxEntries }, types);
        try
        {
            var conversion = new MapConversion(inner, read.LayoutOf(inner), map, read.LayoutOf(wanted));
            byte[] newKey = new byte[map.Spec.KeySize];
            byte[] newValue = new byte[map.UserValueSize];
            inner.ForEachBatch((keys, values, count) =>
            {
                int keySize = keys.Length / count;
                int valueSize = values.Length / count;
                for (int i = 0; i < count; i++)
                {
                    if (!conversion.TryConvert(keys.Slice(i * keySize, keySize), values.Slice(i * valueSize, valueSize), newKey, newValue))
                    {
                        throw new DatapathException($"{wanted.Name}: an entry has a number that this version has no room for");
                    }

                    map.Update(newKey, newValue);
                }
            });
            return map;
        }
        catch
        {
            map.Dispose();
            throw;
        }
    }

    /// <summary>Tried at a slot that nobody has: number 0 is no endpoint's.</summary>
    private static bool TakesSuch(BpfMap outer, BpfMapSpec wanted, LoadedTypes types)
    {
        using BpfMap inner = BpfMap.Create(wanted with { MaxEntries = 1 }, types);
        byte[] slot = new byte[sizeof(uint)];
        try
        {
            outer.Update(slot, BitConverter.GetBytes(inner.Fd));
            outer.Delete(slot);
            return true;
        }
        catch (LinuxException e) when (e.Number == Errno.Invalid)
        {
            return false;
        }
    }
}
