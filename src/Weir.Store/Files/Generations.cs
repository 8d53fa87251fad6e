// SPDX-License-Identifier: Apache-2.0

using Weir.Store.Memory;

namespace Weir.Store.Files;

/// <summary>
/// The files of a store: the generation in force, and the one before it, to go back to. A generation comes into force by the
/// rename of its snapshot; its journal is there by then, so that one that is missing is noticed.
/// </summary>
internal sealed class Generations : IDisposable
{
    private readonly IDisk _disk;
    private readonly Action<string> _warn;
    private Journal? _journal;
    private long _number;
    private long _snapshotLength;
    private bool _namesAreSynced = true;

    private Generations(IDisk disk, Action<string> warn)
    {
        _disk = disk;
        _warn = warn;
    }

    /// <summary>How long the journal is, in snapshots, but not below so many bytes.</summary>
    internal bool HasGrown(long smallest) => _journal!.Length > Math.Max(smallest, 2 * _snapshotLength);

    /// <summary>What the folder says; nothing is written.</summary>
    internal static LoadedGeneration? Read(IDisk disk, Retention retention)
    {
        IReadOnlyList<string> names = disk.List();
        long newest = names.Max(FileNames.SnapshotOf) ?? 0;
        foreach (string name in names.Where(name => FileNames.JournalOf(name) > newest && disk.Read(name).Length > FileHeader.Size))
        {
            long generation = FileNames.JournalOf(name)!.Value;
            throw Damage.In(disk, generation, FileNames.Snapshot(generation), "the snapshot is missing; what was changed since is in its journal");
        }

        return newest == 0 ? null : GenerationReader.Read(disk, newest, retention);
    }

    /// <summary>Reads the folder, takes over what an older version kept, and puts right what a crash left.</summary>
    internal static Generations Open(IDisk disk, Retention retention, Action<string> warn, out State state)
    {
        LoadedGeneration? loaded = Read(disk, retention);
        var files = new Generations(disk, warn);
        IReadOnlyList<string> old = Takeover.Find(disk.List());
        bool isTakenOver = loaded?.IsTakenOver ?? old.Count > 0;
        if (loaded is null)
        {
            state = Takeover.Read(disk, old);
            files.Renew(state, isTakenOver);
        }
        else
        {
            state = loaded.State;
            files.Resume(loaded);
        }

        Takeover.PutAway(disk, disk.List(), isTakenOver);
        files.Tidy();
        return files;
    }

    /// <summary>When it returns, the step lasts. When it throws, nothing of it is kept.</summary>
    /// <param name="before">The state without it.</param>
    internal void Append(Entry entry, State before)
    {
        if (_journal!.IsBroken)
        {
            Renew(before);
        }

        SyncNames();
        _journal.Append(EntryCodec.Encode(entry, entry.ChangesRecords ? before.Revision + 1 : before.Revision));
    }

    /// <summary>Begins the next generation from a state.</summary>
    internal void Renew(State state, bool isTakenOver = false)
    {
        var header = new FileHeader(_number + 1, _journal?.LastNumber ?? 0);
        byte[] snapshot = SnapshotCodec.Encode(header, state, isTakenOver);
        Journal? journal = null;
        try
        {
            journal = Journal.Create(_disk, FileNames.Journal(header.Generation), header);
            using (IDiskFile draft = _disk.Create(FileNames.Draft(header.Generation)))
            {
                draft.Append(snapshot);
                draft.Sync();
            }

            _disk.SyncNames();
            _disk.Rename(FileNames.Draft(header.Generation), FileNames.Snapshot(header.Generation));
        }
        catch
        {
            journal?.Dispose();
            TryDelete(FileNames.Draft(header.Generation));
            TryDelete(FileNames.Journal(header.Generation));
            throw;
        }

        // From here on the next start may read the new generation: nothing more may go to the old one, and nothing is
        // kept in the new one before its name is on disk.
        _journal?.Dispose();
        _journal = journal;
        _number = header.Generation;
        _snapshotLength = snapshot.Length;
        _namesAreSynced = false;
        SyncNames();
        Tidy();
    }

    public void Dispose() => _journal?.Dispose();

    private void Resume(LoadedGeneration loaded)
    {
        string name = FileNames.Journal(loaded.Generation);
        IDiskFile file = _disk.Open(name);
        if (loaded.TornBytes > 0)
        {
            _warn($"{_disk.PathOf(name)}: {loaded.TornBytes} bytes at byte {loaded.JournalLength} are of a change that was being written when the machine or the agent stopped; they are cut off");
            file.Truncate(loaded.JournalLength);
            file.Sync();
        }

        _number = loaded.Generation;
        _snapshotLength = loaded.SnapshotLength;
        _journal = new Journal(file, loaded.JournalLength, loaded.LastNumber);
    }

    private void SyncNames()
    {
        if (!_namesAreSynced)
        {
            _disk.SyncNames();
            _namesAreSynced = true;
        }
    }

    /// <summary>Takes away what is before the generation to go back to, and what never came into force.</summary>
    private void Tidy()
    {
        foreach (string name in _disk.List())
        {
            if (FileNames.IsDraft(name) || (FileNames.SnapshotOf(name) ?? FileNames.JournalOf(name)) is { } of && (of < _number - 1 || of > _number))
            {
                TryDelete(name);
            }
        }
    }

    private void TryDelete(string name)
    {
        try
        {
            _disk.Delete(name);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _warn($"{_disk.PathOf(name)} is not needed any more and cannot be removed: {e.Message}");
        }
    }
}
