// SPDX-License-Identifier: Apache-2.0

using System.Buffers;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Weir.Api;

namespace Weir.Flows;

/// <summary>Makes a segment of blocks: what they say again and again is there once, and what a question needs is found by looking at few
/// bytes. First the ends, and the kinds (flows without time and ends), each once; then the shapes, which are two ends and a kind; then of
/// each shape its rows. It says all that the blocks did.</summary>
internal sealed class SegmentWriter
{
    private readonly Dictionary<FlowEnd, int> _ends = [];
    private readonly Dictionary<Flow, int> _kinds = [];
    private readonly Dictionary<SegmentShape, int> _numbers = [];
    private readonly List<Sum> _shapes = [];
    private readonly ArrayBufferWriter<byte> _rows = new();
    private readonly List<(int Shape, int Length)> _order = []; // of the rows as they came
    private readonly ArrayBufferWriter<byte> _lost = new();
    private long _from = long.MaxValue;
    private long _until;

    internal bool IsEmpty => _from == long.MaxValue;

    /// <summary>Takes a block in, and its flows apart.</summary>
    internal void Add(RecordBlock block, DateTimeOffset from, DateTimeOffset until)
    {
        long first = from.ToUnixTimeMilliseconds(), last = until.ToUnixTimeMilliseconds();
        _from = Math.Min(_from, first);
        _until = Math.Max(_until, last);
        if (block.Lost > 0)
        {
            Varint.WriteSigned(_lost, first);
            Varint.WriteSigned(_lost, last);
            Varint.Write(_lost, block.Lost);
        }

        foreach (RecordedFlow recorded in block.Flows)
        {
            Add(recorded);
        }
    }

    internal void WriteTo(Stream to)
    {
        to.Write(SegmentSections.Format);
        SegmentSections.Write(to, Times());
        SegmentSections.WritePacked(to, Texts(_ends.Keys));
        SegmentSections.WritePacked(to, Texts(_kinds.Keys));
        SegmentSections.Write(to, Shapes());
        SegmentSections.Write(to, RowsByShape());
    }

    private void Add(RecordedFlow recorded)
    {
        Flow kind = recorded.Flow ?? new Flow();
        Timestamp time = kind.Time ?? new Timestamp();
        int source = NumberOf(kind.Source), destination = NumberOf(kind.Destination);
        kind.Time = null;
        kind.Source = null;
        kind.Destination = null;
        if (!_kinds.TryGetValue(kind, out int number))
        {
            _kinds.Add(kind, number = _kinds.Count);
        }

        int shape = NumberOf(new SegmentShape(source, destination, number));
        int before = _rows.WrittenCount;
        ref Sum sum = ref CollectionsMarshal.AsSpan(_shapes)[shape];
        sum.Last = SegmentRow.Write(_rows, recorded, time, sum.Last);
        int length = _rows.WrittenCount - before;
        sum.Length += length;
        _order.Add((shape, length));
    }

    /// <summary>0: it is none.</summary>
    private int NumberOf(FlowEnd? end)
    {
        if (end is null)
        {
            return 0;
        }

        if (!_ends.TryGetValue(end, out int number))
        {
            _ends.Add(end, number = _ends.Count + 1);
        }

        return number;
    }

    private int NumberOf(SegmentShape shape)
    {
        if (!_numbers.TryGetValue(shape, out int number))
        {
            _numbers.Add(shape, number = _shapes.Count);
            _shapes.Add(new Sum { Shape = shape });
        }

        return number;
    }

    private ReadOnlySpan<byte> Times()
    {
        var bytes = new ArrayBufferWriter<byte>();
        Varint.WriteSigned(bytes, _from);
        Varint.WriteSigned(bytes, _until);
        bytes.Write(_lost.WrittenSpan);
        return bytes.WrittenSpan;
    }

    private static ReadOnlySpan<byte> Texts(IEnumerable<IMessage> messages)
    {
        var bytes = new ArrayBufferWriter<byte>();
        foreach (IMessage message in messages)
        {
            Varint.Write(bytes, (ulong)message.CalculateSize());
            message.WriteTo(bytes);
        }

        return bytes.WrittenSpan;
    }

    private ReadOnlySpan<byte> Shapes()
    {
        var bytes = new ArrayBufferWriter<byte>();
        foreach (Sum sum in _shapes)
        {
            Varint.Write(bytes, (ulong)sum.Shape.Source);
            Varint.Write(bytes, (ulong)sum.Shape.Destination);
            Varint.Write(bytes, (ulong)sum.Shape.Kind);
            Varint.Write(bytes, (ulong)sum.Length);
        }

        return bytes.WrittenSpan;
    }

    private byte[] RowsByShape()
    {
        int[] places = new int[_shapes.Count];
        for (int i = 1; i < places.Length; i++)
        {
            places[i] = places[i - 1] + _shapes[i - 1].Length;
        }

        byte[] sorted = new byte[_rows.WrittenCount];
        ReadOnlySpan<byte> rows = _rows.WrittenSpan;
        foreach (var (shape, length) in _order)
        {
            rows[..length].CopyTo(sorted.AsSpan(places[shape]));
            rows = rows[length..];
            places[shape] += length;
        }

        return sorted;
    }

    private struct Sum
    {
        internal SegmentShape Shape;

        /// <summary>Bytes of its rows.</summary>
        internal int Length;

        /// <summary>When the last of them was, in ticks.</summary>
        internal long Last;
    }
}

/// <summary>What flows of a segment have in common: the numbers of their ends, from 1, or 0 where there is none, and that of their kind, from 0.</summary>
internal readonly record struct SegmentShape(int Source, int Destination, int Kind);
