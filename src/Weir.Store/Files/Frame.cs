// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;

namespace Weir.Store.Files;

/// <summary>
/// What makes a record in a file one that can be trusted, all little-endian: length of the payload (4 bytes), its CRC32C
/// (4), the record's number (8), CRC32C of these sixteen (4), payload. The numbers follow one another, also from a snapshot
/// to its journal. The length has a checksum of its own: a bad payload does not hide what follows.
/// </summary>
internal static class Frame
{
    internal const int HeaderSize = 20;
    internal const int MaxPayload = 256 << 20;
    private const int Sector = 512;

    internal static byte[] Encode(long number, ReadOnlySpan<byte> payload)
    {
        byte[] frame = new byte[HeaderSize + payload.Length];
        BinaryPrimitives.WriteInt32LittleEndian(frame, payload.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(4), Crc32C.Of(payload));
        BinaryPrimitives.WriteInt64LittleEndian(frame.AsSpan(8), number);
        BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(16), Crc32C.Of(frame.AsSpan(0, 16)));
        payload.CopyTo(frame.AsSpan(HeaderSize));
        return frame;
    }

    /// <summary>The payload of the record that begins here, if it is whole and has this number.</summary>
    internal static bool TryRead(ReadOnlyMemory<byte> bytes, long number, out ReadOnlyMemory<byte> payload)
    {
        payload = default;
        if (!TryReadHeader(bytes.Span, out int length, out long found) || found != number || length > bytes.Length - HeaderSize)
        {
            return false;
        }

        payload = bytes.Slice(HeaderSize, length);
        return Crc32C.Of(payload.Span) == BinaryPrimitives.ReadUInt32LittleEndian(bytes.Span[4..]);
    }

    /// <summary>
    /// Whether the end of a file is what a crash leaves of one record that was being appended: it is too short, or a sector
    /// of it was never written. Everything else that cannot be read was whole once, and must not be thrown away.
    /// </summary>
    /// <param name="offset">Of the record in the file: a disk writes sectors whole.</param>
    internal static bool IsTorn(ReadOnlySpan<byte> bytes, long offset)
    {
        bool isShort = bytes.Length < HeaderSize || (TryReadHeader(bytes, out int length, out _) && length > bytes.Length - HeaderSize);
        return isShort || HasUnwrittenSector(bytes, offset);
    }

    /// <summary>Whether a later record is whole: then what is before it was not the last that was written.</summary>
    internal static bool AnyFollows(ReadOnlySpan<byte> bytes, long number)
    {
        for (int start = 1; start + HeaderSize <= bytes.Length; start++)
        {
            ReadOnlySpan<byte> rest = bytes[start..];
            if (TryReadHeader(rest, out int length, out long found) && found > number && length <= rest.Length - HeaderSize
                && Crc32C.Of(rest.Slice(HeaderSize, length)) == BinaryPrimitives.ReadUInt32LittleEndian(rest[4..]))
            {
                return true;
            }
        }

        return false;
    }

    private static bool HasUnwrittenSector(ReadOnlySpan<byte> bytes, long offset)
    {
        for (int start = 0; start < bytes.Length;)
        {
            int end = (int)Math.Min(bytes.Length, start + Sector - ((offset + start) % Sector));
            if (!bytes[start..end].ContainsAnyExcept((byte)0))
            {
                return true;
            }

            start = end;
        }

        return false;
    }

    private static bool TryReadHeader(ReadOnlySpan<byte> bytes, out int length, out long number)
    {
        length = 0;
        number = 0;
        if (bytes.Length < HeaderSize || Crc32C.Of(bytes[..16]) != BinaryPrimitives.ReadUInt32LittleEndian(bytes[16..]))
        {
            return false;
        }

        length = BinaryPrimitives.ReadInt32LittleEndian(bytes);
        number = BinaryPrimitives.ReadInt64LittleEndian(bytes[8..]);
        return length is >= 0 and <= MaxPayload;
    }
}
