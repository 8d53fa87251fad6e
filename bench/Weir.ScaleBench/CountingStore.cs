// SPDX-License-Identifier: Apache-2.0
using Weir.Store;

namespace Weir.ScaleBench;

/// <summary>Counts what an agent asks of etcd, but for leases that are kept alive, which cost as much when nothing happens.</summary>
internal sealed class CountingStore(IKeyValues store) : IKeyValues
{
    private long _requests;

    internal long Requests => Interlocked.Read(ref _requests);

    public ValueTask<KeyValue?> GetAsync(string key, CancellationToken cancel = default) => Counted().GetAsync(key, cancel);

    public ValueTask<Listing> ListAsync(string prefix, long revision = 0, CancellationToken cancel = default) => Counted().ListAsync(prefix, revision, cancel);

    public IAsyncEnumerable<RevisionChanges> WatchAsync(string prefix, long fromRevision = 0, CancellationToken cancel = default) => Counted().WatchAsync(prefix, fromRevision, cancel);

    public ValueTask<TransactionResult> CommitAsync(Transaction transaction, CancellationToken cancel = default) => Counted().CommitAsync(transaction, cancel);

    public ValueTask<long> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken cancel = default) => Counted().GrantLeaseAsync(timeToLive, cancel);

    public ValueTask KeepAliveAsync(long lease, CancellationToken cancel = default) => store.KeepAliveAsync(lease, cancel);

    public ValueTask RevokeLeaseAsync(long lease, CancellationToken cancel = default) => Counted().RevokeLeaseAsync(lease, cancel);

    public ValueTask CompactAsync(long revision, CancellationToken cancel = default) => Counted().CompactAsync(revision, cancel);

    public ValueTask DisposeAsync() => store.DisposeAsync();

    private IKeyValues Counted()
    {
        Interlocked.Increment(ref _requests);
        return store;
    }
}
