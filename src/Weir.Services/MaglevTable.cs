// SPDX-License-Identifier: Apache-2.0
using System.Numerics;
using System.Text;

namespace Weir.Services;

/// <summary>
/// Which backend each slot has, after Maglev (Eisenbud et al., NSDI 2016, §3.4): every node that knows the same
/// backends makes the same table, and a backend more or less moves hardly more slots than its share. Tables
/// are powers of two, and skips odd: that is a permutation as with a prime, and choosing a slot is an AND.
/// </summary>
public static class MaglevTable
{
    public const int LeastSlots = 256;
    public const int MostSlots = 131072;

    private const int SlotsPerBackend = 128;
    private const int SlotsOfTheLightest = 16;

    /// <summary>
    /// How many slots these backends need: 128 each on average, 16 for the lightest. Never fewer than there are
    /// now, since living flows know their slots.
    /// </summary>
    public static int SizeFor(IReadOnlyCollection<MaglevBackend> backends, int current = 0)
    {
        ArgumentNullException.ThrowIfNull(backends);
        var count = 0;
        var sum = 0L;
        var least = int.MaxValue;
        foreach (var backend in backends)
        {
            if (backend.Weight > 0)
            {
                count++;
                sum += backend.Weight;
                least = Math.Min(least, backend.Weight);
            }
        }

        var wanted = Math.Max((long)SlotsPerBackend * count, SlotsOfTheLightest * sum / least);
        return Math.Max(current, (int)BitOperations.RoundUpToPowerOf2((uint)Math.Clamp(wanted, LeastSlots, MostSlots)));
    }

    /// <summary>The id of each slot's backend, whatever order they come in; 0 everywhere when none has a weight.</summary>
    /// <exception cref="ArgumentException">The size is no power of two, an id is 0, a weight negative or a key there twice.</exception>
    public static uint[] Build(IReadOnlyCollection<MaglevBackend> backends, int size)
    {
        ArgumentNullException.ThrowIfNull(backends);
        if (size is <= 0 or > MostSlots || !BitOperations.IsPow2(size))
        {
            throw new ArgumentException($"a table has a power of two of slots, at most {MostSlots}; not {size}", nameof(size));
        }

        var table = new uint[size];
        var turns = Turns(backends, size);
        if (turns.Length > 0)
        {
            Fill(table, turns);
        }

        return table;
    }

    /// <summary>
    /// Each backend in turn takes the next free slot of its own permutation. In a round the heaviest has a turn; one
    /// with a third of its weight has a turn in every third round.
    /// </summary>
    private static void Fill(uint[] table, Turn[] turns)
    {
        var mask = (uint)table.Length - 1;
        var heaviest = turns.Max(turn => turn.Weight);
        var free = table.Length;
        while (true)
        {
            foreach (ref var turn in turns.AsSpan())
            {
                turn.Credit += turn.Weight;
                if (turn.Credit < heaviest)
                {
                    continue;
                }

                turn.Credit -= heaviest;
                while (table[turn.Slot] != 0)
                {
                    turn.Slot = (turn.Slot + turn.Skip) & mask;
                }

                table[turn.Slot] = turn.Id;
                if (--free == 0)
                {
                    return;
                }
            }
        }
    }

    private static Turn[] Turns(IReadOnlyCollection<MaglevBackend> backends, int size)
    {
        var ordered = backends.OrderBy(backend => backend.Key, StringComparer.Ordinal).ToArray();
        for (var i = 0; i < ordered.Length; i++)
        {
            if (ordered[i].Id == 0 || ordered[i].Weight < 0 || (i > 0 && ordered[i].Key == ordered[i - 1].Key))
            {
                throw new ArgumentException($"backend {ordered[i].Key} (id {ordered[i].Id}, weight {ordered[i].Weight}) is there twice, or has no id, or a negative weight", nameof(backends));
            }
        }

        var heaviest = ordered.Length == 0 ? 0 : ordered.Max(backend => backend.Weight);
        return [.. ordered.Where(backend => backend.Weight > 0).Select(backend => TurnOf(backend, heaviest, (uint)size - 1))];
    }

    private static Turn TurnOf(MaglevBackend backend, int heaviest, uint mask)
    {
        var hash = Hash(backend.Key);
        return new Turn
        {
            Id = backend.Id,
            Weight = backend.Weight,
            // Half a turn in advance: shares are rounded, not cut.
            Credit = backend.Weight == heaviest ? 0 : heaviest / 2,
            Slot = (uint)Mix(hash) & mask,
            Skip = ((uint)Mix(hash + SecondHash) & mask) | 1,
        };
    }

    private const ulong SecondHash = 0x9e3779b97f4a7c15;

    /// <summary>FNV-1a, 64 bits.</summary>
    private static ulong Hash(string key)
    {
        var hash = 0xcbf29ce484222325;
        foreach (var b in Encoding.UTF8.GetBytes(key))
        {
            hash = (hash ^ b) * 0x100000001b3;
        }

        return hash;
    }

    /// <summary>The finaliser of splitmix64, as in bpf/lib/balance.h.</summary>
    private static ulong Mix(ulong x)
    {
        x ^= x >> 30;
        x *= 0xbf58476d1ce4e5b9;
        x ^= x >> 27;
        x *= 0x94d049bb133111eb;
        return x ^ (x >> 31);
    }

    private struct Turn
    {
        public uint Id;
        public uint Slot;
        public uint Skip;
        public int Weight;
        public int Credit;
    }
}
