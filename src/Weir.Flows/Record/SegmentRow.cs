// SPDX-License-Identifier: Apache-2.0

using System.Buffers;
using System.Numerics;
using Google.Protobuf.Collections;
using Google.Protobuf.WellKnownTypes;
using Weir.Api;

namespace Weir.Flows;

/// <summary>What tells one recorded flow from another of its shape: when, how often, how much. First which of it there is, then that.</summary>
internal static class SegmentRow
{
    private const int MostBuckets = 64;

    /// <summary>What is most common first, so that it needs one byte.</summary>
    [Flags]
    private enum Has
    {
        Last = 1, // another than the first
        Count = 2, // other than 1
        Bytes = 4,
        Handshakes = 8,
        RoundTrips = 16,
        Segments = 32,
        Latencies = 64,
        Retransmits = 128,
        Resets = 256,
        Failed = 512,
        NoLast = 1024,
        Numbers = Count | Bytes | Segments | Retransmits | Resets | Failed,
        Sketches = Handshakes | RoundTrips | Latencies,
    }

    /// <param name="before">When the one before it of its shape was, in ticks of Unix time.</param>
    /// <returns>When this one was.</returns>
    internal static long Write(ArrayBufferWriter<byte> to, RecordedFlow flow, Timestamp time, long before)
    {
        long at = TicksOf(time);
        long last = flow.Last is null ? at : TicksOf(flow.Last);
        Has has = If(last != at, Has.Last) | If(flow.Count != 1, Has.Count) | If(flow.Bytes != 0, Has.Bytes) | If(flow.Handshakes.Count != 0, Has.Handshakes)
            | If(flow.RoundTrips.Count != 0, Has.RoundTrips) | If(flow.Segments != 0, Has.Segments) | If(flow.Latencies.Count != 0, Has.Latencies)
            | If(flow.Retransmits != 0, Has.Retransmits) | If(flow.Resets != 0, Has.Resets) | If(flow.Failed != 0, Has.Failed) | If(flow.Last is null, Has.NoLast);
        Varint.Write(to, (ulong)has);
        Varint.WriteSigned(to, at - before);
        if ((has & Has.Last) != 0)
        {
            Varint.WriteSigned(to, last - at);
        }

        WriteNumber(to, flow.Count, unless: 1);
        WriteNumber(to, flow.Bytes);
        WriteNumber(to, flow.Segments);
        WriteNumber(to, flow.Retransmits);
        WriteNumber(to, flow.Resets);
        WriteNumber(to, flow.Failed);
        WriteSketch(to, flow.Handshakes);
        WriteSketch(to, flow.RoundTrips);
        WriteSketch(to, flow.Latencies);
        return at;
    }

    /// <summary>Reads no more of it than when it was; the next is what follows.</summary>
    /// <param name="before">When the one before it of its shape was.</param>
    /// <exception cref="InvalidDataException">It is none.</exception>
    internal static (long First, long Last) Pass(ref VarintReader from, long before)
    {
        var has = (Has)from.Read();
        long first = before + from.ReadSigned();
        long last = (has & Has.Last) != 0 ? first + from.ReadSigned() : first;
        for (int numbers = BitOperations.PopCount((uint)(has & Has.Numbers)); numbers > 0; numbers--)
        {
            from.Read();
        }

        for (int sketches = BitOperations.PopCount((uint)(has & Has.Sketches)); sketches > 0; sketches--)
        {
            from.ReadUpTo(MostBuckets);
            for (int buckets = from.ReadUpTo(MostBuckets); buckets > 0; buckets--)
            {
                from.Read();
            }
        }

        return (first, last);
    }

    /// <param name="ticks">When it was, as <see cref="Pass"/> told.</param>
    /// <returns>All but its <see cref="RecordedFlow.Flow"/>; and when that was.</returns>
    internal static (RecordedFlow Recorded, Timestamp Time) Read(ReadOnlySpan<byte> bytes, long ticks)
    {
        var from = new VarintReader(bytes);
        var has = (Has)from.Read();
        from.ReadSigned();
        long last = (has & Has.Last) != 0 ? ticks + from.ReadSigned() : ticks;
        var recorded = new RecordedFlow
        {
            Last = (has & Has.NoLast) != 0 ? null : At(last),
            Count = (has & Has.Count) != 0 ? from.Read() : 1,
            Bytes = (has & Has.Bytes) != 0 ? from.Read() : 0,
            Segments = (has & Has.Segments) != 0 ? from.Read() : 0,
            Retransmits = (has & Has.Retransmits) != 0 ? from.Read() : 0,
            Resets = (has & Has.Resets) != 0 ? from.Read() : 0,
            Failed = (has & Has.Failed) != 0 ? from.Read() : 0,
        };
        ReadSketch(ref from, (has & Has.Handshakes) != 0, recorded.Handshakes);
        ReadSketch(ref from, (has & Has.RoundTrips) != 0, recorded.RoundTrips);
        ReadSketch(ref from, (has & Has.Latencies) != 0, recorded.Latencies);
        return (recorded, At(ticks));
    }

    internal static long TicksOf(Timestamp time) => (time.Seconds * TimeSpan.TicksPerSecond) + (time.Nanos / TimeSpan.NanosecondsPerTick);

    private static Timestamp At(long ticks)
    {
        long seconds = Math.DivRem(ticks, TimeSpan.TicksPerSecond, out long rest);
        return new Timestamp { Seconds = seconds, Nanos = (int)(rest * TimeSpan.NanosecondsPerTick) };
    }

    private static Has If(bool isThere, Has has) => isThere ? has : 0;

    private static void WriteNumber(ArrayBufferWriter<byte> to, ulong number, ulong unless = 0)
    {
        if (number != unless)
        {
            Varint.Write(to, number);
        }
    }

    /// <summary>Of a few alike most buckets are empty: those before the first that is not are a number.</summary>
    private static void WriteSketch(ArrayBufferWriter<byte> to, RepeatedField<uint> sketch)
    {
        if (sketch.Count == 0)
        {
            return;
        }

        int empty = 0;
        for (; empty < sketch.Count && sketch[empty] == 0; empty++)
        {
        }

        Varint.Write(to, (ulong)empty);
        Varint.Write(to, (ulong)(sketch.Count - empty));
        for (int i = empty; i < sketch.Count; i++)
        {
            Varint.Write(to, sketch[i]);
        }
    }

    private static void ReadSketch(ref VarintReader from, bool isThere, RepeatedField<uint> sketch)
    {
        if (!isThere)
        {
            return;
        }

        int empty = from.ReadUpTo(MostBuckets), more = from.ReadUpTo(MostBuckets);
        sketch.Capacity = empty + more;
        for (int i = 0; i < empty; i++)
        {
            sketch.Add(0);
        }

        for (int i = 0; i < more; i++)
        {
            sketch.Add((uint)from.Read());
        }
    }
}
