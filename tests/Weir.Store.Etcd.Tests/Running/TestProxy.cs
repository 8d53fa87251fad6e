// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Sockets;

namespace Weir.Store.Etcd.Tests.Running;

/// <summary>A network between a client and etcd that can be slow, swallow answers, or break.</summary>
internal sealed class TestProxy : IAsyncDisposable
{
    private readonly TcpListener _listener;
    private readonly string _target;
    private readonly CancellationTokenSource _closing = new();
    private readonly List<Socket> _sockets = [];
    private readonly List<(Socket Server, byte[] Bytes)> _held = [];
    private readonly Task _loop;

    internal static TestProxy To(EtcdMember member, IPAddress? at = null) => new(member.Address, at ?? IPAddress.Loopback);

    private TestProxy(string target, IPAddress at)
    {
        _target = target;
        _listener = new TcpListener(at, 0);
        _listener.Start();
        _loop = AcceptAsync();
    }

    internal string Endpoint => $"http://{_listener.LocalEndpoint}";

    internal int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>How long each piece is under way, at most 16 KiB of it.</summary>
    internal TimeSpan Delay { get; set; }

    /// <summary>Whether answers get lost, while requests arrive.</summary>
    internal bool SwallowsAnswers { get; set; }

    /// <summary>Whether requests get lost.</summary>
    internal bool SwallowsRequests { get; set; }

    /// <summary>Whether requests stay under way until they are released, also when their client is gone.</summary>
    internal bool HoldsRequests { get; set; }

    internal bool RefusesConnections { get; set; }

    /// <summary>Breaks every connection; those made afterwards are whole again.</summary>
    internal void Cut()
    {
        (SwallowsAnswers, SwallowsRequests) = (false, false);
        lock (_sockets)
        {
            _sockets.ForEach(socket => socket.Dispose());
            _sockets.Clear();
        }
    }

    /// <summary>Lets what was held arrive, each on the connection that it was for, and waits until etcd has had time to act.</summary>
    internal async Task ReleaseAsync()
    {
        (Socket Server, byte[] Bytes)[] held;
        lock (_sockets)
        {
            held = [.. _held];
            _held.Clear();
        }

        foreach ((Socket server, byte[] bytes) in held)
        {
            await server.SendAsync(bytes);
        }

        await Task.Delay(200);
        HoldsRequests = false;
    }

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        _listener.Dispose();
        Cut();
        await _loop;
        _closing.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                Socket client = await _listener.AcceptSocketAsync(_closing.Token);
                if (RefusesConnections)
                {
                    client.Dispose();
                    continue;
                }

                var server = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                lock (_sockets)
                {
                    _sockets.AddRange([client, server]);
                }

                _ = RelayAsync(client, server);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task RelayAsync(Socket client, Socket server)
    {
        try
        {
            await server.ConnectAsync(IPAddress.Parse(_target), 2379, _closing.Token);
            await Task.WhenAny(PumpAsync(client, server, false), PumpAsync(server, client, true));
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }

        client.Dispose();
        while (HoldsRequests && !_closing.IsCancellationRequested)
        {
            await Task.Delay(10);
        }

        server.Dispose();
    }

    private async Task PumpAsync(Socket from, Socket to, bool isAnswer)
    {
        try
        {
            byte[] buffer = new byte[16 << 10];
            while (await from.ReceiveAsync(buffer, _closing.Token) is > 0 and int count)
            {
                await Task.Delay(Delay, _closing.Token);
                if (HoldsRequests && !isAnswer)
                {
                    lock (_sockets)
                    {
                        _held.Add((to, buffer[..count]));
                    }
                }
                else if (!(isAnswer ? SwallowsAnswers : SwallowsRequests))
                {
                    await to.SendAsync(buffer.AsMemory(0, count), _closing.Token);
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }
    }
}
