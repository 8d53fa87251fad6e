// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Linux;

namespace Weir.Proxy.Tests.Memory;

/// <summary>Sockets by number, without a kernel.</summary>
internal sealed class MemorySockets : ISockets
{
    private readonly List<MemorySocket> _sockets = [];

    public IReadOnlyList<MemorySocket> All => _sockets;

    /// <summary>Errno of the next calls of connect, in their order; then they succeed.</summary>
    public Queue<int> ConnectErrors { get; } = [];

    /// <summary>What the next attempts to connect come to, once they are over.</summary>
    public int LateError { get; set; }

    /// <summary>They are over as soon as they are begun.</summary>
    public bool ConnectsAtOnce { get; set; }

    public List<(IPEndPoint Destination, IPEndPoint? Source)> Connects { get; } = [];

    public MemorySocket New()
    {
        var socket = new MemorySocket(_sockets.Count);
        _sockets.Add(socket);
        return socket;
    }

    public int Connect(IPEndPoint destination, IPEndPoint? source)
    {
        Connects.Add((destination, source));
        if (ConnectErrors.TryDequeue(out int error) && error != 0)
        {
            return -error;
        }

        MemorySocket socket = New();
        socket.IsConnecting = !ConnectsAtOnce;
        socket.ConnectError = LateError;
        return socket.Number;
    }

    public int TakeError(int socket) => _sockets[socket].TakeError();

    public void Tune(int socket) => _sockets[socket].IsTuned = true;

    public int Receive(int socket, Span<byte> buffer) => _sockets[socket].Receive(buffer);

    public int Send(int socket, ReadOnlySpan<byte> data, bool moreFollows) => _sockets[socket].Send(data, moreFollows);

    public void ShutdownSend(int socket) => _sockets[socket].ShutdownSend();

    public void Close(int socket) => _sockets[socket].Close(reset: false);

    public void Reset(int socket) => _sockets[socket].Close(reset: true);

    public void Watch(int socket, EpollEvents events, ulong token) => _sockets[socket].Watch(events, token);

    public void Rewatch(int socket, EpollEvents events, ulong token) => _sockets[socket].Watch(events, token);

    public void Unwatch(int socket) => _sockets[socket].Unwatch();
}
