// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.IO.Compression;
using System.Numerics;

namespace Weir.Flows;

/// <summary>The parts of a segment's file, one after another: length and CRC-32C in little endian, then the bytes. Whoever sees by one that
/// nothing here concerns him leaves out the rest.</summary>
internal static class SegmentSections
{
    internal const int Most = 64 * 1024 * 1024;
    private const int HeadBytes = 2 * sizeof(uint);

    internal static ReadOnlySpan<byte> Format => "weirseg1"u8;

    internal static void Write(Stream to, ReadOnlySpan<byte> bytes)
    {
        Span<byte> head = stackalloc byte[HeadBytes];
        BinaryPrimitives.WriteInt32LittleEndian(head, bytes.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(head[sizeof(int)..], SumOf(bytes));
        to.Write(head);
        to.Write(bytes);
    }

    internal static void WritePacked(Stream to, ReadOnlySpan<byte> bytes)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Optimal, leaveOpen: true))
        {
            gzip.Write(bytes);
        }

        Write(to, packed.GetBuffer().AsSpan(0, (int)packed.Length));
    }

    /// <exception cref="InvalidDataException">It is not what was written.</exception>
    internal static byte[] Read(Stream from)
    {
        Span<byte> head = stackalloc byte[HeadBytes];
        if (from.ReadAtLeast(head, HeadBytes, throwOnEndOfStream: false) < HeadBytes
            || BinaryPrimitives.ReadInt32LittleEndian(head) is var length && (length is < 0 or > Most || length > from.Length - from.Position))
        {
            throw new InvalidDataException("it ends too early");
        }

        byte[] bytes = GC.AllocateUninitializedArray<byte>(length);
        from.ReadExactly(bytes);
        return SumOf(bytes) == BinaryPrimitives.ReadUInt32LittleEndian(head[sizeof(int)..]) ? bytes : throw new InvalidDataException("its checksum is another");
    }

    /// <exception cref="InvalidDataException">It is not what was written.</exception>
    internal static byte[] ReadPacked(Stream from)
    {
        using var gzip = new GZipStream(new MemoryStream(Read(from)), CompressionMode.Decompress);
        using var bytes = new MemoryStream();
        gzip.CopyTo(bytes);
        return bytes.ToArray();
    }

    private static uint SumOf(ReadOnlySpan<byte> bytes)
    {
        uint sum = uint.MaxValue;
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
        {
            sum = BitOperations.Crc32C(sum, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        }

        foreach (byte one in bytes)
        {
            sum = BitOperations.Crc32C(sum, one);
        }

        return ~sum;
    }
}
