// SPDX-License-Identifier: Apache-2.0
using Weir.Linux;

namespace Weir.Proxy;

/// <summary>One of a connection's two sockets, with what waits to be sent to it and what came from it and is not
/// used yet.</summary>
internal sealed class ConnectionEnd(WorkerState worker, Tenant tenant, ulong token)
{
    private const int None = -1;
    private readonly ISockets _sockets = worker.Sockets;
    private int _socket = None;
    private EpollEvents _watched;
    private ByteQueue _toSend;
    private ByteQueue _unused;
    private Watching _watching;
    private int _connectError;
    private bool _endsWhenSent;
    private bool _hasSent;
    private bool _isTuned;

    private enum Watching
    {
        NotYet,
        Watched,
        NoMore,
    }

    public bool IsOpen => _socket != None;

    /// <summary>The connection does not stand yet.</summary>
    public bool IsConnecting { get; private set; }

    /// <summary>It sends no more.</summary>
    public bool HasEnded { get; set; }

    /// <summary>It was told that no more is sent to it.</summary>
    public bool IsShut { get; private set; }

    /// <summary>Bytes that it has not taken yet.</summary>
    public int Owed => _toSend.Length;

    /// <summary>Bytes of memory that wait with it, in either direction.</summary>
    public int Memory => _toSend.Memory + _unused.Memory;

    /// <summary>Bytes that came from it and wait for more.</summary>
    public int Unused => _unused.Length;

    /// <summary>Takes a socket that stands, and has what <see cref="ISockets.Tune"/> sets already.</summary>
    public void Open(int socket)
    {
        _socket = socket;
        _isTuned = true;
    }

    /// <summary>Takes one that is being connected.</summary>
    public void OpenConnecting(int socket)
    {
        _socket = socket;
        IsConnecting = true;
    }

    /// <summary>The attempt to connect is over.</summary>
    /// <returns>0 or an errno.</returns>
    public int Connected()
    {
        int error = _connectError != 0 ? _connectError : _sockets.TakeError(_socket);
        IsConnecting = error != 0;
        return error;
    }

    /// <summary>Once a second: one that has nothing to say must notice that the other end is gone.</summary>
    public void OnTick()
    {
        if (IsOpen && !IsConnecting)
        {
            Tune();
        }
    }

    /// <summary>Sends, or keeps what the kernel does not take now.</summary>
    /// <returns>False: the connection is broken.</returns>
    public bool Send(ReadOnlySpan<byte> data)
    {
        if (_socket == None || !_toSend.IsEmpty)
        {
            _toSend.Append(data);
            return true;
        }

        int sent = SendNow(data);
        if (IsConnecting)
        {
            // To a container it stands as soon as it is begun, mostly; if not, the kernel tells when it does, or that it failed.
            IsConnecting = sent < 0;
            _connectError = sent is < 0 and not -Errno.TryAgain ? -sent : 0;
        }
        else if (sent < 0 && sent != -Errno.TryAgain)
        {
            return false;
        }

        _toSend.Append(data[Math.Max(sent, 0)..]);
        return true;
    }

    /// <summary>Sends, and says in the same packet that nothing follows.</summary>
    /// <param name="closes">Nothing more will come from it: it is closed, unless it takes the bytes only later.</param>
    /// <returns>False: the connection is broken.</returns>
    public bool SendLast(ReadOnlySpan<byte> data, bool closes)
    {
        _endsWhenSent = true;
        if (!data.IsEmpty && !Send(data))
        {
            return false;
        }

        if (closes && _toSend.IsEmpty)
        {
            Close(reset: false);
        }
        else
        {
            End();
        }

        return true;
    }

    /// <summary>It takes more: sends what waits, and the end if that comes behind it.</summary>
    /// <returns>False: the connection is broken.</returns>
    public bool Flush()
    {
        while (!_toSend.IsEmpty)
        {
            int sent = SendNow(_toSend.Span);
            if (sent < 0)
            {
                return sent == -Errno.TryAgain;
            }

            _toSend.RemoveFirst(sent);
        }

        if (_endsWhenSent)
        {
            Shut();
        }

        return true;
    }

    /// <summary>Tells it, behind what waits, that no more is sent.</summary>
    public void End()
    {
        _endsWhenSent = true;
        if (_toSend.IsEmpty && IsOpen && !IsConnecting)
        {
            Shut();
        }
    }

    /// <summary>Receives behind what came before and is not used yet.</summary>
    /// <param name="length">Bytes in the buffer that are to be used or kept.</param>
    /// <returns>As of <see cref="ISockets.Receive"/>.</returns>
    public int Receive(Span<byte> buffer, out int length)
    {
        int before = TakeUnused(buffer);
        int received = _sockets.Receive(_socket, buffer.Slice(before, Math.Min(buffer.Length - before, worker.ReadBytes(tenant))));
        length = before + Math.Max(received, 0);
        return received;
    }

    /// <summary>What came from it and was not used.</summary>
    public int TakeUnused(Span<byte> buffer)
    {
        int length = _unused.Length;
        _unused.Span.CopyTo(buffer);
        _unused.Clear();
        return length;
    }

    /// <summary>Keeps what came from it until there is more.</summary>
    public void Keep(ReadOnlySpan<byte> data) => _unused.Append(data);

    /// <summary>Watches for what can be used now.</summary>
    /// <param name="reads">What it sends could go on.</param>
    public void Watch(bool reads)
    {
        if (!IsOpen || _watching == Watching.NoMore)
        {
            return;
        }

        EpollEvents events = IsConnecting || !_toSend.IsEmpty ? EpollEvents.Writable : 0;
        if (reads && !HasEnded && !IsConnecting)
        {
            events |= EpollEvents.Readable | EpollEvents.PeerEnded;
        }

        if (_watching == Watching.NotYet)
        {
            _watching = Watching.Watched;
            _sockets.Watch(_socket, events, token);
        }
        else if (events != _watched)
        {
            _sockets.Rewatch(_socket, events, token);
        }

        _watched = events;
    }

    /// <summary>Nothing more can happen to it: a hang-up would be told of without end.</summary>
    public void Unwatch()
    {
        if (_watching == Watching.Watched)
        {
            _sockets.Unwatch(_socket);
        }

        _watching = Watching.NoMore;
    }

    public void Close(bool reset)
    {
        if (!IsOpen)
        {
            return;
        }

        int socket = _socket;
        _socket = None;
        if (reset)
        {
            _sockets.Reset(socket);
        }
        else
        {
            _sockets.Close(socket);
        }

        Forget();
    }

    /// <summary>What came from it is not used any more.</summary>
    public void TakeNothingMore() => _unused.Clear();

    /// <summary>Lets go of all bytes.</summary>
    public void Forget()
    {
        _toSend.Clear();
        _unused.Clear();
    }

    /// <summary>The first piece goes out at once in any case: a connection for one request alone is not tuned.</summary>
    private int SendNow(ReadOnlySpan<byte> data)
    {
        if (_hasSent)
        {
            Tune();
        }

        int sent = _sockets.Send(_socket, data, _endsWhenSent);
        _hasSent |= sent > 0;
        return sent;
    }

    private void Tune()
    {
        if (!_isTuned)
        {
            _isTuned = true;
            _sockets.Tune(_socket);
        }
    }

    private void Shut()
    {
        if (!IsShut)
        {
            IsShut = true;
            _sockets.ShutdownSend(_socket);
        }
    }
}
