// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Linux;

namespace Weir.Proxy.Tests.Memory;

/// <summary>
/// A TCP socket of the proxy as the kernel would show it, and the peer at its other end. What
/// the peer has sent and how it ended decide on what epoll, recv and send say.
/// </summary>
internal sealed class MemorySocket(int number)
{
    private readonly List<byte> _toRead = [];
    private readonly List<byte> _taken = [];
    private bool _peerEnded;
    private bool _peerClosed;
    private bool _endWasRead;
    private bool _isRefused;

    public int Number { get; } = number;

    // What the proxy did.
    public bool IsShut { get; private set; }

    public bool IsClosed { get; private set; }

    public bool WasReset { get; private set; }

    public EpollEvents Watched { get; private set; }

    public bool IsWatched { get; private set; }

    public ulong Token { get; private set; }

    public bool IsTuned { get; set; }

    /// <summary>All that the proxy sent, as the peer sees it.</summary>
    public ReadOnlySpan<byte> ReceivedBytes => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_taken);

    public string Received => Encoding.Latin1.GetString([.. _taken]);

    /// <summary>How the pieces were cut that the proxy sent.</summary>
    public List<int> Sends { get; } = [];

    /// <summary>The last piece and the end went out in one packet.</summary>
    public bool EndedWithData { get; private set; }

    private bool LastSendWaits { get; set; }

    // What the test arranges.

    /// <summary>Bytes the proxy may send before the buffers are full.</summary>
    public int Room { get; set; } = int.MaxValue;

    public bool IsReset { get; private set; }

    public bool IsConnecting { get; set; }

    /// <summary>What becomes of the attempt to connect.</summary>
    public int ConnectError { get; set; }

    /// <summary>The peer sends.</summary>
    public void Says(string text) => Says(Encoding.Latin1.GetBytes(text));

    public void Says(ReadOnlySpan<byte> bytes) => _toRead.AddRange(bytes);

    /// <summary>The peer sends, unless it has ended or the proxy has closed.</summary>
    public void SaysIfItCan(string text)
    {
        if (!_peerEnded && !IsReset && !IsClosed)
        {
            Says(text);
        }
    }

    /// <summary>The peer sends no more, and still reads.</summary>
    public void Ends() => _peerEnded = true;

    /// <summary>The peer has left: what is sent to it is answered with a reset.</summary>
    public void Leaves()
    {
        _peerEnded = true;
        _peerClosed = true;
    }

    /// <summary>The peer resets the connection.</summary>
    public void Resets()
    {
        IsReset = true;
        if (!_peerEnded)
        {
            _toRead.Clear();
        }
    }

    // The kernel's side.

    public EpollEvents Ready()
    {
        if (!IsWatched || IsClosed)
        {
            return 0;
        }

        EpollEvents events = 0;
        if (IsConnecting)
        {
            return EpollEvents.Writable & Watched;
        }

        if (ConnectError != 0 || _isRefused)
        {
            return (EpollEvents.Writable & Watched) | EpollEvents.Error | EpollEvents.HangUp;
        }

        if (_toRead.Count > 0 || _peerEnded || IsReset)
        {
            events |= EpollEvents.Readable;
        }

        if (_peerEnded || IsReset)
        {
            events |= EpollEvents.PeerEnded;
        }

        if (Room > 0 || IsReset)
        {
            events |= EpollEvents.Writable;
        }

        events &= Watched;
        if (IsReset)
        {
            events |= EpollEvents.Error | EpollEvents.HangUp;
        }
        else if (_peerEnded && IsShut)
        {
            events |= EpollEvents.HangUp;
        }

        return events;
    }

    public int Receive(Span<byte> buffer)
    {
        CheckOpen();
        if (_toRead.Count > 0)
        {
            int count = Math.Min(buffer.Length, _toRead.Count);
            System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_toRead)[..count].CopyTo(buffer);
            _toRead.RemoveRange(0, count);
            return count;
        }

        if (_peerEnded)
        {
            // Once the end has come a reset behind it is no error of recv any more.
            _endWasRead = true;
            return 0;
        }

        return IsReset ? -Errno.ConnectionReset : -Errno.TryAgain;
    }

    public int Send(ReadOnlySpan<byte> data, bool moreFollows)
    {
        CheckOpen();
        if (IsConnecting || ConnectError != 0)
        {
            return IsConnecting ? -Errno.TryAgain : -TakeError();
        }

        if (IsReset || IsShut)
        {
            return -Errno.BrokenPipe;
        }

        if (Room == 0)
        {
            return -Errno.TryAgain;
        }

        int count = Math.Min(Room, data.Length);
        Room -= Room == int.MaxValue ? 0 : count;
        Sends.Add(count);
        LastSendWaits = moreFollows;
        if (_peerClosed)
        {
            IsReset = true;
            return count;
        }

        _taken.AddRange(data[..count]);
        return count;
    }

    public void ShutdownSend()
    {
        CheckOpen();
        EndedWithData = LastSendWaits;
        IsShut = true;
    }

    public void Close(bool reset)
    {
        CheckOpen();
        EndedWithData |= !reset && !IsShut && LastSendWaits;
        IsClosed = true;
        WasReset = reset || _toRead.Count > 0; // the kernel answers with a reset when something was not read
        IsWatched = false;
    }

    /// <summary>Whoever hears of an error first is the only one to.</summary>
    public int TakeError()
    {
        int error = ConnectError;
        (IsConnecting, ConnectError, _isRefused) = (false, 0, _isRefused || error != 0);
        return error;
    }

    public void Watch(EpollEvents events, ulong token)
    {
        CheckOpen();
        (Watched, Token, IsWatched) = (events, token, true);
    }

    public void Unwatch() => IsWatched = false;

    public override string ToString() =>
        $"socket {Number}: watched {Watched}, ready {Ready()}, end read {_endWasRead}, shut {IsShut}, closed {IsClosed}, reset {IsReset}";

    private void CheckOpen()
    {
        if (IsClosed)
        {
            throw new InvalidOperationException($"{this} is used after it was closed");
        }
    }
}
