// SPDX-License-Identifier: Apache-2.0

using System.Collections.Immutable;
using Weir.Store.Memory;

namespace Weir.Store.Files;

/// <summary>A whole state as a file: header, a record about the store (revision, leases, how many records follow), and a
/// record for each of them. Nothing follows the last.</summary>
internal static class SnapshotCodec
{
    /// <param name="isTakenOver">It was made from what a version before journals kept.</param>
    internal static byte[] Encode(FileHeader header, State state, bool isTakenOver)
    {
        using var file = new MemoryStream();
        long number = 0;
        file.Write(header.Encode(isSnapshot: true));
        file.Write(Frame.Encode(number++, Payload(writer =>
        {
            writer.Write7BitEncodedInt64(state.Revision);
            writer.Write(isTakenOver);
            writer.Write7BitEncodedInt64(state.LastLease);
            writer.Write7BitEncodedInt(state.Leases.Count);
            foreach ((long lease, TimeSpan timeToLive) in state.Leases)
            {
                writer.Write7BitEncodedInt64(lease);
                writer.Write7BitEncodedInt64(timeToLive.Ticks);
            }

            writer.Write7BitEncodedInt(state.Records.Count);
        })));
        foreach (KeyValue record in state.Records)
        {
            file.Write(Frame.Encode(number++, Payload(writer =>
            {
                writer.Write(record.Key);
                writer.Write7BitEncodedInt64(record.CreateRevision);
                writer.Write7BitEncodedInt64(record.ModRevision);
                writer.Write7BitEncodedInt64(record.Lease);
                EntryCodec.WriteValue(writer, record.Value);
            })));
        }

        return file.ToArray();
    }

    /// <summary>The state, or at which byte something is wrong.</summary>
    internal static State? Decode(ReadOnlyMemory<byte> file, out bool isTakenOver, out int offset)
    {
        offset = FileHeader.Size;
        isTakenOver = false;
        try
        {
            if (!Frame.TryRead(file[offset..], 0, out ReadOnlyMemory<byte> payload))
            {
                return null;
            }

            using BinaryReader about = Reader(payload);
            long revision = about.Read7BitEncodedInt64();
            isTakenOver = about.ReadBoolean();
            long lastLease = about.Read7BitEncodedInt64();
            List<KeyValuePair<long, TimeSpan>> leases = [];
            for (int left = about.Read7BitEncodedInt(); left > 0; left--)
            {
                leases.Add(new(about.Read7BitEncodedInt64(), TimeSpan.FromTicks(about.Read7BitEncodedInt64())));
            }

            int count = about.Read7BitEncodedInt();
            offset += Frame.HeaderSize + payload.Length;
            ImmutableArray<KeyValue>.Builder records = ImmutableArray.CreateBuilder<KeyValue>();
            while (records.Count < count)
            {
                if (!Frame.TryRead(file[offset..], records.Count + 1, out payload))
                {
                    return null;
                }

                using BinaryReader reader = Reader(payload);
                string key = reader.ReadString();
                long created = reader.Read7BitEncodedInt64();
                long modified = reader.Read7BitEncodedInt64();
                long lease = reader.Read7BitEncodedInt64();
                records.Add(new KeyValue(key, EntryCodec.ReadValue(reader), created, modified, lease));
                offset += Frame.HeaderSize + payload.Length;
            }

            return offset == file.Length ? State.From(revision, records, leases, lastLease) : null;
        }
        catch (Exception e) when (e is EndOfStreamException or FormatException)
        {
            return null;
        }
    }

    private static byte[] Payload(Action<BinaryWriter> write)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        write(writer);
        writer.Flush();
        return stream.ToArray();
    }

    private static BinaryReader Reader(ReadOnlyMemory<byte> payload) => new(new MemoryStream(payload.ToArray(), writable: false));
}
