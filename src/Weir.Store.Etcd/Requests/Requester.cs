// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using Weir.Store.Etcd.Connecting;

namespace Weir.Store.Etcd.Requests;

/// <summary>Asks etcd, and asks another member when one does not answer.</summary>
internal sealed class Requester(ConnectionKeeper keeper, EtcdOptions options)
{
    /// <summary>As many times etcd may ask for another token before that is its answer.</summary>
    private const int MaxRenewals = 2;

    internal ConnectionKeeper Keeper => keeper;

    /// <summary>Asks what may be asked twice.</summary>
    /// <param name="what">Is being done, for messages.</param>
    /// <exception cref="StoreException">Nobody answers.</exception>
    /// <exception cref="RpcException">etcd refuses it.</exception>
    internal async Task<T> AskAsync<T>(string what, Func<Connection, Task<T>> ask, CancellationToken cancel)
    {
        using Patience patience = Begin(what, cancel);
        return await AskAsync(patience, ask, cancel).ConfigureAwait(false);
    }

    /// <summary>Asks what may be asked twice, as part of something else.</summary>
    /// <exception cref="StoreException">Nobody answers.</exception>
    /// <exception cref="RpcException">etcd refuses it.</exception>
    internal static async Task<T> AskAsync<T>(Patience patience, Func<Connection, Task<T>> ask, CancellationToken cancel)
    {
        while (true)
        {
            Connection connection = await patience.ConnectAsync().ConfigureAwait(false);
            string? token = connection.Token;
            (T? answer, RpcException? failed) = await TryAsync(connection, ask, cancel).ConfigureAwait(false);
            if (failed is null)
            {
                return answer!;
            }

            if (await patience.TakeAsync(connection, token, failed).ConfigureAwait(false) == Failure.Refused)
            {
                throw failed;
            }
        }
    }

    /// <summary>Asks one member once.</summary>
    internal static async Task<(T? Answer, RpcException? Failed)> TryAsync<T>(Connection connection, Func<Connection, Task<T>> ask, CancellationToken cancel)
    {
        try
        {
            return (await ask(connection).ConfigureAwait(false), null);
        }
        catch (RpcException e)
        {
            cancel.ThrowIfCancellationRequested();
            return (default, e);
        }
        catch (ObjectDisposedException) when (connection.IsLost)
        {
            return (default, new RpcException(new Status(StatusCode.Unavailable, "", new ConnectionLostException(connection.Endpoint))));
        }
    }

    internal Patience Begin(string what, CancellationToken cancel) => new(this, what, cancel);

    /// <summary>How long one thing is tried.</summary>
    internal sealed class Patience : IDisposable
    {
        private readonly Requester _requester;
        private readonly string _what;
        private readonly CancellationToken _cancel;
        private readonly CancellationTokenSource _over;
        private int _renewals;

        internal Patience(Requester requester, string what, CancellationToken cancel)
        {
            ObjectDisposedException.ThrowIf(requester.Keeper.Closing.IsCancellationRequested, typeof(EtcdKeyValues));
            cancel.ThrowIfCancellationRequested();
            (_requester, _what, _cancel) = (requester, what, cancel);
            _over = CancellationTokenSource.CreateLinkedTokenSource(cancel, requester.Keeper.Closing);

            // Time enough to leave a member that does not answer, and another; none of it when nobody has answered for long.
            _over.CancelAfter(requester.Options.RequestTimeout * (requester.Keeper.IsAway ? 1 : 3));
        }

        /// <exception cref="StoreException">There is no connection, and was none for long enough.</exception>
        internal async Task<Connection> ConnectAsync()
        {
            try
            {
                _over.Token.ThrowIfCancellationRequested();
                return await _requester.Keeper.GetAsync(_over.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                _cancel.ThrowIfCancellationRequested();
                ObjectDisposedException.ThrowIf(_requester.Keeper.Closing.IsCancellationRequested, typeof(EtcdKeyValues));
                throw new StoreException($"{_what}: etcd does not answer ({_requester.Keeper.State.LastError ?? "nothing is known yet"}); look at the members, and at the way to them");
            }
        }

        /// <summary>Draws the consequence of a failure for the connection, so that it can be tried again; what is refused cannot.</summary>
        /// <param name="token">With which it was asked.</param>
        internal async Task<Failure> TakeAsync(Connection connection, string? token, RpcException failed)
        {
            Failure failure = Failures.Of(failed);
            switch (failure)
            {
                case Failure.Token when _renewals++ < MaxRenewals:
                    await RenewAsync(connection, token).ConfigureAwait(false);
                    break;
                case Failure.Token:
                    return Failure.Refused;
                case Failure.Lost or Failure.NotSent:
                    connection.Fail(Failures.Words(failed));
                    break;
                default:
                    break;
            }

            return failure;
        }

        public void Dispose() => _over.Dispose();

        private static async Task RenewAsync(Connection connection, string? token)
        {
            try
            {
                await connection.RenewTokenAsync(token, connection.Lost).ConfigureAwait(false);
            }
            catch (Exception e) when (e is RpcException or OperationCanceledException or ObjectDisposedException)
            {
                // A connection is of no use to a user that etcd does not know.
                connection.Fail(Failures.Words(e));
            }
        }
    }

    private EtcdOptions Options => options;
}
