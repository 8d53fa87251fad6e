// SPDX-License-Identifier: Apache-2.0
using System.Runtime.CompilerServices;
using Weir.Store;

namespace Weir.Control.Tests.Cluster;

/// <summary>One node's way to the shared store, which can be cut.</summary>
internal sealed class AwayKeyValues(IKeyValues shared) : IKeyValues
{
    private CancellationTokenSource _cut = new();

    internal bool IsAway
    {
        get => _cut.IsCancellationRequested;
        set
        {
            if (value)
            {
                _cut.Cancel();
            }
            else
            {
                _cut = new CancellationTokenSource();
            }
        }
    }

    public ValueTask<KeyValue?> GetAsync(string key, CancellationToken cancel = default) => Reach().GetAsync(key, cancel);

    public ValueTask<Listing> ListAsync(string prefix, long revision = 0, CancellationToken cancel = default) => Reach().ListAsync(prefix, revision, cancel);

    public async IAsyncEnumerable<RevisionChanges> WatchAsync(string prefix, long fromRevision = 0, [EnumeratorCancellation] CancellationToken cancel = default)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, _cut.Token);
        await using IAsyncEnumerator<RevisionChanges> told = Reach().WatchAsync(prefix, fromRevision, either.Token).GetAsyncEnumerator(either.Token);
        while (true)
        {
            try
            {
                if (!await told.MoveNextAsync())
                {
                    yield break;
                }
            }
            catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
            {
                throw new StoreException("the store is away");
            }

            yield return told.Current;
        }
    }

    public ValueTask<TransactionResult> CommitAsync(Transaction transaction, CancellationToken cancel = default) => Reach().CommitAsync(transaction, cancel);

    public ValueTask<long> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken cancel = default) => Reach().GrantLeaseAsync(timeToLive, cancel);

    public ValueTask KeepAliveAsync(long lease, CancellationToken cancel = default) => Reach().KeepAliveAsync(lease, cancel);

    public ValueTask RevokeLeaseAsync(long lease, CancellationToken cancel = default) => Reach().RevokeLeaseAsync(lease, cancel);

    public ValueTask CompactAsync(long revision, CancellationToken cancel = default) => Reach().CompactAsync(revision, cancel);

    public ValueTask DisposeAsync()
    {
        _cut.Dispose();
        return ValueTask.CompletedTask;
    }

    private IKeyValues Reach() => IsAway ? throw new StoreException("the store is away") : shared;
}
