// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using Weir.Bpf.Btf;
using Weir.Datapath.Abi;

namespace Weir.Datapath;

/// <summary>One TCP connection in an old map and in the one that takes its place: its programs' places are taken between two
/// packets of it, so that each of the two entries may know of packets that the other does not. What both know together is what was seen: with
/// one of them alone, an end's packets would be refused for acknowledging what the entry has not seen sent, and the other end, which was
/// told that it arrived, would not send it again.</summary>
internal sealed class FlowUnion
{
    private readonly MapField _flags;
    private readonly MapField _packets;
    private readonly MapField[] _opener;
    private readonly MapField[] _answerer;

    private FlowUnion(MapField flags, MapField packets, MapField[] opener, MapField[] answerer) =>
        (_flags, _packets, _opener, _answerer) = (flags, packets, opener, answerer);

    /// <summary>Null: values of that layout are no flows.</summary>
    internal static FlowUnion? Of(TypeLayout? value) =>
        value?.Find("flags") is { Size: sizeof(uint) } flags && value.Find("packets") is { Size: sizeof(uint) } packets && Numbers(value, "opener") is { } opener && Numbers(value, "answerer") is { } answerer
            ? new FlowUnion(flags, packets, opener, answerer)
            : null;

    /// <summary>Makes the old map's entry what both know, both in the layout of now.</summary>
    /// <returns>Whether that is more than the entry of now knows.</returns>
    internal bool Join(Span<byte> before, ReadOnlySpan<byte> now)
    {
        CtFlag old = (CtFlag)NumberIn(_flags, before), known = (CtFlag)NumberIn(_flags, now);
        Span<uint> numbers = stackalloc uint[_opener.Length + _answerer.Length];
        for (int i = 0; i < _opener.Length; i++)
        {
            numbers[i] = Later(NumberIn(_opener[i], before), NumberIn(_opener[i], now));
        }

        for (int i = 0; i < _answerer.Length; i++)
        {
            uint was = NumberIn(_answerer[i], before), isNow = NumberIn(_answerer[i], now);
            numbers[_opener.Length + i] = !known.HasFlag(CtFlag.Numbers) ? was : !old.HasFlag(CtFlag.Numbers) ? isNow : Later(was, isNow);
        }

        // What is neither number nor flag is of the entry that saw more.
        if (NumberIn(_packets, before) < NumberIn(_packets, now))
        {
            now.CopyTo(before);
        }

        Put(_flags, before, (uint)(old | known));
        for (int i = 0; i < numbers.Length; i++)
        {
            Put(i < _opener.Length ? _opener[i] : _answerer[i - _opener.Length], before, numbers[i]);
        }

        return !now.SequenceEqual(before);
    }

    private static MapField[]? Numbers(TypeLayout value, string end) =>
        value.Find(end + ".una") is { Size: sizeof(uint) } una && value.Find(end + ".nxt") is { Size: sizeof(uint) } nxt ? [una, nxt] : null;

    /// <summary>Of two numbers of one connection, which begin anew after the last (RFC 9293 §3.4).</summary>
    private static uint Later(uint a, uint b) => (int)(a - b) > 0 ? a : b;

    private static uint NumberIn(MapField field, ReadOnlySpan<byte> value) => BinaryPrimitives.ReadUInt32LittleEndian(value[field.Offset..]);

    private static void Put(MapField field, Span<byte> value, uint number) => BinaryPrimitives.WriteUInt32LittleEndian(value[field.Offset..], number);
}
