// SPDX-License-Identifier: Apache-2.0

using System.Numerics;

namespace Weir.Datapath;

/// <summary>Which runs of weir_slot are taken. Runs are powers of two and begin at a multiple of their length; the first
/// that fits is given. A run that was given back serves again only when no program can be reading it.</summary>
/// <param name="capacity"><see cref="ServiceTable.MaxSlots"/>.</param>
/// <param name="graceNs">From giving back to serving again.</param>
public sealed class SlotAllocator(uint capacity, ulong graceNs = SlotAllocator.DefaultGraceNs)
{
    /// <summary>A second: programs that found the run before it was given back end within microseconds.</summary>
    public const ulong DefaultGraceNs = 1_000_000_000;

    private readonly SortedList<uint, Run> _runs = [];

    /// <summary>Slots that are taken, those in their grace included.</summary>
    public uint Used { get; private set; }

    /// <summary>Takes the first free run; false: none is long enough.</summary>
    /// <param name="nowNs">CLOCK_MONOTONIC.</param>
    public bool TryAllocate(uint count, ulong nowNs, out uint first)
    {
        CheckCount(count);
        Reclaim(nowNs);
        ulong at = 0;
        foreach ((uint start, Run run) in _runs)
        {
            if (Aligned(at, count) + count <= start)
            {
                break;
            }

            at = start + run.Count;
        }

        at = Aligned(at, count);
        first = (uint)at;
        return at + count <= capacity && TryTake(first, count);
    }

    /// <summary>Takes a run that is in use already, after a restart; false: it overlaps another or lies outside.</summary>
    public bool TryReserve(uint first, uint count)
    {
        CheckCount(count);
        return (ulong)first + count <= capacity && first % count == 0 && !Overlaps(first, count) && TryTake(first, count);
    }

    /// <summary>Gives a run back.</summary>
    /// <exception cref="ArgumentException">No run that is taken begins there.</exception>
    public void Free(uint first, ulong nowNs)
    {
        if (!_runs.TryGetValue(first, out Run run) || run.FreeAtNs is not null)
        {
            throw new ArgumentException($"no run of slots that is taken begins at {first}", nameof(first));
        }

        _runs[first] = run with { FreeAtNs = nowNs + graceNs };
    }

    private static ulong Aligned(ulong at, uint count) => (at + count - 1) & ~((ulong)count - 1);

    private static void CheckCount(uint count)
    {
        if (!BitOperations.IsPow2(count))
        {
            throw new ArgumentException($"a run has a power of two of slots, not {count}", nameof(count));
        }
    }

    private bool TryTake(uint first, uint count)
    {
        _runs.Add(first, new Run(count, null));
        Used += count;
        return true;
    }

    private bool Overlaps(uint first, uint count)
    {
        foreach ((uint start, Run run) in _runs)
        {
            if (start < (ulong)first + count && first < (ulong)start + run.Count)
            {
                return true;
            }
        }

        return false;
    }

    private void Reclaim(ulong nowNs)
    {
        for (int i = _runs.Count - 1; i >= 0; i--)
        {
            if (_runs.Values[i].FreeAtNs <= nowNs)
            {
                Used -= _runs.Values[i].Count;
                _runs.RemoveAt(i);
            }
        }
    }

    private readonly record struct Run(uint Count, ulong? FreeAtNs);
}
