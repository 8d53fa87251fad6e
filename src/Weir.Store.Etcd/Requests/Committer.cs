// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf;
using Grpc.Core;
using Weir.Store.Etcd.Api;
using Weir.Store.Etcd.Connecting;

namespace Weir.Store.Etcd.Requests;

/// <summary>
/// Carries transactions through, each once. What was sent and not answered may have been done, or may still be when its member
/// wakes up. So each holds only while its fence is not there, and puts a name of its own beside what it changes: after a lost
/// answer the fence is put, and nothing is done behind it any more; then the revisions since tell whether it was. If not, it is
/// sent again with another fence.
/// </summary>
internal sealed class Committer(Requester requester, KeySpace keys, Lineage lineage, Leases leases)
{
    /// <summary>A fence stays for far longer than a request can be under way, whose own time-out goes with it.</summary>
    private const long FenceSeconds = 3600;

    private volatile ByteString _fence = keys.Fence(NewName());

    internal async ValueTask<TransactionResult> CommitAsync(Transaction transaction, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        string what = $"write {Describe(transaction)}";
        ByteString? name = ChangesSomething(transaction) ? ByteString.CopyFromUtf8(NewName()) : null;
        bool mayBeDone = false;
        using Requester.Patience patience = requester.Begin(what, cancel);
        while (true)
        {
            Connection connection = await patience.ConnectAsync().ConfigureAwait(false);
            (Layout layout, ByteString fence, string? token) = (connection.Layout, _fence, connection.Token);
            TxnRequest request = Request(transaction, layout, fence, name);
            long before = lineage.Revision;
            (TxnResponse? answer, RpcException? failed) = await Requester.TryAsync(
                connection, async c => await c.Kv.TxnAsync(request, c.Ask()).ConfigureAwait(false), CancellationToken.None).ConfigureAwait(false);
            if (failed is not null)
            {
                switch (await patience.TakeAsync(connection, token, failed).ConfigureAwait(false))
                {
                    case Failure.Refused:
                        throw await RefusedAsync(transaction, request, what, failed).ConfigureAwait(false);
                    case Failure.Lost when await FindAsync(patience, name, fence, before, what).ConfigureAwait(false) is { } done:
                        return new TransactionResult(true, done);
                    case Failure.Lost:
                        mayBeDone = name is null;
                        break;
                    default:
                        break;
                }

                continue;
            }

            requester.Keeper.Answered(connection, answer!.Header);
            if (answer.Succeeded)
            {
                Remember(connection, request, name, answer.Header.Revision);
                return new TransactionResult(true, answer.Header.Revision);
            }

            connection.Layout = Layout.Read(answer.Responses[0].ResponseRange, keys);
            bool isFenced = answer.Responses[1].ResponseRange.Kvs.Count > 0;
            if (connection.Layout == layout && !isFenced)
            {
                return mayBeDone ? throw Unknown(what, null) : new TransactionResult(false, answer.Header.Revision);
            }
        }
    }

    private static string NewName() => $"{Guid.NewGuid():N}";

    /// <summary>Whether it takes a revision whenever it holds: what may change nothing must not put its name either.</summary>
    private static bool ChangesSomething(Transaction transaction) =>
        transaction.Puts.Count > 0 || transaction.Comparisons.Any(comparison => comparison.ModRevision > 0 && transaction.Deletes.Contains(comparison.Key));

    private static OutcomeUnknownException Unknown(string what, Exception? inner) =>
        new($"{what}: etcd was lost while it had this ({(inner is null ? "and a deletion leaves no trace" : Failures.Words(inner))}), and nobody knows whether it was done: read the records again", inner);

    private static string Describe(Transaction transaction)
    {
        string? first = transaction.Puts.Select(put => put.Key).Concat(transaction.Deletes).FirstOrDefault();
        int more = transaction.Puts.Count + transaction.Deletes.Count - 1;
        return first is null ? "nothing" : more == 0 ? $"\"{first}\"" : $"\"{first}\" and {more} more";
    }

    private static Compare Unchanged(ByteString key, long modRevision) =>
        new() { Result = Compare.Types.CompareResult.Equal, Target = Compare.Types.CompareTarget.Mod, Key = key, ModRevision = modRevision };

    private static RequestOp Put(ByteString key, ByteString value, long lease) => new() { RequestPut = new PutRequest { Key = key, Value = value, Lease = lease } };

    private static RequestOp Read(ByteString key) => new() { RequestRange = new RangeRequest { Key = key } };

    private TxnRequest Request(Transaction transaction, Layout layout, ByteString fence, ByteString? name)
    {
        var request = new TxnRequest { Compare = { Unchanged(keys.Layout, layout.ModRevision), Unchanged(fence, 0) }, Failure = { Read(keys.Layout), Read(fence) } };
        request.Compare.AddRange(transaction.Comparisons.Select(comparison => Unchanged(keys.Key(comparison.Key), comparison.ModRevision)));
        request.Success.AddRange(transaction.Puts.Select(put => Put(keys.Key(put.Key), UnsafeByteOperations.UnsafeWrap(put.Value), put.Lease)));
        request.Success.AddRange(transaction.Deletes.Select(key => new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = keys.Key(key) } }));
        if (name is not null)
        {
            request.Success.Add(Put(keys.Last, name, 0));
            if (layout.ModRevision == 0)
            {
                request.Success.Add(Put(keys.Layout, Layout.Text, 0));
            }
        }

        return request;
    }

    private void Remember(Connection connection, TxnRequest request, ByteString? name, long revision)
    {
        if (name is not null)
        {
            lineage.Saw(connection, keys.Last, revision, name);
            if (request.Success[^1].RequestPut.Key.Equals(keys.Layout))
            {
                connection.Layout = new Layout(revision);
            }
        }
    }

    private async Task<Exception> RefusedAsync(Transaction transaction, TxnRequest request, string what, RpcException e)
    {
        if (Failures.IsLeaseNotFound(e))
        {
            return new LeaseNotFoundException(await leases.FindLostAsync([.. transaction.Puts.Select(put => put.Lease).Where(lease => lease != 0).Distinct()]).ConfigureAwait(false));
        }

        string words = Failures.Words(e);
        bool isTooMany = words.Contains("too many operations", StringComparison.Ordinal);
        bool isTooLarge = words.Contains("request is too large", StringComparison.Ordinal) || Failures.IsTooLarge(e);
        return new StoreException(
            isTooMany ? $"{what} in etcd: {request.Success.Count} changes and {request.Compare.Count} comparisons at once are too many: etcd takes 128 of each (--max-txn-ops), of which the store needs two; write it in parts"
            : isTooLarge ? $"{what} in etcd: {request.CalculateSize()} bytes at once are too many: etcd takes 1.5 MiB (--max-request-bytes); write it in parts"
            : words.Contains("space exceeded", StringComparison.Ordinal) ? $"{what} in etcd: its quota is used up and it takes no more: compact and defragment it, then run 'etcdctl alarm disarm'"
            : $"{what} in etcd: {words}",
            e);
    }

    /// <summary>The revision of a transaction that was sent and not answered. Null: it was not done, and will not be; without a name
    /// only the latter.</summary>
    /// <exception cref="OutcomeUnknownException">etcd does not come back, or has forgotten it.</exception>
    private async Task<long?> FindAsync(Requester.Patience patience, ByteString? name, ByteString fence, long before, string what)
    {
        try
        {
            await FenceAsync(patience, fence).ConfigureAwait(false);
            var request = new RangeRequest { Key = keys.Last };
            while (name is not null)
            {
                RangeResponse answer = await Requester.AskAsync(
                    patience, async c => await c.Kv.RangeAsync(request, c.Ask()).ConfigureAwait(false), CancellationToken.None).ConfigureAwait(false);
                Record? last = answer.Kvs.FirstOrDefault();
                if (last is null || last.ModRevision <= before)
                {
                    return null;
                }

                if (last.Value.Equals(name))
                {
                    return last.ModRevision;
                }

                request.Revision = last.ModRevision - 1;
            }

            return null;
        }
        catch (Exception e) when (e is StoreException or RpcException or OperationCanceledException or ObjectDisposedException)
        {
            throw Unknown(what, e);
        }
    }

    /// <summary>Lets nothing be done any more that was sent with this fence.</summary>
    private async Task FenceAsync(Requester.Patience patience, ByteString fence)
    {
        if (fence.Equals(_fence))
        {
            _fence = keys.Fence(NewName());
        }

        LeaseGrantResponse lease = await Requester.AskAsync(
            patience, async c => await c.Lease.LeaseGrantAsync(new LeaseGrantRequest { TTL = FenceSeconds }, c.Ask()).ConfigureAwait(false), CancellationToken.None).ConfigureAwait(false);
        var request = new TxnRequest { Success = { Put(fence, ByteString.Empty, lease.ID) } };
        await Requester.AskAsync(patience, async c => await c.Kv.TxnAsync(request, c.Ask()).ConfigureAwait(false), CancellationToken.None).ConfigureAwait(false);
    }
}
