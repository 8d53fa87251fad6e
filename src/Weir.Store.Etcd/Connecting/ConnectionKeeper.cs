// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using Microsoft.Extensions.Logging;
using Weir.Store.Etcd.Api;

namespace Weir.Store.Etcd.Connecting;

/// <summary>Keeps one connection to a member that can answer, as long as there is such a member: asks it now and then, leaves it when it
/// does not answer, and finds another.</summary>
internal sealed class ConnectionKeeper : IAsyncDisposable
{
    private readonly EtcdOptions _options;
    private readonly KeySpace _keys;
    private readonly ILogger _log;
    private readonly Lineage _lineage;
    private readonly Action<string, long, long> _restored;
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _closing = new();
    private readonly Dictionary<string, string> _errors = [];
    private readonly string[] _endpoints;
    private readonly Task _loop;
    private readonly TaskCompletionSource<long> _first = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource<Connection> _next = NewSource();
    private Connection? _current;
    private DateTimeOffset _since;
    private long _sinceTime;
    private string? _lastError;
    private long? _lastAnswer;

    /// <param name="restored">Told in words when etcd's history is another, with the highest revision that was known of the one before
    /// and the one it has now, before anybody gets the connection.</param>
    internal ConnectionKeeper(EtcdOptions options, KeySpace keys, Lineage lineage, ILogger log, Action<string, long, long> restored)
    {
        _options = options;
        _restored = restored;
        _keys = keys;
        _lineage = lineage;
        _log = log;
        (_since, _sinceTime) = (options.Time.GetUtcNow(), options.Time.GetTimestamp());
        _endpoints = [.. options.Endpoints];
        Random.Shared.Shuffle(_endpoints); // so that not every host asks the first one
        _loop = RunAsync();
    }

    internal event Action? StateChanged;

    /// <summary>Cancelled when the store is closed.</summary>
    internal CancellationToken Closing => _closing.Token;

    /// <summary>etcd's revision when it first answered, before anything was asked of it.</summary>
    internal Task<long> FirstRevision => _first.Task;

    internal EtcdState State
    {
        get
        {
            lock (_lock)
            {
                return new EtcdState(
                    _current?.Endpoint, _since, _lastError, _lastAnswer is { } at ? _options.Time.GetElapsedTime(at) : null, _lineage.Revision);
            }
        }
    }

    /// <summary>Whether no member has answered for so long that nobody need wait for one.</summary>
    internal bool IsAway
    {
        get
        {
            lock (_lock)
            {
                return _current is null && _options.Time.GetElapsedTime(_sinceTime) > _options.RequestTimeout * 2;
            }
        }
    }

    /// <summary>The connection, as soon as there is one.</summary>
    internal Task<Connection> GetAsync(CancellationToken cancel)
    {
        lock (_lock)
        {
            return _current is { IsLost: false } current ? Task.FromResult(current) : _next.Task.WaitAsync(cancel);
        }
    }

    /// <summary>A member has answered, as of this moment.</summary>
    internal void Answered(Connection from, ResponseHeader header)
    {
        _lineage.Saw(from, header);
        lock (_lock)
        {
            _lastAnswer = _options.Time.GetTimestamp();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(false);
        lock (_lock)
        {
            _next.TrySetCanceled(_closing.Token);
            _first.TrySetCanceled(_closing.Token);
        }
    }

    private static TaskCompletionSource<Connection> NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task RunAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        var backoff = new Backoff(_options.Time, _options.RequestTimeout);
        int at = 0;
        while (!_closing.IsCancellationRequested)
        {
            try
            {
                Connection? connection = null;
                for (int tried = 0; tried < _endpoints.Length && connection is null; tried++)
                {
                    connection = await TryConnectAsync(_endpoints[at++ % _endpoints.Length]).ConfigureAwait(false);
                }

                if (connection is not null)
                {
                    using (connection)
                    {
                        long since = _options.Time.GetTimestamp();
                        await KeepAsync(connection).ConfigureAwait(false);
                        if (_options.Time.GetElapsedTime(since) > _options.RequestTimeout)
                        {
                            backoff.Reset();
                        }
                    }
                }

                await backoff.WaitAsync(_closing.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (_closing.IsCancellationRequested)
            {
            }
#pragma warning disable CA1031 // Whatever it is, etcd is connected to again.
            catch (Exception e)
#pragma warning restore CA1031
            {
                Log.Mistake(_log, e);
                await Task.Delay(_options.RequestTimeout, _options.Time, CancellationToken.None).ConfigureAwait(false);
            }
        }
    }

    private async Task<Connection?> TryConnectAsync(string endpoint)
    {
        Connection? connection = null;
        using var soon = CancellationTokenSource.CreateLinkedTokenSource(_closing.Token);
        soon.CancelAfter(_options.RequestTimeout);
        try
        {
            connection = new Connection(endpoint, _options, Left);
            await connection.LogInAsync(soon.Token).ConfigureAwait(false);
            long before = _lineage.Revision;
            RangeResponse answer = await AskLayoutAsync(connection, soon.Token).ConfigureAwait(false);
            string? difference = await _lineage.DifferenceAsync(connection, answer.Header, before, soon.Token).ConfigureAwait(false);
            if (difference is not null || before == 0)
            {
                _lineage.Begin(answer.Header);
            }

            if (difference is not null)
            {
                Log.Restored(_log, difference);
                _restored(difference, before, answer.Header.Revision);
            }

            Answered(connection, answer.Header);
            _first.TrySetResult(answer.Header.Revision);
            return connection;
        }
        catch (Exception e) when (e is RpcException or StoreException or OperationCanceledException)
        {
            connection?.Dispose();
            _closing.Token.ThrowIfCancellationRequested();
            Note(endpoint, e is OperationCanceledException or RpcException { StatusCode: StatusCode.Cancelled } ? "no answer in time" : Failures.FirstWords(e, connection?.IsSecure ?? false));
            return null;
        }
    }

    private async Task<RangeResponse> AskLayoutAsync(Connection connection, CancellationToken cancel)
    {
        RangeResponse answer = await connection.Kv.RangeAsync(new RangeRequest { Key = _keys.Layout }, connection.Ask(cancel)).ConfigureAwait(false);
        connection.Layout = Layout.Read(answer, _keys);
        return answer;
    }

    /// <summary>Lends the connection to everybody until it is lost.</summary>
    private async Task KeepAsync(Connection connection)
    {
        Publish(connection);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(_closing.Token, connection.Lost);
        try
        {
            while (true)
            {
                await Task.Delay(_options.RequestTimeout, _options.Time, ended.Token).ConfigureAwait(false);
                await LookAsync(connection, ended.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested)
        {
        }
        catch (Exception e) when (e is RpcException or StoreException)
        {
            connection.Fail(ended.IsCancellationRequested ? "it is closed" : Failures.Words(e));
        }

        _closing.Token.ThrowIfCancellationRequested();
    }

    /// <summary>Whether it still answers, and is still the one that is wanted.</summary>
    private async Task LookAsync(Connection connection, CancellationToken cancel)
    {
        if (connection.Stamp != TlsFiles.Stamp(_options))
        {
            connection.Fail("there are other certificates now");
            return;
        }

        string? token = connection.Token;
        try
        {
            Answered(connection, (await AskLayoutAsync(connection, cancel).ConfigureAwait(false)).Header);
        }
        catch (RpcException e) when (Failures.Of(e) == Failure.Token)
        {
            await connection.RenewTokenAsync(token, cancel).ConfigureAwait(false);
            Answered(connection, (await AskLayoutAsync(connection, cancel).ConfigureAwait(false)).Header);
        }
    }

    private void Publish(Connection connection)
    {
        lock (_lock)
        {
            if (connection.IsLost)
            {
                return;
            }

            _current = connection;
            (_since, _sinceTime) = (_options.Time.GetUtcNow(), _options.Time.GetTimestamp());
            _errors.Clear();
            _next.TrySetResult(connection);
            _next = NewSource();
        }

        Log.Connected(_log, connection.Endpoint, _lineage.Revision);
        StateChanged?.Invoke();
    }

    private void Left(Connection connection)
    {
        lock (_lock)
        {
            if (_current != connection || _closing.IsCancellationRequested)
            {
                return;
            }

            _current = null;
            (_since, _sinceTime) = (_options.Time.GetUtcNow(), _options.Time.GetTimestamp());
            _lastError = $"{connection.Endpoint}: {connection.Why}";
            _errors[connection.Endpoint] = connection.Why ?? "";
        }

        Log.Lost(_log, connection.Endpoint, connection.Why ?? "");
        StateChanged?.Invoke();
    }

    /// <summary>What keeps an endpoint from being used.</summary>
    private void Note(string endpoint, string why)
    {
        string all;
        lock (_lock)
        {
            if (_errors.TryGetValue(endpoint, out string? before) && before == why)
            {
                return;
            }

            _errors[endpoint] = why;
            all = string.Join("; ", _errors.Order().Select(error => $"{error.Key}: {error.Value}"));
            _lastError = all;
        }

        Log.Unreachable(_log, all);
        StateChanged?.Invoke();
    }
}
