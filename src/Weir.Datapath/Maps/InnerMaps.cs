// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Runtime.InteropServices;
using Weir.Bpf;
using Weir.Bpf.Btf;
using Weir.Linux;

namespace Weir.Datapath;

/// <summary>The maps in a map of maps, which the kernel takes only if they are like the one that it was made with.</summary>
internal static class InnerMaps
{
    private const int LookersAtOnce = 64;

    /// <summary>What a lookup takes where it waits for nobody is a thousandth of that.</summary>
    private static readonly TimeSpan _slow = TimeSpan.FromMilliseconds(1);

    /// <summary>Whether those that are there are as they are to be, and others may be put beside them. One tells of all: whoever
    /// put it there puts no other beside it.</summary>
    internal static bool Fit(BpfMap outer, BpfMapSpec wanted, LoadedTypes types, MapTypesRead read)
    {
        foreach ((_, uint id) in Ids(outer, onlyOne: true))
        {
            using BpfMap? inner = BpfMap.OpenById(id);
            if (inner is not null)
            {
                return inner.Spec.Type == wanted.Type && inner.Spec.Flags == wanted.Flags && inner.Spec.KeySize == wanted.KeySize && inner.Spec.ValueSize == wanted.ValueSize
                    && (read.LayoutOf(inner) is not { } layout || layout.Equals(read.LayoutOf(wanted)));
            }
        }

        return TakesSuch(outer, wanted, types);
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

    /// <summary>By slot, in order. One by one, since older kernels' batches end at an empty slot; and by many at once where each waits
    /// until every program that runs has ended, as in Linux before 6.8 (maybe_wait_bpf_programs): they wait together.</summary>
    /// <param name="onlyOne">One of them is enough, whichever.</param>
    private static List<(uint Slot, uint Id)> Ids(BpfMap outer, bool onlyOne = false)
    {
        const int Tried = 8;
        List<(uint Slot, uint Id)> found = [];
        int last = -1;
        long began = Stopwatch.GetTimestamp();
        while (last + 1 < Tried && !IsEnough())
        {
            Look();
        }

        int lookers = Stopwatch.GetElapsedTime(began) > Tried * _slow ? LookersAtOnce : 1;
        Task[] others = [.. Enumerable.Range(0, lookers - 1).Select(_ => Task.Factory.StartNew(LookOn, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))];
        LookOn();
        Task.WaitAll(others);
        found.Sort((one, other) => one.Slot.CompareTo(other.Slot));
        return found;

        bool IsEnough() => Volatile.Read(ref last) >= outer.Spec.MaxEntries || (onlyOne && found.Count > 0);

        void LookOn()
        {
            while (!IsEnough())
            {
                Look();
            }
        }

        void Look()
        {
            Span<byte> id = stackalloc byte[sizeof(uint)];
            uint slot = (uint)Interlocked.Increment(ref last);
            if (slot < outer.Spec.MaxEntries && outer.TryLookup(BitConverter.GetBytes(slot), id))
            {
                lock (found)
                {
                    found.Add((slot, BitConverter.ToUInt32(id)));
                }
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
