// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;
using Grpc.Core;
using Microsoft.Extensions.Logging;
using Weir.Store.Etcd.Api;
using Weir.Store.Etcd.Connecting;

namespace Weir.Store.Etcd.Watching;

/// <summary>Follows all changes under the prefix by one stream, over all connections without a gap, for every watch there is.</summary>
internal sealed class WatchHub
{
    private readonly ConnectionKeeper _keeper;
    private readonly EtcdOptions _options;
    private readonly KeySpace _keys;
    private readonly Lineage _lineage;
    private readonly ILogger _logger;
    private readonly WatchLog _log;
    private readonly Task _loop;
    private string? _said;
    private string? _token;

    internal WatchHub(ConnectionKeeper keeper, EtcdOptions options, KeySpace keys, Lineage lineage, WatchLog log, ILogger logger)
    {
        (_keeper, _options, _keys, _lineage, _log, _logger) = (keeper, options, keys, lineage, log, logger);
        _loop = RunAsync();
    }

    /// <summary>Ends when the store is closed.</summary>
    internal Task Ended => _loop;

    /// <param name="from">The first revision; 1: the first that etcd has after it answered for the first time.</param>
    /// <param name="generation">To which a first revision belongs that is of no listing.</param>
    internal async IAsyncEnumerable<RevisionChanges> FollowAsync(string prefix, long from, int? generation, [EnumeratorCancellation] CancellationToken cancel)
    {
        Watcher? watcher = await BeginAsync(prefix, from, generation, cancel).ConfigureAwait(false);
        if (watcher is null)
        {
            yield break;
        }

        try
        {
            while (!_keeper.Closing.IsCancellationRequested)
            {
                cancel.ThrowIfCancellationRequested();
                (IReadOnlyList<RevisionChanges> told, Task more) = _log.Read(watcher);
                foreach (RevisionChanges revision in told)
                {
                    yield return revision;
                }

                await Task.WhenAny(more, _loop).WaitAsync(cancel).ConfigureAwait(false);
            }
        }
        finally
        {
            _log.Leave(watcher);
        }
    }

    /// <summary>Null: the store is closed.</summary>
    private async Task<Watcher?> BeginAsync(string prefix, long from, int? generation, CancellationToken cancel)
    {
        if (generation is not null && from == 1)
        {
            // Nothing had been asked of etcd when the watch was: what this process does has a higher revision.
            try
            {
                from = await _keeper.FirstRevision.WaitAsync(cancel).ConfigureAwait(false) + 1;
            }
            catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
            {
                return null;
            }
        }

        return _log.Join(prefix, from, generation);
    }

    private async Task RunAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        var backoff = new Backoff(_options.Time, _options.RequestTimeout);
        while (!_keeper.Closing.IsCancellationRequested)
        {
            Connection? connection = null;
            try
            {
                Task changed = _log.Changed;
                if (_log.Begin() == 0)
                {
                    await changed.WaitAsync(_keeper.Closing).ConfigureAwait(false);
                    continue;
                }

                connection = await _keeper.GetAsync(_keeper.Closing).ConfigureAwait(false);
                await FollowAsync(connection, backoff.Reset).ConfigureAwait(false);
                continue;
            }
            catch (CompactedException e)
            {
                _log.Forget(e);
                continue;
            }
            catch (OperationCanceledException) when (_keeper.Closing.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException && connection is { IsLost: true })
            {
            }
            catch (RpcException e) when (connection is not null)
            {
                await TakeAsync(connection, e).ConfigureAwait(false);
            }
            catch (StoreException e) when (connection is not null)
            {
                Say(connection, e.Message);
            }
#pragma warning disable CA1031 // Whatever it is, the stream begins anew.
            catch (Exception e)
#pragma warning restore CA1031
            {
                Log.Mistake(_logger, e);
                connection?.Fail(e.Message);
            }

            await backoff.WaitAsync(_keeper.Closing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Follows one stream until somebody wants to begin earlier.</summary>
    private async Task FollowAsync(Connection connection, Action works)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(connection.Lost, _keeper.Closing);
        _token = connection.Token;
        using AsyncDuplexStreamingCall<WatchRequest, WatchResponse> call = connection.Watch.Watch(connection.Follow(ended.Token));
        long start = _log.Begin();
        Task rewind = _log.Rewind;
        if (start == 0)
        {
            return; // all readers went meanwhile, or etcd has another history
        }

        await call.RequestStream.SendAsync(
            new WatchRequest
            {
                CreateRequest = new WatchCreateRequest
                {
                    Key = _keys.First(""), RangeEnd = _keys.End(""), StartRevision = start, PrevKv = true, Fragment = true, ProgressNotify = true,
                },
            },
            ended.Token).ConfigureAwait(false);
        var assembler = new RevisionAssembler(_keys);
        while (true)
        {
            Task<bool> next = call.ResponseStream.MoveNext(ended.Token);
            if (await Task.WhenAny(next, rewind).ConfigureAwait(false) == rewind)
            {
                await ended.CancelAsync().ConfigureAwait(false);
                await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                return;
            }

            if (!await next.ConfigureAwait(false))
            {
                throw new RpcException(new Status(StatusCode.Unavailable, "the stream of changes ended"));
            }

            TakeIn(connection, call.ResponseStream.Current, assembler);
            _said = null;
            works();
        }
    }

    /// <exception cref="CompactedException">It cannot be told from there.</exception>
    /// <exception cref="StoreException">etcd refuses the watch.</exception>
    private void TakeIn(Connection connection, WatchResponse response, RevisionAssembler assembler)
    {
        if (response.Canceled)
        {
            throw response.CompactRevision > 0
                ? new CompactedException(response.CompactRevision)
                : new StoreException($"etcd does not tell of changes: {response.CancelReason}; look at the user's roles");
        }

        _lineage.Saw(connection, response.Header);
        if (response.Events.LastOrDefault(told => told.Kv.Key.Equals(_keys.Last) && told.Type == Event.Types.EventType.Put) is { Kv: { } last })
        {
            _lineage.Saw(connection, last.Key, last.ModRevision, last.Value);
        }

        _log.Add(assembler.Add(response));
    }

    private void Say(Connection connection, string why)
    {
        if (why != _said)
        {
            _said = why;
            Log.NotFollowed(_logger, connection.Endpoint, why);
        }
    }

    private async Task TakeAsync(Connection connection, RpcException e)
    {
        if (Failures.IsTooLarge(e))
        {
            _log.Forget(new CompactedException(_lineage.Revision, "etcd sent more changes at once than there is room for"));
        }
        else if (Failures.Of(e) == Failure.Token)
        {
            try
            {
                await connection.RenewTokenAsync(_token, connection.Lost).ConfigureAwait(false);
            }
            catch (Exception failed) when (failed is RpcException or OperationCanceledException or ObjectDisposedException)
            {
                connection.Fail(Failures.Words(failed));
            }
        }
        else if (Failures.Of(e) == Failure.Refused)
        {
            Say(connection, Failures.Words(e));
        }
        else if (!_keeper.Closing.IsCancellationRequested)
        {
            connection.Fail(Failures.Words(e));
        }
    }
}
