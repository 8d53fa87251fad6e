// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Datapath.Abi;
using Weir.Linux;

namespace Weir.Proxy;

/// <summary>TCP as the kernel speaks it, watched by a worker's epoll.</summary>
internal sealed class KernelSockets(Epoll poll) : ISockets
{
    public int Connect(IPEndPoint destination, IPEndPoint? source) => TcpSocket.Connect(destination, source, (uint)ProxyMark.MarkFromProxy);

    public int TakeError(int socket) => TcpSocket.TakeError(socket);

    public void Tune(int socket) => TcpSocket.Tune(socket, Worker.KeepAliveSeconds);

    public int Receive(int socket, Span<byte> buffer) => TcpSocket.Receive(socket, buffer);

    public int Send(int socket, ReadOnlySpan<byte> data, bool moreFollows) => TcpSocket.Send(socket, data, moreFollows);

    public void ShutdownSend(int socket) => TcpSocket.ShutdownSend(socket);

    public void Close(int socket) => TcpSocket.Close(socket);

    public void Reset(int socket) => TcpSocket.Reset(socket);

    public void Watch(int socket, EpollEvents events, ulong token) => poll.Add(socket, events, token);

    public void Rewatch(int socket, EpollEvents events, ulong token) => poll.Modify(socket, events, token);

    public void Unwatch(int socket) => poll.Remove(socket);
}
