// SPDX-License-Identifier: Apache-2.0

namespace Weir.Store;

/// <summary>
/// Records by key with etcd's semantics, so that files, memory and etcd are the same to whoever uses them. Keys are paths in
/// the order of their bytes. Every transaction that changes something takes the store's next revision; what it changed is
/// seen whole or not at all. Safe to use from several threads. What needs a store that is away fails with
/// <see cref="StoreException"/> after a while; a watch waits for it to come back.
/// </summary>
public interface IKeyValues : IAsyncDisposable
{
    /// <summary>The record as it is now, or null.</summary>
    ValueTask<KeyValue?> GetAsync(string key, CancellationToken cancel = default);

    /// <summary>The records whose keys begin with a prefix ("" for all), in the order of their keys.</summary>
    /// <param name="revision">As they were then; 0: as they are now.</param>
    /// <exception cref="CompactedException">That is too long ago.</exception>
    ValueTask<Listing> ListAsync(string prefix, long revision = 0, CancellationToken cancel = default);

    /// <summary>Tells of changes under a prefix, one revision after the other, without a gap, until it is cancelled or the
    /// store is disposed of. A response without changes is progress: up to its revision nothing more will come. To follow
    /// from a listing, watch from the listing's revision + 1.</summary>
    /// <param name="fromRevision">The first of interest, which may be in the future; 0: the next.</param>
    /// <exception cref="CompactedException">The first is too old, the reader was too slow, or the store was put back to a backup:
    /// list, and watch from there.</exception>
    IAsyncEnumerable<RevisionChanges> WatchAsync(string prefix, long fromRevision = 0, CancellationToken cancel = default);

    /// <summary>Puts and deletes all of it if every comparison holds, else nothing. When it returns, it lasts as long as the
    /// store does. Cancelled before it began, it leaves nothing; afterwards it is carried through.</summary>
    /// <exception cref="StoreException">It cannot be written: nothing of it is there, and the next may work.</exception>
    /// <exception cref="OutcomeUnknownException">It may have been carried through, or may still be: a store on other machines was lost
    /// while it had this, and did not come back in time. Read again.</exception>
    /// <exception cref="LeaseNotFoundException">A put names a lease that is over.</exception>
    ValueTask<TransactionResult> CommitAsync(Transaction transaction, CancellationToken cancel = default);

    /// <summary>A lease: records put under it are deleted when nobody has kept it alive for so long. Numbers are never
    /// given twice. A store that was closed gives every lease its whole time again.</summary>
    /// <param name="timeToLive">etcd counts in whole seconds: ask for such.</param>
    ValueTask<long> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken cancel = default);

    /// <summary>Gives a lease its whole time again. Nobody else does: whoever has a lease calls this a few times in its time, also
    /// after it failed with anything but the following.</summary>
    /// <exception cref="LeaseNotFoundException">It is over.</exception>
    ValueTask KeepAliveAsync(long lease, CancellationToken cancel = default);

    /// <summary>Ends a lease and deletes its records, in one transaction.</summary>
    /// <exception cref="LeaseNotFoundException">It is over.</exception>
    ValueTask RevokeLeaseAsync(long lease, CancellationToken cancel = default);

    /// <summary>Forgets what was before a revision, for everybody who uses the store: earlier ones cannot be listed, nor watched
    /// from.</summary>
    ValueTask CompactAsync(long revision, CancellationToken cancel = default);
}
