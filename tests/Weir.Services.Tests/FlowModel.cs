// SPDX-License-Identifier: Apache-2.0
namespace Weir.Services.Tests;

/// <summary>bpf/lib/balance.h for one frontend without affinity, in the plainest form.</summary>
internal sealed class FlowModel
{
    private const int UdpSettlesSeconds = 30;

    /// <summary>weir_moved, by the flow's addresses and ports.</summary>
    public Dictionary<int, uint> Moved { get; } = [];

    public (uint Backend, uint Previous)[] Slots { get; set; } = [];

    /// <summary>Whether another flow may be remembered now.</summary>
    public Func<bool> MayRemember { get; set; } = () => true;

    public int Now { get; set; }

    public int ChangeStarted { get; set; }

    /// <summary>balance_choose. The tuple stands for the addresses and ports, of which the hash follows.</summary>
    public uint Choose(int tuple, bool isTcp, bool opens)
    {
        var (current, previous) = Slots[SlotOf(tuple)];
        if (previous == 0)
        {
            return current;
        }

        if (isTcp && opens)
        {
            if (current != previous && MayRemember())
            {
                Moved[tuple] = current;
                return current;
            }

            Moved.Remove(tuple);
            return previous;
        }

        if (Moved.TryGetValue(tuple, out var known))
        {
            return known;
        }

        if (!isTcp)
        {
            var chosen = Now - ChangeStarted > UdpSettlesSeconds ? current : previous;
            if (MayRemember())
            {
                Moved[tuple] = chosen;
            }

            return chosen;
        }

        return previous;
    }

    public int SlotOf(int tuple) => (int)((uint)tuple * 2654435769u >> 8) & (Slots.Length - 1);
}
