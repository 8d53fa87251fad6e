// SPDX-License-Identifier: Apache-2.0

using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Weir.Store.Memory;

namespace Weir.Store;

/// <summary>
/// A store whose records are in this process. Readers take the state as it is and wait for nobody; changes come one after
/// the other: decide, keep, publish. What differs is where a change runs, and where it is kept.
/// </summary>
public abstract class LocalKeyValues : IKeyValues
{
    private readonly LeaseClock _leases;
    private readonly Retention _retention;
    private volatile Published _published;
    private volatile bool _closed;

    private protected LocalKeyValues(State state, TimeProvider time, Retention retention)
    {
        _published = new Published(state);
        _retention = retention;
        _leases = new LeaseClock(time, () => _ = ExpireAsync());
        foreach ((long lease, TimeSpan timeToLive) in state.Leases)
        {
            _leases.Start(lease, timeToLive);
        }
    }

    private protected State Current => _published.State;

    public ValueTask<KeyValue?> GetAsync(string key, CancellationToken cancel = default)
    {
        ThrowIfClosed();
        return new(Current.Find(key));
    }

    public ValueTask<Listing> ListAsync(string prefix, long revision = 0, CancellationToken cancel = default)
    {
        ThrowIfClosed();
        State state = Current;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(revision, state.Revision);
        ImmutableSortedSet<KeyValue> records = revision == 0 || revision == state.Revision ? state.Records
            : revision >= state.History.Compacted ? state.History.RecordsAt(revision)
            : throw new CompactedException(state.History.Compacted);
        return new(new Listing(revision == 0 ? state.Revision : revision, State.Under(records, prefix)));
    }

    public IAsyncEnumerable<RevisionChanges> WatchAsync(string prefix, long fromRevision = 0, CancellationToken cancel = default)
    {
        ThrowIfClosed();
        return FollowAsync(prefix, fromRevision == 0 ? Current.Revision + 1 : fromRevision, cancel);
    }

    public ValueTask<TransactionResult> CommitAsync(Transaction transaction, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        return RunAsync(() => Commit(transaction), cancel);
    }

    public ValueTask<long> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken cancel = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(timeToLive, TimeSpan.Zero);
        return RunAsync(
            () =>
            {
                long lease = Current.LastLease + 1;
                Advance(Entry.Grant(lease, timeToLive));
                _leases.Start(lease, timeToLive);
                return lease;
            },
            cancel);
    }

    public ValueTask KeepAliveAsync(long lease, CancellationToken cancel = default)
    {
        ThrowIfClosed();
        return _leases.Renew(lease) ? default : throw new LeaseNotFoundException(lease);
    }

    public async ValueTask RevokeLeaseAsync(long lease, CancellationToken cancel = default) => await RunAsync(
        () =>
        {
            Revoke(Current.Leases.ContainsKey(lease) ? lease : throw new LeaseNotFoundException(lease));
            return true;
        },
        cancel).ConfigureAwait(false);

    public async ValueTask CompactAsync(long revision, CancellationToken cancel = default) => await RunAsync(
        () =>
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan(revision, Current.Revision);
            if (revision > Current.History.Compacted)
            {
                Publish(Current with { History = Current.History.CompactTo(revision) });
            }

            return true;
        },
        cancel).ConfigureAwait(false);

    public ValueTask DisposeAsync()
    {
        if (!_closed)
        {
            _leases.Dispose();
            Close();
            _closed = true;
            _published.Next.TrySetResult();
        }

        GC.SuppressFinalize(this);
        return default;
    }

    /// <summary>Runs a change alone: no other runs meanwhile.</summary>
    private protected abstract ValueTask<T> RunAsync<T>(Func<T> change, CancellationToken cancel);

    /// <summary>Keeps a step that is decided, or throws: then it did not happen.</summary>
    private protected abstract void Keep(Entry entry);

    /// <summary>Waits for the changes that were asked for; no other comes.</summary>
    private protected abstract void Close();

    private protected void ThrowIfClosed() => ObjectDisposedException.ThrowIf(_closed, this);

    private async IAsyncEnumerable<RevisionChanges> FollowAsync(string prefix, long next, [EnumeratorCancellation] CancellationToken cancel)
    {
        while (true)
        {
            Published now = _published;
            State state = now.State;
            if (next <= state.History.Compacted)
            {
                throw new CompactedException(state.History.Compacted);
            }

            bool toldAll = true;
            for (; next <= state.Revision; next++)
            {
                Change[] changes = [.. state.History.ChangesOf(next).Where(change => change.Key.StartsWith(prefix, StringComparison.Ordinal))];
                toldAll = changes.Length > 0;
                if (toldAll)
                {
                    yield return new RevisionChanges(next, changes);
                }
            }

            if (!toldAll)
            {
                yield return new RevisionChanges(state.Revision, []);
            }

            if (_closed)
            {
                yield break;
            }

            await now.Next.Task.WaitAsync(cancel).ConfigureAwait(false);
        }
    }

    private TransactionResult Commit(Transaction transaction)
    {
        State state = Current;
        if (transaction.Comparisons.Any(comparison => (state.Find(comparison.Key)?.ModRevision ?? 0) != comparison.ModRevision))
        {
            return new TransactionResult(false, state.Revision);
        }

        foreach (Put put in transaction.Puts.Where(put => put.Lease != 0 && !state.Leases.ContainsKey(put.Lease)))
        {
            throw new LeaseNotFoundException(put.Lease);
        }

        var entry = new Entry([.. transaction.Puts], [.. transaction.Deletes.Where(key => state.Find(key) is not null)]);
        if (entry.ChangesRecords)
        {
            Advance(entry);
        }

        return new TransactionResult(true, Current.Revision);
    }

    private void Revoke(long lease)
    {
        Advance(Current.Revoke(lease));
        _leases.End(lease);
    }

    private void Advance(Entry entry)
    {
        State after = Current.Apply(entry);
        Keep(entry);
        Publish(after with { History = after.History.Trim(_retention) });
    }

    private void Publish(State state)
    {
        Published before = _published;
        _published = new Published(state);
        before.Next.TrySetResult();
    }

    private async Task ExpireAsync()
    {
        try
        {
            await RunAsync(
                () =>
                {
                    foreach (long lease in _leases.Due())
                    {
                        Revoke(lease);
                    }

                    return true;
                },
                CancellationToken.None).ConfigureAwait(false);
        }
        catch (StoreException)
        {
            // The clock asks again.
        }
        catch (ObjectDisposedException)
        {
            // The store was closed meanwhile; its leases begin anew with the next.
        }
    }

    /// <summary>A state, and what ends when the next is there.</summary>
    private sealed class Published(State state)
    {
        internal State State { get; } = state;

        internal TaskCompletionSource Next { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
