// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;
using Weir.Store.Etcd.Connecting;
using Weir.Store.Etcd.Requests;
using Weir.Store.Etcd.Watching;

namespace Weir.Store.Etcd;

/// <summary>
/// A store in etcd, version 3. It keeps itself connected for as long as it lives, whether etcd is there or not: calls fail in words
/// when it is not, watches go on when it is back. Revisions, compaction and leases are the whole etcd's, whoever else uses it.
/// </summary>
public sealed class EtcdKeyValues : IKeyValues
{
    private readonly Lineage _lineage = new();
    private readonly ConnectionKeeper _keeper;
    private readonly WatchLog _watchLog;
    private readonly WatchHub _hub;
    private readonly Reader _reader;
    private readonly Leases _leases;
    private readonly Committer _committer;
    private int _closed;

    private EtcdKeyValues(EtcdOptions options, ILogger log)
    {
        var keys = new KeySpace(options.Prefix);
        _watchLog = new WatchLog(options.Retention);
        _keeper = new ConnectionKeeper(options, keys, _lineage, log, (why, known, now) => _watchLog.Restart(new CompactedException(now, why), known));
        var requester = new Requester(_keeper, options);
        _reader = new Reader(requester, keys, _lineage);
        _leases = new Leases(requester);
        _committer = new Committer(requester, keys, _lineage, _leases);
        _hub = new WatchHub(_keeper, options, keys, _lineage, _watchLog, log);
    }

    /// <summary>How it stands with etcd now.</summary>
    public EtcdState State => _keeper.State;

    /// <summary>Told when an endpoint is in use or left, or another error than before keeps one from being used; on a thread that has
    /// more to do.</summary>
    public event Action? StateChanged
    {
        add => _keeper.StateChanged += value;
        remove => _keeper.StateChanged -= value;
    }

    /// <summary>A store that begins to connect, and is there at once.</summary>
    /// <exception cref="StoreException">The options are wrong; all that is wrong with them is said.</exception>
    public static EtcdKeyValues Start(EtcdOptions options, ILogger log)
    {
        ArgumentNullException.ThrowIfNull(options);
        IReadOnlyList<string> problems = options.Problems();
        return problems.Count == 0 ? new EtcdKeyValues(options, log) : throw new StoreException($"the settings for etcd are wrong: {string.Join("; ", problems)}");
    }

    /// <summary>A store that is connected, if etcd answers within one request time-out; <see cref="State"/> says whether it did.</summary>
    /// <exception cref="StoreException">The options are wrong; all that is wrong with them is said.</exception>
    public static async Task<EtcdKeyValues> ConnectAsync(EtcdOptions options, ILogger log, CancellationToken cancel = default)
    {
        EtcdKeyValues store = Start(options, log);
        try
        {
            await store._keeper.GetAsync(cancel).WaitAsync(options.RequestTimeout, options.Time, cancel).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // It goes on trying.
        }
        catch
        {
            await store.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        return store;
    }

    public ValueTask<KeyValue?> GetAsync(string key, CancellationToken cancel = default) => _reader.GetAsync(key, cancel);

    public async ValueTask<Listing> ListAsync(string prefix, long revision = 0, CancellationToken cancel = default)
    {
        int generation = _watchLog.Generation;
        Listing listing = await _reader.ListAsync(prefix, revision, cancel).ConfigureAwait(false);
        _watchLog.Listed(prefix, generation);
        return listing;
    }

    public IAsyncEnumerable<RevisionChanges> WatchAsync(string prefix, long fromRevision = 0, CancellationToken cancel = default)
    {
        ObjectDisposedException.ThrowIf(_closed != 0, this);
        if (fromRevision > 0)
        {
            return _hub.FollowAsync(prefix, fromRevision, null, cancel);
        }

        // What this process knows of is past; whatever it does from now on has a higher revision. The generation comes first: if
        // etcd gets another history between the two, that is noticed.
        int generation = _watchLog.Generation;
        return _hub.FollowAsync(prefix, _lineage.Revision + 1, generation, cancel);
    }

    /// <inheritdoc/>
    /// <remarks>126 changes, 126 comparisons and 1.5 MiB at once, unless etcd's operator allows more.</remarks>
    public ValueTask<TransactionResult> CommitAsync(Transaction transaction, CancellationToken cancel = default) => _committer.CommitAsync(transaction, cancel);

    public ValueTask<long> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken cancel = default) => _leases.GrantAsync(timeToLive, cancel);

    public ValueTask KeepAliveAsync(long lease, CancellationToken cancel = default) => _leases.KeepAliveAsync(lease, cancel);

    public ValueTask RevokeLeaseAsync(long lease, CancellationToken cancel = default) => _leases.RevokeAsync(lease, cancel);

    public async ValueTask CompactAsync(long revision, CancellationToken cancel = default)
    {
        await _reader.CompactAsync(revision, cancel).ConfigureAwait(false);
        _watchLog.Forget(new CompactedException(revision));
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _closed, 1) == 0)
        {
            await _keeper.DisposeAsync().ConfigureAwait(false);
            await _hub.Ended.ConfigureAwait(false);
        }
    }
}
