// SPDX-License-Identifier: Apache-2.0

namespace Weir.Store.Etcd.Watching;

/// <summary>
/// What the one stream of etcd's changes has told, as far back as there is room; every watch reads here at its own pace. So all of
/// them see one order, a slow reader costs nobody anything, and memory is bounded. Safe to use from several threads.
/// </summary>
internal sealed class WatchLog(Retention retention)
{
    /// <summary>Revisions that a reader is given at once.</summary>
    private const int Most = 100;

    private readonly Lock _lock = new();
    private readonly LinkedList<(RevisionChanges Told, long Bytes)> _log = [];
    private readonly HashSet<Watcher> _watchers = [];
    private readonly HashSet<string> _listed = new(StringComparer.Ordinal);
    private TaskCompletionSource _changed = NewSource();
    private TaskCompletionSource _rewind = NewSource();
    private long _bytes;
    private long _first; // revisions from here on are in the log whole; 0: nobody has watched yet
    private long _head; // up to here
    private long _foreign; // revisions up to here may be of another history
    private CompactedException? _restored;
    private int _generation;

    /// <summary>Ends when somebody wants to watch from before what is in the log: the stream has to begin anew.</summary>
    internal Task Rewind
    {
        get
        {
            lock (_lock)
            {
                return _rewind.Task;
            }
        }
    }

    /// <summary>Ends when there is something new to look at.</summary>
    internal Task Changed
    {
        get
        {
            lock (_lock)
            {
                return _changed.Task;
            }
        }
    }

    /// <summary>Another number when etcd has another history.</summary>
    internal int Generation
    {
        get
        {
            lock (_lock)
            {
                return _generation;
            }
        }
    }

    /// <param name="from">From a listing, or, with a generation, what came next in that one.</param>
    /// <exception cref="CompactedException">The first revision was told of by an etcd that is no more.</exception>
    internal Watcher Join(string prefix, long from, int? generation = null)
    {
        lock (_lock)
        {
            bool isForeign = generation is { } then ? then != _generation
                : from <= _foreign + 1 && !_listed.Any(listed => prefix.StartsWith(listed, StringComparison.Ordinal));
            if (_restored is { } restored && isForeign)
            {
                throw restored;
            }

            var watcher = new Watcher(prefix, from) { HasBegun = _first != 0 && from >= _first };
            _watchers.Add(watcher);
            if (!watcher.HasBegun)
            {
                _rewind.TrySetResult();
                Wake();
            }

            return watcher;
        }
    }

    internal void Leave(Watcher watcher)
    {
        lock (_lock)
        {
            _watchers.Remove(watcher);
        }
    }

    /// <summary>Where the stream has to begin; 0: nobody wants one.</summary>
    internal long Begin()
    {
        lock (_lock)
        {
            _rewind = NewSource();
            long earliest = _watchers.Where(watcher => watcher.End is null).Select(watcher => watcher.Next).DefaultIfEmpty(0).Min();
            if (earliest > 0 && (_first == 0 || earliest < _first))
            {
                Empty(earliest);
            }

            foreach (Watcher watcher in _watchers.Where(watcher => _first != 0 && watcher.Next >= _first))
            {
                watcher.HasBegun = true;
            }

            return _first == 0 ? 0 : _head + 1;
        }
    }

    /// <summary>Takes in what the stream told, at once for all readers. What is told again is passed over.</summary>
    internal void Add(IReadOnlyList<RevisionChanges> told)
    {
        lock (_lock)
        {
            foreach (RevisionChanges revision in told.Where(revision => revision.Revision > _head))
            {
                _head = revision.Revision;
                if (revision.Changes.Count > 0)
                {
                    long bytes = Cost(revision);
                    _log.AddLast((revision, bytes));
                    _bytes += bytes;
                }
            }

            while (_log.Count > 1 && (_log.Count > retention.Revisions || _bytes > retention.Bytes))
            {
                _first = _log.First!.Value.Told.Revision + 1;
                DropOldest();
            }

            Wake();
        }
    }

    /// <summary>What was up to a revision cannot be told.</summary>
    internal void Forget(CompactedException why)
    {
        lock (_lock)
        {
            foreach (Watcher watcher in _watchers.Where(watcher => watcher.Next <= why.Revision))
            {
                watcher.End ??= why;
            }

            while (_log.First is { } oldest && oldest.Value.Told.Revision <= why.Revision)
            {
                DropOldest();
            }

            if (_first != 0)
            {
                _first = Math.Max(_first, why.Revision + 1);
                _head = Math.Max(_head, why.Revision);
            }

            Wake();
        }
    }

    /// <summary>etcd has another history: all list anew.</summary>
    /// <param name="known">The highest revision of the one before.</param>
    internal void Restart(CompactedException why, long known)
    {
        lock (_lock)
        {
            foreach (Watcher watcher in _watchers)
            {
                watcher.End = why;
            }

            _restored = why;
            _generation++;
            _foreign = Math.Max(_foreign, known);
            _listed.Clear();
            Empty(0);
            Wake();
        }
    }

    /// <summary>A listing was given that was begun in a generation: whoever watches from it then is right.</summary>
    internal void Listed(string prefix, int generation)
    {
        lock (_lock)
        {
            if (_restored is not null && generation == _generation)
            {
                _listed.Add(prefix);
            }
        }
    }

    /// <summary>What is new for a reader, and what to wait for when that is read.</summary>
    /// <exception cref="CompactedException">It cannot be told.</exception>
    internal (IReadOnlyList<RevisionChanges> Told, Task More) Read(Watcher watcher)
    {
        lock (_lock)
        {
            if (watcher.End is { } end)
            {
                throw end;
            }

            if (_first == 0 || watcher.Next < _first)
            {
                return !watcher.HasBegun ? ([], _changed.Task)
                    : throw new CompactedException(_first - 1, $"a reader of \"{watcher.Prefix}\" was too slow");
            }

            // Most readers have read nearly all.
            LinkedListNode<(RevisionChanges Told, long Bytes)>? entry = _log.Last;
            while (entry?.Previous is { } previous && previous.Value.Told.Revision >= watcher.Next)
            {
                entry = previous;
            }

            List<RevisionChanges> told = [];
            long upTo = _head;
            for (; entry is not null; entry = entry.Next)
            {
                if (told.Count == Most)
                {
                    upTo = told[^1].Revision;
                    break;
                }

                RevisionChanges all = entry.Value.Told;
                Change[] changes = [.. all.Changes.Where(change => change.Key.StartsWith(watcher.Prefix, StringComparison.Ordinal))];
                if (all.Revision >= watcher.Next && changes.Length > 0)
                {
                    told.Add(all with { Changes = changes });
                }
            }

            if (upTo >= watcher.Next && (told.Count == 0 || told[^1].Revision < upTo))
            {
                told.Add(new RevisionChanges(upTo, []));
            }

            watcher.Next = Math.Max(watcher.Next, upTo + 1);
            return (told, told.Count > 0 ? Task.CompletedTask : _changed.Task);
        }
    }

    private static TaskCompletionSource NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static long Cost(RevisionChanges told) =>
        64 + told.Changes.Sum(change => 200L + (4L * change.Key.Length) + (change.Record?.Value.Length ?? 0) + (change.Before?.Value.Length ?? 0));

    private void DropOldest()
    {
        _bytes -= _log.First!.Value.Bytes;
        _log.RemoveFirst();
    }

    private void Empty(long first)
    {
        _log.Clear();
        _bytes = 0;
        _first = first;
        _head = Math.Max(0, first - 1);
    }

    private void Wake()
    {
        TaskCompletionSource changed = _changed;
        _changed = NewSource();
        changed.TrySetResult();
    }
}
