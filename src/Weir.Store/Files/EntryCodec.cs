// SPDX-License-Identifier: Apache-2.0

using Weir.Store.Memory;

namespace Weir.Store.Files;

/// <summary>A step of the store's history as a journal's payload: revision after it, lease granted and its time, lease
/// revoked, puts, deletes. Numbers are of variable length, text is UTF-8 after its length.</summary>
internal static class EntryCodec
{
    internal static byte[] Encode(Entry entry, long revision)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write7BitEncodedInt64(revision);
        writer.Write7BitEncodedInt64(entry.Granted);
        writer.Write7BitEncodedInt64(entry.TimeToLive.Ticks);
        writer.Write7BitEncodedInt64(entry.Revoked);
        writer.Write7BitEncodedInt(entry.Puts.Count);
        foreach (Put put in entry.Puts)
        {
            writer.Write(put.Key);
            writer.Write7BitEncodedInt64(put.Lease);
            WriteValue(writer, put.Value);
        }

        writer.Write7BitEncodedInt(entry.Deletes.Count);
        foreach (string key in entry.Deletes)
        {
            writer.Write(key);
        }

        writer.Flush();
        return stream.ToArray();
    }

    /// <exception cref="FormatException">Or <see cref="EndOfStreamException"/>: it is none.</exception>
    internal static Entry Decode(ReadOnlyMemory<byte> payload, out long revision)
    {
        using var reader = new BinaryReader(new MemoryStream(payload.ToArray(), writable: false));
        revision = reader.Read7BitEncodedInt64();
        long granted = reader.Read7BitEncodedInt64();
        long timeToLive = reader.Read7BitEncodedInt64();
        long revoked = reader.Read7BitEncodedInt64();
        List<Put> puts = [];
        for (int left = reader.Read7BitEncodedInt(); left > 0; left--)
        {
            string key = reader.ReadString();
            long lease = reader.Read7BitEncodedInt64();
            puts.Add(new Put(key, ReadValue(reader), lease));
        }

        List<string> deletes = [];
        for (int left = reader.Read7BitEncodedInt(); left > 0; left--)
        {
            deletes.Add(reader.ReadString());
        }

        return new Entry(puts, deletes) { Granted = granted, TimeToLive = TimeSpan.FromTicks(timeToLive), Revoked = revoked };
    }

    internal static void WriteValue(BinaryWriter writer, ReadOnlyMemory<byte> value)
    {
        writer.Write7BitEncodedInt(value.Length);
        writer.Write(value.Span);
    }

    internal static byte[] ReadValue(BinaryReader reader)
    {
        int length = reader.Read7BitEncodedInt();
        byte[] value = reader.ReadBytes(length);
        return value.Length == length ? value : throw new EndOfStreamException();
    }
}
