// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf;
using Grpc.Core;
using Weir.Store.Etcd.Api;

namespace Weir.Store.Etcd.Connecting;

/// <summary>
/// What was seen of etcd's history, so that another one is noticed: an etcd that was restored from a backup goes on from an older
/// revision, often with the same cluster id, and may have come as far again before anybody looks. So a record is remembered that
/// was put in one of the last revisions, and has to be there.
/// </summary>
internal sealed class Lineage
{
    private readonly Lock _lock = new();
    private ulong _cluster;
    private long _revision;
    private long _highest;
    private (ByteString Key, long Revision, ByteString Value)? _mark;

    /// <summary>The highest that was seen of the history that is now; 0: none.</summary>
    internal long Revision
    {
        get
        {
            lock (_lock)
            {
                return _revision;
            }
        }
    }

    /// <summary>The highest that was ever seen.</summary>
    internal long Highest
    {
        get
        {
            lock (_lock)
            {
                return Math.Max(_revision, _highest);
            }
        }
    }

    /// <summary>An answer's revision.</summary>
    internal void Saw(Connection from, ResponseHeader header)
    {
        lock (_lock)
        {
            // What was under way when its connection was lost may be from a history that is no more.
            if (!from.IsLost)
            {
                _revision = Math.Max(_revision, header.Revision);
            }
        }
    }

    /// <summary>Remembers a record that was put.</summary>
    internal void Saw(Connection from, ByteString key, long revision, ByteString value)
    {
        lock (_lock)
        {
            if (!from.IsLost && revision >= (_mark?.Revision ?? 0))
            {
                _mark = (key, revision, value);
            }
        }
    }

    /// <summary>Begins a history with an answer.</summary>
    internal void Begin(ResponseHeader header)
    {
        lock (_lock)
        {
            _highest = Math.Max(_highest, _revision);
            (_cluster, _revision, _mark) = (header.ClusterId, header.Revision, null);
        }
    }

    /// <summary>In words, why a member's history is not the one that was seen; null: it is.</summary>
    /// <param name="before">The revision that was known when the answer was asked for.</param>
    internal async Task<string?> DifferenceAsync(Connection from, ResponseHeader header, long before, CancellationToken cancel)
    {
        if (before == 0)
        {
            return null;
        }

        (ByteString Key, long Revision, ByteString Value)? mark;
        lock (_lock)
        {
            if (header.ClusterId != _cluster)
            {
                return $"{from.Endpoint} is of another cluster ({header.ClusterId:x}) than etcd was before ({_cluster:x})";
            }

            mark = _mark;
        }

        if (header.Revision < before)
        {
            return $"etcd was put back to revision {header.Revision}, from {before}";
        }

        if (mark is not { } seen)
        {
            return null;
        }

        try
        {
            RangeResponse then = await from.Kv.RangeAsync(new RangeRequest { Key = seen.Key, Revision = seen.Revision }, from.Ask(cancel)).ConfigureAwait(false);
            return then.Kvs is [{ } record] && record.ModRevision == seen.Revision && record.Value.Equals(seen.Value)
                ? null
                : $"etcd was put back to a backup, and has another revision {seen.Revision} than was seen";
        }
        catch (RpcException e) when (Failures.IsCompacted(e))
        {
            return null; // Nobody can tell; whoever is behind that revision lists anew anyway.
        }
    }
}
