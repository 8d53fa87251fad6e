// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Linux;

namespace Weir.Datapath;

/// <summary>A pinned map that is to have another size: made anew beside the old one, filled from it, and put in its place in one
/// step. Programs that are attached have the old one until they are attached anew; until then its pin stays beside,
/// so that a start after a crash in between knows. What they write meanwhile is taken over in the end.</summary>
internal sealed class MapReplacement : IDisposable
{
    private const string BeforeSuffix = "_before";
    private const string NextSuffix = "_next";
    private const int Batch = 4096;

    private readonly BpfMap _before;
    private readonly BpfMap _now;
    private readonly string _pin;

    private MapReplacement(BpfMap before, BpfMap now, string pin)
    {
        _before = before;
        _now = now;
        _pin = pin;
    }

    /// <summary>Whether all that is in a map fits one of another size.</summary>
    /// <returns>What does not; null: it fits.</returns>
    internal static string? WhyNot(BpfMap before, BpfMapSpec wanted)
    {
        if (wanted.MaxEntries >= before.Spec.MaxEntries || IsForgetful(wanted))
        {
            return null;
        }

        long used = 0;
        before.ForEachBatch((keys, values, count) =>
        {
            int size = values.Length / Math.Max(count, 1);
            for (int i = 0; i < count; i++)
            {
                // An array's entries are all there; what was never written is zero.
                used = !IsArray(wanted) ? used + 1
                    : values.Slice(i * size, size).ContainsAnyExcept((byte)0) ? Math.Max(used, MemoryMarshal.Read<uint>(keys[(i * 4)..]) + 1L)
                    : used;
            }
        }, Batch);
        return used <= wanted.MaxEntries ? null : $"{wanted.Name}: {used} entries of {before.Spec.MaxEntries} are in use, and {wanted.MaxEntries} are asked for";
    }

    /// <summary>Puts a map of another size in the place of a pinned one.</summary>
    internal static MapReplacement Begin(BpfMap before, BpfMapSpec wanted, string pin)
    {
        File.Delete(pin + NextSuffix);
        BpfMap now = BpfMap.Create(wanted);
        try
        {
            var replacement = new MapReplacement(before, now, pin);
            replacement.Copy(isFirst: true);
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
    internal static MapReplacement? Find(BpfMap now, string pin) =>
        BpfMap.OpenPinned(pin + BeforeSuffix) is { } before ? new MapReplacement(before, now, pin) : null;

    /// <summary>The map that is in place.</summary>
    internal BpfMap Now => _now;

    /// <summary>Takes over what programs wrote into the old map since.</summary>
    internal void CatchUp() => Copy(isFirst: false);

    /// <summary>All programs have the new map: takes over the last of the old one, and lets go of that.</summary>
    internal void End()
    {
        CatchUp();
        File.Delete(_pin + BeforeSuffix);
        File.Delete(_pin + NextSuffix); // of one that ended before it was in place
    }

    public void Dispose() => _before.Dispose();

    /// <summary>Flows and the like, which programs write and of which some may be lost.</summary>
    private static bool IsForgetful(BpfMapSpec spec) => spec.Type is BpfMapType.LruHash or BpfMapType.RingBuffer || spec.Name == MapNames.Ct;

    private static bool IsArray(BpfMapSpec spec) => spec.Type is BpfMapType.Array or BpfMapType.PerCpuArray;

    private void Copy(bool isFirst)
    {
        if (_now.Spec.Type == BpfMapType.RingBuffer || (!isFirst && !IsForgetful(_now.Spec)))
        {
            return; // what the agent alone writes, it has written since
        }

        int keySize = (int)_now.Spec.KeySize;
        int valueSize = _now.UserValueSize;
        long room = _now.Spec.Type == BpfMapType.Hash ? _now.Spec.MaxEntries - CountOf(_now) : long.MaxValue;
        ulong now = Clock.MonotonicNs();
        byte[] known = new byte[valueSize];
        _before.ForEachBatch((keys, values, count) =>
        {
            for (int i = 0; i < count; i++)
            {
                ReadOnlySpan<byte> key = keys.Slice(i * keySize, keySize);
                ReadOnlySpan<byte> value = values.Slice(i * valueSize, valueSize);
                bool isThere = !isFirst && _now.TryLookup(key, known);
                if (isThere ? IsNewer(value, known) : room > 0 && IsWorthKeeping(key, value, now))
                {
                    _now.Update(key, value);
                    room -= isThere ? 0 : 1;
                }
            }
        }, Batch);
    }

    private bool IsWorthKeeping(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, ulong nowNs) =>
        IsArray(_now.Spec) ? MemoryMarshal.Read<uint>(key) < _now.Spec.MaxEntries && value.ContainsAnyExcept((byte)0)
        : _now.Name != MapNames.Ct || MemoryMarshal.Read<CtEntry>(value).ExpiresNs >= nowNs;

    /// <summary>A flow that old programs saw last.</summary>
    private bool IsNewer(ReadOnlySpan<byte> value, ReadOnlySpan<byte> known) => _now.Name == MapNames.Ct
        && MemoryMarshal.Read<CtEntry>(value).ExpiresNs > MemoryMarshal.Read<CtEntry>(known).ExpiresNs;

    private static long CountOf(BpfMap map)
    {
        long count = 0;
        map.ForEachBatch((_, _, found) => count += found, Batch);
        return count;
    }
}
