// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using System.Buffers.Binary;

namespace Weir.Http.Http2;

/// <summary>The head of a frame (RFC 9113 §4.1).</summary>
public readonly record struct Frame(int Length, FrameType Type, FrameFlags Flags, uint Stream)
{
    /// <summary>Bytes of a head.</summary>
    public const int HeadBytes = 9;

    /// <summary>Bytes of a payload that every peer takes.</summary>
    public const int LeastMaximum = 16384;

    /// <summary>"PRI * HTTP/2.0…": what a client sends before its first frame (§3.4).</summary>
    public static ReadOnlySpan<byte> Preface => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8;

    /// <param name="data">At least <see cref="HeadBytes"/> bytes.</param>
    public static Frame Read(ReadOnlySpan<byte> data) => new(
        (data[0] << 16) | (data[1] << 8) | data[2],
        (FrameType)data[3],
        (FrameFlags)data[4],
        BinaryPrimitives.ReadUInt32BigEndian(data[5..]) & 0x7FFF_FFFF);

    /// <summary>Bytes of a body that a DATA frame carries; padding that is longer than the frame leaves none.</summary>
    /// <param name="data">The frame's head and, if it is padded and not empty, one byte more.</param>
    public int BodyLength(ReadOnlySpan<byte> data) =>
        !Flags.HasFlag(FrameFlags.Padded) || Length == 0 ? Length : Math.Max(0, Length - 1 - data[HeadBytes]);

    /// <summary>Writes a frame.</summary>
    public static void Write(IBufferWriter<byte> output, FrameType type, FrameFlags flags, uint stream, ReadOnlySpan<byte> payload)
    {
        ArgumentNullException.ThrowIfNull(output);
        var frame = output.GetSpan(HeadBytes + payload.Length);
        frame[0] = (byte)(payload.Length >> 16);
        frame[1] = (byte)(payload.Length >> 8);
        frame[2] = (byte)payload.Length;
        frame[3] = (byte)type;
        frame[4] = (byte)flags;
        BinaryPrimitives.WriteUInt32BigEndian(frame[5..], stream);
        payload.CopyTo(frame[HeadBytes..]);
        output.Advance(HeadBytes + payload.Length);
    }

    /// <summary>Writes a frame whose payload is one number.</summary>
    public static void Write(IBufferWriter<byte> output, FrameType type, uint stream, uint value)
    {
        Span<byte> payload = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(payload, value);
        Write(output, type, FrameFlags.None, stream, payload);
    }

    /// <summary>A header block as HEADERS and as many CONTINUATIONs as it takes.</summary>
    public static void WriteHeaders(IBufferWriter<byte> output, uint stream, bool endStream, ReadOnlySpan<byte> block)
    {
        ArgumentNullException.ThrowIfNull(output);
        var type = FrameType.Headers;
        do
        {
            var part = block[..Math.Min(block.Length, LeastMaximum)];
            block = block[part.Length..];
            var flags = (block.IsEmpty ? FrameFlags.EndHeaders : 0) | (type == FrameType.Headers && endStream ? FrameFlags.EndStream : 0);
            Write(output, type, flags, stream, part);
            type = FrameType.Continuation;
        }
        while (!block.IsEmpty);
    }

    /// <summary>The payload without padding and priority. False: they are longer than it.</summary>
    public bool TryStrip(ref ReadOnlySpan<byte> payload)
    {
        var padding = 0;
        if (Flags.HasFlag(FrameFlags.Padded))
        {
            if (payload.IsEmpty)
            {
                return false;
            }

            padding = payload[0];
            payload = payload[1..];
        }

        var priority = Type == FrameType.Headers && Flags.HasFlag(FrameFlags.Priority) ? 5 : 0;
        if (payload.Length < padding + priority)
        {
            return false;
        }

        payload = payload[priority..^padding];
        return true;
    }
}
