// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf;
using Grpc.Core;
using Weir.Store.Etcd.Api;
using Weir.Store.Etcd.Connecting;

namespace Weir.Store.Etcd.Requests;

/// <summary>Reads records, as of the moment: what a member answers alone, without its leader, is not asked for.</summary>
internal sealed class Reader(Requester requester, KeySpace keys, Lineage lineage)
{
    /// <summary>Records asked for at once; fewer, where they are so large that an answer has no room for them.</summary>
    private const int Page = 1000;

    internal async ValueTask<KeyValue?> GetAsync(string key, CancellationToken cancel)
    {
        string what = $"read \"{key}\"";
        RangeResponse answer = await RangeAsync(what, new RangeRequest { Key = keys.Key(key) }, cancel).ConfigureAwait(false);
        return answer.Kvs.Count == 0 ? null : keys.Record(answer.Kvs[0]);
    }

    internal async ValueTask<Listing> ListAsync(string prefix, long revision, CancellationToken cancel)
    {
        while (true)
        {
            try
            {
                return await ReadAsync(prefix, revision, cancel).ConfigureAwait(false);
            }
            catch (CompactedException) when (revision == 0)
            {
                // Between two pages; what is there now is what was asked for.
            }
        }
    }

    internal async ValueTask CompactAsync(long revision, CancellationToken cancel)
    {
        try
        {
            await requester.AskAsync(
                "compact the store", async connection => await connection.Kv.CompactAsync(new CompactionRequest { Revision = revision }, connection.Ask(cancel)).ConfigureAwait(false), cancel).ConfigureAwait(false);
        }
        catch (RpcException e) when (Failures.IsCompacted(e))
        {
            // It was forgotten before.
        }
        catch (RpcException e) when (Failures.IsFuture(e))
        {
            throw new ArgumentOutOfRangeException(nameof(revision), revision, "the store has not come so far");
        }
        catch (RpcException e)
        {
            throw new StoreException($"compact the store in etcd: {Failures.Words(e)}", e);
        }
    }

    private async Task<Listing> ReadAsync(string prefix, long revision, CancellationToken cancel)
    {
        string what = $"list \"{prefix}\"";
        List<KeyValue> records = [];
        var request = new RangeRequest { Key = keys.First(prefix), RangeEnd = keys.End(prefix), Revision = revision, Limit = Page };
        while (true)
        {
            RangeResponse answer;
            try
            {
                answer = await RangeAsync(what, request, cancel).ConfigureAwait(false);
            }
            catch (StoreException e) when (e.InnerException is RpcException inner && Failures.IsTooLarge(inner) && request.Limit > 1)
            {
                request.Limit /= 4;
                continue;
            }

            if (request.Revision == 0)
            {
                request.Revision = answer.Header.Revision;
            }

            records.AddRange(answer.Kvs.Where(record => !keys.IsOwn(record.Key)).Select(keys.Record));
            if (!answer.More)
            {
                return new Listing(request.Revision, records);
            }

            request.Key = ByteString.CopyFrom([.. answer.Kvs[^1].Key.Span, 0]);
        }
    }

    private async Task<RangeResponse> RangeAsync(string what, RangeRequest request, CancellationToken cancel)
    {
        try
        {
            return await requester.AskAsync(
                what,
                async connection =>
                {
                    RangeResponse answer = await connection.Kv.RangeAsync(request, connection.Ask(cancel)).ConfigureAwait(false);
                    requester.Keeper.Answered(connection, answer.Header);
                    return answer;
                },
                cancel).ConfigureAwait(false);
        }
        catch (RpcException e) when (Failures.IsCompacted(e))
        {
            throw new CompactedException(await OldestAsync(request.Revision, cancel).ConfigureAwait(false));
        }
        catch (RpcException e) when (Failures.IsFuture(e))
        {
            // It was there once: etcd was restored from a backup meanwhile.
            throw request.Revision <= lineage.Highest
                ? new CompactedException(lineage.Revision, "etcd was put back to a backup")
                : new ArgumentOutOfRangeException(nameof(request), request.Revision, $"the store is at revision {lineage.Revision}");
        }
        catch (RpcException e)
        {
            throw new StoreException($"{what} in etcd: {Failures.Words(e)}", e);
        }
    }

    /// <summary>The oldest revision that can be listed: only whoever tries to watch an older one is told.</summary>
    private async Task<long> OldestAsync(long revision, CancellationToken cancel) => await requester.AskAsync(
        "ask for the oldest revision",
        async connection =>
        {
            using AsyncDuplexStreamingCall<WatchRequest, WatchResponse> call = connection.Watch.Watch(connection.Ask(cancel));
            await call.RequestStream.SendAsync(new WatchRequest { CreateRequest = new WatchCreateRequest { Key = keys.Layout, StartRevision = revision } }, cancel).ConfigureAwait(false);
            while (await call.ResponseStream.MoveNext(cancel).ConfigureAwait(false))
            {
                if (call.ResponseStream.Current is { CompactRevision: > 0 and long compacted })
                {
                    return compacted;
                }
            }

            return revision + 1;
        },
        cancel).ConfigureAwait(false);
}
