// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Weir.Bpf;
using Weir.Bpf.Btf;
using Weir.Linux;

namespace Weir.Datapath;

/// <summary>A pinned map that is to have another size or layout: made anew beside the old one, filled from it, and put in its place in
/// one step. Programs that are attached have the old one until they are attached anew; until then its pin stays beside,
/// so that a start after a crash in between knows. What they write meanwhile is taken over in the end.</summary>
internal sealed class MapReplacement : IDisposable
{
    internal const string BeforeSuffix = "_before";
    internal const string NextSuffix = "_next";
    private const int Batch = 4096;

    private readonly List<(BpfMap Map, MapConversion Conversion)> _before = []; // more than one after a start that came to no end
    private readonly BpfMapSpec _wanted;
    private readonly MapWriter _writer;
    private readonly MapField? _created;
    private readonly MapField? _packets;
    private readonly MapField? _clock;
    private readonly string _pin;

    private MapReplacement(BpfMap now, BpfMapSpec wanted, MapLayout? layout, string pin)
    {
        Now = now;
        _wanted = wanted;
        _writer = MapWriters.Of(wanted.Name);
        _created = layout?.Value.Find("created_ns");
        _packets = layout?.Value.Find("packets");
        _clock = layout?.Value.Find("expires_ns") ?? layout?.Value.Find("last_ns");
        _pin = pin;
    }

    /// <summary>The map that is in place.</summary>
    internal BpfMap Now { get; }

    /// <summary>Those whose place it took.</summary>
    internal IEnumerable<BpfMap> Before => _before.Select(before => before.Map);

    private bool IsArray => _wanted.Type is BpfMapType.Array or BpfMapType.PerCpuArray;

    /// <summary>Whether all that is in a map has a place in one of another size or layout.</summary>
    /// <returns>What has none; null: it has.</returns>
    internal static string? WhyNot(BpfMap before, BpfMapSpec wanted, MapTypesRead read)
    {
        if (MapWriters.Of(wanted.Name) is MapWriter.Programs or MapWriter.Counters or MapWriter.Nobody)
        {
            return null;
        }

        MapLayout? from = read.LayoutOf(before), to = read.LayoutOf(wanted);
        var (keys, values) = from is null || to is null ? (null, null) : (new FieldMoves(from.Key, to.Key), new FieldMoves(from.Value, to.Value));
        byte[] newKey = new byte[wanted.KeySize], newValue = new byte[wanted.ValueSize];
        bool isArray = wanted.Type == BpfMapType.Array;
        long used = 0;
        bool fits = true;
        before.ForEachBatch((keyBytes, valueBytes, count) =>
        {
            int keySize = keyBytes.Length / count;
            int valueSize = valueBytes.Length / count;
            for (int i = 0; i < count; i++)
            {
                // An array's entries are all there; what was never written is zero.
                ReadOnlySpan<byte> key = keyBytes.Slice(i * keySize, keySize);
                ReadOnlySpan<byte> value = valueBytes.Slice(i * valueSize, valueSize);
                if (!isArray || value.ContainsAnyExcept((byte)0))
                {
                    used = isArray ? Math.Max(used, MemoryMarshal.Read<uint>(key) + 1L) : used + 1;
                    fits &= (keys?.TryMove(key, newKey) ?? true) && (values?.TryMove(value, newValue) ?? true);
                }
            }
        }, Batch);
        return used > wanted.MaxEntries ? $"{wanted.Name}: {used} entries of {before.Spec.MaxEntries} are in use, and {wanted.MaxEntries} are asked for"
            : fits ? null
            : $"{wanted.Name}: an entry has a number that this version has no room for";
    }

    /// <summary>Puts a map of another size or layout in the place of a pinned one.</summary>
    /// <param name="unfinished">One that was begun before, to have the pinned one; this one goes on with it.</param>
    internal static MapReplacement Begin(BpfMap before, BpfMapSpec wanted, string pin, LoadedTypes types, MapTypesRead read, MapReplacement? unfinished)
    {
        File.Delete(pin + NextSuffix);
        unfinished?.CatchUp();
        BpfMap now = BpfMap.Create(wanted, types);
        try
        {
            var replacement = new MapReplacement(now, wanted, read.LayoutOf(wanted), pin);
            foreach ((BpfMap older, _) in unfinished?._before ?? [])
            {
                replacement.TakeFrom(older, read);
            }

            replacement.TakeFrom(before, read);
            if (wanted.Inner is { } inner)
            {
                InnerMaps.Copy(before, now, inner, types, read);
            }
            else
            {
                replacement.Copy(replacement._before.Count - 1, isFirst: true);
            }

            now.Pin(pin + NextSuffix);
            if (!File.Exists(pin + BeforeSuffix))
            {
                before.Pin(pin + BeforeSuffix);
            }

            File.Move(pin + NextSuffix, pin, overwrite: true);
            return replacement;
        }
        catch
        {
            now.Dispose();
            throw;
        }
    }

    /// <summary>One that an agent began and did not finish. Null: there is none.</summary>
    internal static MapReplacement? Find(BpfMap now, BpfMapSpec wanted, string pin, MapTypesRead read)
    {
        if (BpfMap.OpenPinned(pin + BeforeSuffix) is not { } before)
        {
            return null;
        }

        var replacement = new MapReplacement(now, wanted, read.LayoutOf(now), pin);
        replacement.TakeFrom(before, read);
        return replacement;
    }

    /// <summary>Takes over what programs wrote into the old map since.</summary>
    internal void CatchUp()
    {
        for (int i = 0; i < _before.Count && _writer == MapWriter.Programs; i++)
        {
            Copy(i, isFirst: false);
        }
    }

    /// <summary>Takes over the last: no program has the old map any more.</summary>
    internal void CatchUpLast()
    {
        CatchUp();
        for (int i = 0; i < _before.Count && _writer == MapWriter.Counters; i++)
        {
            Add(i);
        }
    }

    /// <summary>Lets go of the old map.</summary>
    internal void End()
    {
        File.Delete(_pin + BeforeSuffix);
        File.Delete(_pin + NextSuffix); // of one that ended before it was in place
    }

    public void Dispose() => _before.ForEach(before => before.Map.Dispose());

    private void TakeFrom(BpfMap before, MapTypesRead read) =>
        _before.Add((before, new MapConversion(before, read.LayoutOf(before), Now, read.LayoutOf(Now))));

    private void Copy(int from, bool isFirst)
    {
        if (_writer is MapWriter.Nobody or MapWriter.Counters)
        {
            return;
        }

        long room = _wanted.Type == BpfMapType.Hash ? Now.Spec.MaxEntries - CountOf(Now) : long.MaxValue;
        ulong now = Clock.MonotonicNs();
        byte[] known = new byte[Now.UserValueSize];
        ForEach(from, (key, value) =>
        {
            // What nobody wrote into an array is zero.
            bool isThere = !isFirst && Now.TryLookup(key, known) && (!IsArray || known.AsSpan().ContainsAnyExcept((byte)0));
            if (isThere ? IsRather(value, known) : room > 0 && IsWorthKeeping(key, value, now))
            {
                Now.Update(key, value);
                room -= isThere ? 0 : 1;
            }
        });
    }

    private void Add(int from)
    {
        byte[] sums = new byte[Now.UserValueSize];
        ForEach(from, (key, value) =>
        {
            if (!IsWorthKeeping(key, value, 0) || !Now.TryLookup(key, sums))
            {
                return;
            }

            Span<ulong> total = MemoryMarshal.Cast<byte, ulong>(sums.AsSpan());
            Span<ulong> more = MemoryMarshal.Cast<byte, ulong>(value.AsSpan());
            for (int i = 0; i < total.Length; i++)
            {
                total[i] += more[i];
            }

            Now.Update(key, sums);
        });
    }

    /// <summary>Hands on every entry of an old map in the new one's layout.</summary>
    private void ForEach(int from, Action<byte[], byte[]> handle)
    {
        (BpfMap before, MapConversion conversion) = _before[from];
        byte[] newKey = new byte[Now.Spec.KeySize];
        byte[] newValue = new byte[Now.UserValueSize];
        before.ForEachBatch((keys, values, count) =>
        {
            int keySize = keys.Length / count;
            int valueSize = values.Length / count;
            for (int i = 0; i < count; i++)
            {
                if (conversion.TryConvert(keys.Slice(i * keySize, keySize), values.Slice(i * valueSize, valueSize), newKey, newValue))
                {
                    handle(newKey, newValue);
                }
            }
        }, Batch);
    }

    private bool IsWorthKeeping(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, ulong nowNs) =>
        IsArray ? MemoryMarshal.Read<uint>(key) < Now.Spec.MaxEntries && value.ContainsAnyExcept((byte)0)
        : _clock is not { Path: "expires_ns" } || NumberIn(_clock, value) >= nowNs;

    /// <summary>The flow as old programs know it: who opened it, if new ones met a packet of its before its entry; or they saw more of it, or
    /// saw it last. Not by when it expires: that is sooner once it is answered. And what has neither count nor clock, or the same: of TCP
    /// only they wrote.</summary>
    private bool IsRather(ReadOnlySpan<byte> value, ReadOnlySpan<byte> known) => NumberIn(_created, value) is var created && NumberIn(_created, known) is var knownCreated
        && (created != knownCreated ? created < knownCreated
            : _packets is not null ? NumberIn(_packets, value) >= NumberIn(_packets, known)
            : NumberIn(_clock, value) >= NumberIn(_clock, known));

    private static ulong NumberIn(MapField? field, ReadOnlySpan<byte> value) => field is not { } place ? 0
        : place.Size == sizeof(ulong) ? BinaryPrimitives.ReadUInt64LittleEndian(value[place.Offset..])
        : BinaryPrimitives.ReadUInt32LittleEndian(value[place.Offset..]);

    private static long CountOf(BpfMap map)
    {
        long count = 0;
        map.ForEachBatch((_, _, found) => count += found, Batch);
        return count;
    }
}
