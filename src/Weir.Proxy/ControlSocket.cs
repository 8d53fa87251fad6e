// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using Google.Protobuf;
using Weir.Api;
using Weir.Linux;

namespace Weir.Proxy;

/// <summary>The proxy's socket: takes policies from the agent, tells it what happens, and gives the listeners
/// to a successor. One agent at a time; the last one that sent policies is it.</summary>
internal sealed class ControlSocket : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly ProxyServer _server;
    private readonly Action _onFirstPolicies;
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly Lock _lock = new();
    private CancellationTokenSource? _reporting;
    private NetworkStream? _wanting; // who last said whether it wants allowed requests
    private bool _hasPolicies;

    /// <param name="onFirstPolicies">Called before the first policies are acknowledged.</param>
    public ControlSocket(ProxyServer server, Action onFirstPolicies)
    {
        _server = server;
        _onFirstPolicies = onFirstPolicies;
        string path = server.Options.Socket;
        string temporary = $"{path}.{Environment.ProcessId}";
        File.Delete(temporary);
        _socket.Bind(new UnixDomainSocketEndPoint(temporary));
        File.SetUnixFileMode(temporary, OwnerOnly);
        _socket.Listen(8);
        File.Move(temporary, path, overwrite: true);
        GuardedThread.Lasting("control", Accept, Tell).Start();
    }

    public void Dispose()
    {
        _socket.Dispose();
        lock (_lock)
        {
            _reporting?.Cancel();
        }
    }

    private void Accept()
    {
        while (true)
        {
            try
            {
                Socket peer = _socket.Accept();
                GuardedThread.Once("agent", () => Serve(peer), Tell).Start();
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private void Tell(Exception e) => _server.Reporter.Log($"serving the agent failed: {e}", isError: true);

    private void Serve(Socket peer)
    {
        using var stream = new NetworkStream(peer, ownsSocket: true);
        var writing = new Lock();
        try
        {
            Write(stream, writing, new FromProxy
            {
                Hello = new ProxyHello { Version = _server.Options.Version, Pid = Environment.ProcessId, Port = _server.Port },
            });
            while (true)
            {
                Handle(ToProxy.Parser.ParseDelimitedFrom(stream), stream, writing);
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidProtocolBufferException)
        {
            // Whoever it was has gone; what was in force stays so.
        }
        finally
        {
            Want(stream, isGone: true, allowedRequests: false);
        }
    }

    /// <summary>An agent that goes must not take away what the next one has asked for already.</summary>
    private void Want(NetworkStream stream, bool isGone, bool allowedRequests)
    {
        lock (_lock)
        {
            if (!isGone || _wanting == stream)
            {
                _wanting = isGone ? null : stream;
                _server.Reporter.WantsAllowed = allowedRequests;
            }
        }
    }

    private void Handle(ToProxy message, NetworkStream stream, Lock writing)
    {
        switch (message.MessageCase)
        {
            case ToProxy.MessageOneofCase.Policies:
                Enforce(message.Policies);
                Write(stream, writing, new FromProxy { Ack = new ProxyAck { Generation = message.Policies.Generation } });
                ReportTo(stream, writing);
                break;
            case ToProxy.MessageOneofCase.Wants:
                Want(stream, isGone: false, message.Wants.AllowedRequests);
                break;
            case ToProxy.MessageOneofCase.Stats:
                ProxyStats stats = _server.Stats();
                stats.Number = message.Stats.Number;
                Write(stream, writing, new FromProxy { Stats = stats });
                break;
            case ToProxy.MessageOneofCase.TakeOver:
                Write(stream, writing, new FromProxy { Sockets = new ProxySockets { Pid = Environment.ProcessId, Listeners = { _server.Listeners } } });
                break;
            case ToProxy.MessageOneofCase.Drain:
                _server.Drain();
                break;
            default:
                // The end of the stream reads as an empty message.
                throw new IOException("closed");
        }
    }

    private void Enforce(ProxyPolicies policies)
    {
        lock (_lock)
        {
            _server.Enforce(policies);
            if (!_hasPolicies)
            {
                _hasPolicies = true;
                _server.Start();
                _onFirstPolicies();
            }
        }
    }

    private void ReportTo(NetworkStream stream, Lock writing)
    {
        lock (_lock)
        {
            if (_reporting is not null)
            {
                // A newer agent, or the same one with new policies.
                _reporting.Cancel();
            }

            _reporting = new CancellationTokenSource();
            CancellationToken cancel = _reporting.Token;
            _ = Task.Run(() => ReportAsync(stream, writing, cancel), cancel);
        }
    }

    private async Task ReportAsync(NetworkStream stream, Lock writing, CancellationToken cancel)
    {
        try
        {
            while (await _server.Reporter.Messages.WaitToReadAsync(cancel))
            {
                while (!cancel.IsCancellationRequested && _server.Reporter.Messages.TryRead(out FromProxy? message))
                {
                    Write(stream, writing, message);
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException)
        {
            // The agent has gone, or has sent new policies: then another goes on.
        }
    }

    private static void Write(NetworkStream stream, Lock writing, FromProxy message)
    {
        lock (writing)
        {
            message.WriteDelimitedTo(stream);
        }
    }
}
