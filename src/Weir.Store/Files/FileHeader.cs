// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;

namespace Weir.Store.Files;

/// <summary>The first bytes of a file: what it is (8), the format's version (4), generation (8), the number of the last record
/// before this file (8), CRC32C of all this (4). Kind and version stay where they are in every version to come.</summary>
internal readonly record struct FileHeader(long Generation, long LastNumber)
{
    internal const int Size = 32;
    internal const int Version = 1;

    private static ReadOnlySpan<byte> SnapshotKind => "weirsnap"u8;

    private static ReadOnlySpan<byte> JournalKind => "weirjrnl"u8;

    internal byte[] Encode(bool isSnapshot)
    {
        byte[] bytes = new byte[Size];
        Kind(isSnapshot).CopyTo(bytes);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(8), Version);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(12), Generation);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(20), LastNumber);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(28), Crc32C.Of(bytes.AsSpan(0, 28)));
        return bytes;
    }

    /// <summary>Null and what is wrong, or the header and "".</summary>
    internal static FileHeader? Read(ReadOnlySpan<byte> bytes, bool isSnapshot, out string problem)
    {
        problem = "";
        if (bytes.Length < 12 || !bytes.StartsWith(Kind(isSnapshot)))
        {
            problem = $"this is no {(isSnapshot ? "snapshot" : "journal")} of weir's";
            return null;
        }

        int version = BinaryPrimitives.ReadInt32LittleEndian(bytes[8..]);
        if (version > Version)
        {
            problem = $"a newer weir wrote this (format {version}; this one reads format {Version}): start that version again";
            return null;
        }

        if (bytes.Length < Size || Crc32C.Of(bytes[..28]) != BinaryPrimitives.ReadUInt32LittleEndian(bytes[28..]))
        {
            problem = "the file's header is damaged";
            return null;
        }

        return new FileHeader(BinaryPrimitives.ReadInt64LittleEndian(bytes[12..]), BinaryPrimitives.ReadInt64LittleEndian(bytes[20..]));
    }

    private static ReadOnlySpan<byte> Kind(bool isSnapshot) => isSnapshot ? SnapshotKind : JournalKind;
}
