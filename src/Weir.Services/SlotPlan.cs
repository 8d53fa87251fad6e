// SPDX-License-Identifier: Apache-2.0
namespace Weir.Services;

/// <summary>
/// What a frontend's slots become when its table changes, so that no living flow changes its backend: the words
/// that bpf/lib/balance.h reads. While a slot has a previous backend, flows opened since are remembered one by
/// one, and all others belong to the previous one.
/// </summary>
public static class SlotPlan
{
    /// <summary>The slots of a frontend that is new: no flow was there before.</summary>
    public static (uint Backend, uint Previous)[] Begin(ReadOnlySpan<uint> table)
    {
        var slots = new (uint, uint)[table.Length];
        for (var i = 0; i < slots.Length; i++)
        {
            slots[i] = (table[i], 0);
        }

        return slots;
    }

    /// <summary>
    /// The slots by a new table. It may have more slots than there are now, a power of two times as many: then the
    /// result is for a run of its own, and each slot takes over from the one that its flows had.
    /// </summary>
    /// <param name="current">As the datapath has them.</param>
    /// <param name="table">The backend of each slot from now on.</param>
    /// <param name="gone">
    /// Backends that no longer exist; their flows are lost anyway. A number may be given to another backend when no
    /// slot names it.
    /// </param>
    /// <exception cref="ArgumentException">The table is smaller than it was, or no multiple.</exception>
    public static (uint Backend, uint Previous)[] Change(
        ReadOnlySpan<(uint Backend, uint Previous)> current, ReadOnlySpan<uint> table, IReadOnlySet<uint> gone)
    {
        ArgumentNullException.ThrowIfNull(gone);
        if (current.Length == 0 || table.Length < current.Length || table.Length % current.Length != 0)
        {
            throw new ArgumentException($"{current.Length} slots cannot become {table.Length}: living flows would lose theirs", nameof(table));
        }

        var slots = new (uint, uint)[table.Length];
        for (var i = 0; i < slots.Length; i++)
        {
            slots[i] = Next(current[i % current.Length], table[i], gone);
        }

        return slots;
    }

    /// <summary>The slots when no flow from before the change is left.</summary>
    public static (uint Backend, uint Previous)[] End(ReadOnlySpan<(uint Backend, uint Previous)> current)
    {
        var slots = current.ToArray();
        for (var i = 0; i < slots.Length; i++)
        {
            slots[i].Previous = 0;
        }

        return slots;
    }

    /// <summary>Whether flows of a slot are being remembered.</summary>
    public static bool IsUnderChange(ReadOnlySpan<(uint Backend, uint Previous)> slots)
    {
        foreach (var (_, previous) in slots)
        {
            if (previous != 0)
            {
                return true;
            }
        }

        return false;
    }

    private static (uint Backend, uint Previous) Next((uint Backend, uint Previous) slot, uint backend, IReadOnlySet<uint> gone)
    {
        if (slot.Previous == 0)
        {
            // A flow whose backend is gone needs no memory of it.
            var lives = slot.Backend != 0 && !gone.Contains(slot.Backend);
            return (backend, lives && backend != slot.Backend ? slot.Backend : 0);
        }

        // Other flows are remembered and must be found: the slot stays under change whoever "previous" is, also
        // when the old backend comes back. Whoever is not remembered was the gone one's: any backend will do.
        var replace = backend != 0 && gone.Contains(slot.Previous);
        return (backend, replace ? backend : slot.Previous);
    }
}
