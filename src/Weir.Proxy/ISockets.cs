// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Linux;

namespace Weir.Proxy;

/// <summary>The sockets that connections are made of, by number, never blocking: the kernel's, or a test's.</summary>
internal interface ISockets
{
    /// <summary>Begins to connect; from an address if one is given, whosesoever it is.</summary>
    /// <returns>The socket, or a negative errno. Writable when the connection stands or has failed.</returns>
    int Connect(IPEndPoint destination, IPEndPoint? source);

    /// <summary>What became of a connection attempt: 0 or an errno.</summary>
    int TakeError(int socket);

    /// <summary>The connection stands: small pieces are sent at once from here on.</summary>
    void Tune(int socket);

    /// <returns>Bytes; 0: the other end sends no more; or a negative errno.</returns>
    int Receive(int socket, Span<byte> buffer);

    /// <param name="moreFollows">What is sent or ended right behind may go out in one packet with it.</param>
    /// <returns>Bytes, maybe fewer than asked; or a negative errno.</returns>
    int Send(int socket, ReadOnlySpan<byte> data, bool moreFollows);

    /// <summary>Says that no more is sent.</summary>
    void ShutdownSend(int socket);

    void Close(int socket);

    /// <summary>Ends the connection with a reset.</summary>
    void Reset(int socket);

    /// <summary>Begins to watch a socket.</summary>
    /// <param name="token">Comes back with each event.</param>
    void Watch(int socket, EpollEvents events, ulong token);

    /// <summary>Watches for something else; errors and hang-ups are always watched.</summary>
    void Rewatch(int socket, EpollEvents events, ulong token);

    /// <summary>Watches for nothing more, not even for hang-ups.</summary>
    void Unwatch(int socket);
}
