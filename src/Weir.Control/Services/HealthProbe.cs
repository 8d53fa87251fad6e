// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using Weir.Datapath.Abi;
using Weir.Net;
using Weir.Services;

namespace Weir.Control.Services;

/// <summary>One try at a backend: a connection, or a request.</summary>
internal static class HealthProbe
{
    private const int SocketLevel = 1; // SOL_SOCKET
    private const int MarkOption = 36; // SO_MARK

    /// <summary>A container on this host takes the try as the proxy's own, which no rule concerns.</summary>
    private const uint Mark = (uint)ProxyMark.MarkFromProxy;

    /// <returns>Null: it is well; else what is wrong.</returns>
    internal static async Task<string?> TryAsync(HealthCheck check, BackendAddress backend, CancellationToken cancel)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        patience.CancelAfter(check.Timeout);
        var target = new IPEndPoint(backend.Address, check.Port ?? backend.Port);
        try
        {
            return check.Kind == HealthCheckKind.Http
                ? await AskAsync(check, target, patience.Token)
                : await ConnectAndCloseAsync(target, patience.Token);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return $"no answer within {check.Timeout.TotalMilliseconds:0} ms";
        }
        catch (SocketException e)
        {
            return $"no connection to {target}: {e.SocketErrorCode}";
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return (e.InnerException as SocketException)?.SocketErrorCode is { } error ? $"no connection to {target}: {error}" : e.Message;
        }
    }

    private static async Task<string?> ConnectAndCloseAsync(IPEndPoint target, CancellationToken cancel)
    {
        using Socket socket = await ConnectAsync(target, cancel);
        return null;
    }

    private static async Task<string?> AskAsync(HealthCheck check, IPEndPoint target, CancellationToken cancel)
    {
        using var client = new HttpMessageInvoker(new SocketsHttpHandler
        {
            UseProxy = false,
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectCallback = async (_, token) => new NetworkStream(await ConnectAsync(target, token), ownsSocket: true),
        });
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri($"http://{target}{check.Path}"));
        request.Headers.Host = check.Host;
        request.Headers.ConnectionClose = true;
        request.Headers.UserAgent.Add(new ProductInfoHeaderValue("weir-health", "1"));
        using HttpResponseMessage response = await client.SendAsync(request, cancel);
        int status = (int)response.StatusCode;
        return status is >= 200 and < 400 ? null : $"GET {check.Path} was answered {status}";
    }

    private static async Task<Socket> ConnectAsync(IPEndPoint target, CancellationToken cancel)
    {
        var socket = new Socket(target.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.SetRawSocketOption(SocketLevel, MarkOption, BitConverter.GetBytes(Mark));
            await socket.ConnectAsync(target, cancel);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
