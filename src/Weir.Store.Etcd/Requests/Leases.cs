// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using Weir.Store.Etcd.Api;
using Weir.Store.Etcd.Connecting;

namespace Weir.Store.Etcd.Requests;

/// <summary>Leases, of which etcd counts the time in whole seconds, and gives at least the two or so that an election may take.</summary>
internal sealed class Leases(Requester requester)
{
    internal async ValueTask<long> GrantAsync(TimeSpan timeToLive, CancellationToken cancel)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(timeToLive, TimeSpan.Zero);
        var request = new LeaseGrantRequest { TTL = (long)Math.Ceiling(timeToLive.TotalSeconds) };

        // Asked twice there may be one lease too many, which ends by itself.
        LeaseGrantResponse answer = await AskAsync(
            "get a lease", 0, async connection => await connection.Lease.LeaseGrantAsync(request, connection.Ask(cancel)).ConfigureAwait(false), cancel).ConfigureAwait(false);
        return answer.Error.Length == 0 ? answer.ID : throw new StoreException($"get a lease of {timeToLive.TotalSeconds} s from etcd: {answer.Error}");
    }

    internal async ValueTask KeepAliveAsync(long lease, CancellationToken cancel)
    {
        LeaseKeepAliveResponse? answer = await AskAsync(
            "keep a lease alive",
            lease,
            async connection =>
            {
                using AsyncDuplexStreamingCall<LeaseKeepAliveRequest, LeaseKeepAliveResponse> call = connection.Lease.LeaseKeepAlive(connection.Ask(cancel));
                await call.RequestStream.SendAsync(new LeaseKeepAliveRequest { ID = lease }, cancel).ConfigureAwait(false);
                LeaseKeepAliveResponse? first = await call.ResponseStream.MoveNext(cancel).ConfigureAwait(false) ? call.ResponseStream.Current : null;
                return first ?? throw new RpcException(new Status(StatusCode.Unavailable, "the stream ended without an answer"));
            },
            cancel).ConfigureAwait(false);
        if (answer.TTL <= 0)
        {
            throw new LeaseNotFoundException(lease);
        }
    }

    internal async ValueTask RevokeAsync(long lease, CancellationToken cancel)
    {
        int asked = 0;
        try
        {
            await AskAsync(
                "end a lease",
                lease,
                async connection =>
                {
                    asked++;
                    return await connection.Lease.LeaseRevokeAsync(new LeaseRevokeRequest { ID = lease }, connection.Ask(cancel)).ConfigureAwait(false);
                },
                cancel).ConfigureAwait(false);
        }
        catch (LeaseNotFoundException) when (asked > 1)
        {
            // The first time it was ended, and the answer was lost.
        }
    }

    /// <summary>Which of them is over; the first, if nobody can tell.</summary>
    internal async Task<long> FindLostAsync(IReadOnlyList<long> leases)
    {
        foreach (long lease in leases.Count > 1 ? leases : [])
        {
            LeaseTimeToLiveResponse answer = await AskAsync(
                "ask for a lease",
                lease,
                async connection => await connection.Lease.LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = lease }, connection.Ask()).ConfigureAwait(false),
                CancellationToken.None).ConfigureAwait(false);
            if (answer.TTL <= 0)
            {
                return lease;
            }
        }

        return leases[0];
    }

    private async Task<T> AskAsync<T>(string what, long lease, Func<Connection, Task<T>> ask, CancellationToken cancel)
    {
        try
        {
            return await requester.AskAsync(what, ask, cancel).ConfigureAwait(false);
        }
        catch (RpcException e) when (Failures.IsLeaseNotFound(e))
        {
            throw new LeaseNotFoundException(lease);
        }
        catch (RpcException e)
        {
            throw new StoreException($"{what} in etcd: {Failures.Words(e)}", e);
        }
    }
}
