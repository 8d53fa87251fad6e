// SPDX-License-Identifier: Apache-2.0

using Weir.Store.Memory;

namespace Weir.Store.Files;

/// <summary>Reads a snapshot and the journal that goes on from it, and changes neither.</summary>
internal static class GenerationReader
{
    /// <exception cref="StoreDamagedException">It is not as it was written.</exception>
    internal static LoadedGeneration Read(IDisk disk, long generation, Retention retention)
    {
        string snapshot = FileNames.Snapshot(generation);
        byte[] bytes = disk.Read(snapshot);
        FileHeader header = ReadHeader(disk, generation, snapshot, bytes, isSnapshot: true);
        State state = SnapshotCodec.Decode(bytes, out bool isTakenOver, out int offset) ?? throw Damage.At(disk, generation, snapshot, offset);
        return ReadJournal(disk, header, new LoadedGeneration(state, generation, bytes.Length, header.LastNumber, 0, isTakenOver), retention);
    }

    private static LoadedGeneration ReadJournal(IDisk disk, FileHeader before, LoadedGeneration loaded, Retention retention)
    {
        string journal = FileNames.Journal(before.Generation);
        if (!disk.List().Contains(journal))
        {
            throw Damage.In(disk, before.Generation, journal, "the journal is missing, and with it all that was changed since its snapshot");
        }

        ReadOnlyMemory<byte> bytes = disk.Read(journal);
        if (ReadHeader(disk, before.Generation, journal, bytes.Span, isSnapshot: false) != before)
        {
            throw Damage.In(disk, before.Generation, journal, "the journal is not the one of its snapshot");
        }

        State state = loaded.State;
        long number = before.LastNumber;
        int offset = FileHeader.Size;
        for (; offset < bytes.Length; number++)
        {
            ReadOnlyMemory<byte> rest = bytes[offset..];
            if (!Frame.TryRead(rest, number + 1, out ReadOnlyMemory<byte> payload))
            {
                if (Frame.AnyFollows(rest.Span, number) || !Frame.IsTorn(rest.Span, offset))
                {
                    throw Damage.At(disk, before.Generation, journal, offset);
                }

                break;
            }

            state = Apply(state, payload) ?? throw Damage.At(disk, before.Generation, journal, offset);
            state = state with { History = state.History.Trim(retention) };
            offset += Frame.HeaderSize + payload.Length;
        }

        return loaded with { State = state, LastNumber = number, JournalLength = offset, TornBytes = bytes.Length - offset };
    }

    /// <summary>Null: it does not follow.</summary>
    private static State? Apply(State state, ReadOnlyMemory<byte> payload)
    {
        try
        {
            Entry entry = EntryCodec.Decode(payload, out long revision);
            State after = state.Apply(entry);
            return after.Revision == revision ? after : null;
        }
        catch (Exception e) when (e is EndOfStreamException or FormatException or ArgumentException)
        {
            return null;
        }
    }

    private static FileHeader ReadHeader(IDisk disk, long generation, string name, ReadOnlySpan<byte> bytes, bool isSnapshot)
    {
        FileHeader header = FileHeader.Read(bytes, isSnapshot, out string problem) ?? throw Damage.In(disk, generation, name, problem);
        return header.Generation == generation ? header : throw Damage.In(disk, generation, name, $"this was written as {(isSnapshot ? FileNames.Snapshot(header.Generation) : FileNames.Journal(header.Generation))}");
    }
}
