// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;

namespace Weir.Store.Etcd.Connecting;

internal static class Streams
{
    /// <summary>Sends on a stream, which fails as everything else does when its connection is gone.</summary>
    /// <exception cref="RpcException">It cannot be sent.</exception>
    internal static async Task SendAsync<T>(this IClientStreamWriter<T> stream, T message, CancellationToken cancel)
    {
        try
        {
            await stream.WriteAsync(message, cancel).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or InvalidOperationException and not ObjectDisposedException)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, e.Message, e));
        }
    }
}
