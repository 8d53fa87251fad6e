// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using Weir.Linux.Interop;

namespace Weir.Linux.Netlink;

/// <summary>A netlink socket: one request at a time, answered or refused with the kernel's own
/// words. It belongs for ever to the network namespace of the thread that opened it.</summary>
internal sealed class NetlinkSocket : IDisposable
{
    private const int AddressFamilyNetlink = 16;
    private const int RawCloseOnExec = 3 | 0x80000;
    private const int SolNetlink = 270;
    private const int OptionCapAck = 10;
    private const int OptionExtendedAck = 11;
    private const int OptionStrictCheck = 12;
    private const int MostRetries = 16;
    private const ushort TypeError = 2;
    private const ushort TypeDone = 3;

    private readonly FileDescriptor _socket;
    private readonly Lock _lock = new();
    private readonly byte[] _buffer = new byte[65536];
    private uint _sequence;

    /// <param name="groups">Bits of the multicast groups to join; 0 for requests only.</param>
    /// <param name="protocol">NETLINK_ROUTE, unless it is another.</param>
    internal unsafe NetlinkSocket(uint groups = 0, int protocol = 0)
    {
        int fd = Libc.Socket(AddressFamilyNetlink, RawCloseOnExec, protocol);
        if (fd < 0)
        {
            throw LinuxException.Last("open a netlink socket");
        }

        _socket = new FileDescriptor(fd);
        uint* address = stackalloc uint[3];
        address[0] = AddressFamilyNetlink;
        address[1] = 0;
        address[2] = groups;
        if (Libc.Bind(fd, address, 12) != 0)
        {
            var failure = LinuxException.Last("bind a netlink socket");
            _socket.Dispose();
            throw failure;
        }

        // Older kernels lack some of these: answers get terser, nothing else.
        foreach (int option in (ReadOnlySpan<int>)[OptionCapAck, OptionExtendedAck, OptionStrictCheck])
        {
            int on = 1;
            _ = Libc.SetSocketOption(fd, SolNetlink, option, &on, sizeof(int));
        }
    }

    internal delegate void MessageHandler(ushort type, ReadOnlySpan<byte> payload);

    public void Dispose() => _socket.Dispose();

    /// <summary>Sends a request that the kernel acknowledges; messages that come before the
    /// acknowledgement go to the handler.</summary>
    /// <returns>0, or the positive errno when it is one of those tolerated.</returns>
    internal int Request(NetlinkMessage message, string what, ReadOnlySpan<int> tolerated = default, MessageHandler? handler = null)
    {
        lock (_lock)
        {
            uint sequence = Send(message, what);
            while (true)
            {
                ReadOnlySpan<byte> answer = Receive(what);
                while (NextMessage(ref answer, out Header header, out ReadOnlySpan<byte> payload))
                {
                    if (header.Sequence != sequence)
                    {
                        continue;
                    }

                    if (header.Type != TypeError)
                    {
                        handler?.Invoke(header.Type, payload);
                        continue;
                    }

                    int errno = -MemoryMarshal.Read<int>(payload);
                    return errno == 0 || tolerated.Contains(errno)
                        ? errno
                        : throw new LinuxException(errno, what, Explain(header, payload));
                }
            }
        }
    }

    /// <summary>Sends requests of which the kernel does all or none. It answers neither the first nor the last, which say where they begin and end.</summary>
    internal void Batch(IReadOnlyList<NetlinkMessage> messages, string what)
    {
        lock (_lock)
        {
            uint first = _sequence + 1;
            byte[] bytes = [.. messages.SelectMany(message => message.Complete(++_sequence).ToArray())];
            uint lastAnswered = _sequence - 1;
            Send(bytes, what);
            LinuxException? failure = null;
            while (true)
            {
                ReadOnlySpan<byte> answer = Receive(what);
                while (NextMessage(ref answer, out Header header, out ReadOnlySpan<byte> payload))
                {
                    if (header.Type != TypeError || header.Sequence - first > lastAnswered - first)
                    {
                        continue;
                    }

                    int errno = -MemoryMarshal.Read<int>(payload);
                    failure ??= errno == 0 ? null : new LinuxException(errno, what, Explain(header, payload));
                    // What is said of the first is said of all.
                    if (header.Sequence == lastAnswered || header.Sequence == first)
                    {
                        if (failure is not null)
                        {
                            throw failure;
                        }

                        return;
                    }
                }
            }
        }
    }

    /// <summary>Reads a whole table. Starts again if it changed meanwhile.</summary>
    internal void Dump(NetlinkMessage message, string what, Action restart, MessageHandler handler)
    {
        lock (_lock)
        {
            for (int attempt = 0; attempt < MostRetries; attempt++)
            {
                restart();
                if (TryDump(message, what, handler))
                {
                    return;
                }
            }
        }

        throw new LinuxException(Errno.Interrupted, what, "the table kept changing");
    }

    /// <summary>Waits for a notification of the joined groups and takes all that are there. True also
    /// when some were lost: read the table again in any case.</summary>
    internal unsafe bool WaitForNotification(TimeSpan timeout)
    {
        if (!_socket.WaitReadable(timeout))
        {
            return false;
        }

        const int DontWait = 0x40;
        fixed (byte* p = _buffer)
        {
            while (Libc.Receive(_socket.Number, p, (nuint)_buffer.Length, DontWait) > 0 ||
                   Marshal.GetLastPInvokeError() == Errno.NoBuffers)
            {
            }
        }

        return true;
    }

    private bool TryDump(NetlinkMessage message, string what, MessageHandler handler)
    {
        uint sequence = Send(message, what);
        bool consistent = true;
        while (true)
        {
            ReadOnlySpan<byte> answer = Receive(what);
            while (NextMessage(ref answer, out Header header, out ReadOnlySpan<byte> payload))
            {
                if (header.Sequence != sequence)
                {
                    continue;
                }

                consistent &= (header.Flags & NetlinkFlags.DumpInterrupted) == 0;
                switch (header.Type)
                {
                    case TypeDone:
                        return consistent;
                    case TypeError:
                        throw new LinuxException(-MemoryMarshal.Read<int>(payload), what, Explain(header, payload));
                    default:
                        handler(header.Type, payload);
                        break;
                }
            }
        }
    }

    private uint Send(NetlinkMessage message, string what)
    {
        uint sequence = ++_sequence;
        Send(message.Complete(sequence), what);
        return sequence;
    }

    private unsafe void Send(ReadOnlySpan<byte> bytes, string what)
    {
        fixed (byte* p = bytes)
        {
            if (Libc.Send(_socket.Number, p, (nuint)bytes.Length, 0) != bytes.Length)
            {
                throw LinuxException.Last(what);
            }
        }
    }

    private unsafe ReadOnlySpan<byte> Receive(string what)
    {
        fixed (byte* p = _buffer)
        {
            while (true)
            {
                nint length = Libc.Receive(_socket.Number, p, (nuint)_buffer.Length, 0);
                if (length >= 0)
                {
                    return _buffer.AsSpan(0, (int)length);
                }

                if (Marshal.GetLastPInvokeError() != Errno.Interrupted)
                {
                    throw LinuxException.Last(what);
                }
            }
        }
    }

    private static bool NextMessage(ref ReadOnlySpan<byte> bytes, out Header header, out ReadOnlySpan<byte> payload)
    {
        header = default;
        payload = default;
        if (bytes.Length < NetlinkMessage.HeaderSize)
        {
            return false;
        }

        header = MemoryMarshal.Read<Header>(bytes);
        int length = (int)header.Length;
        if (length < NetlinkMessage.HeaderSize || length > bytes.Length)
        {
            return false;
        }

        payload = bytes[NetlinkMessage.HeaderSize..length];
        bytes = bytes[Math.Min((length + 3) & ~3, bytes.Length)..];
        return true;
    }

    private static string? Explain(Header header, ReadOnlySpan<byte> payload)
    {
        const ushort AttributeMessage = 1;
        if ((header.Flags & NetlinkFlags.AckAttributes) == 0 || payload.Length < 20)
        {
            return null;
        }

        int start = (header.Flags & NetlinkFlags.Capped) != 0 ? 20 : 4 + (int)MemoryMarshal.Read<uint>(payload[4..]);
        if (start > payload.Length)
        {
            return null;
        }

        var attributes = new AttributeReader(payload[start..]);
        while (attributes.MoveNext())
        {
            if (attributes.Type == AttributeMessage)
            {
                return attributes.Text;
            }
        }

        return null;
    }

    [StructLayout(LayoutKind.Sequential)]
    private readonly struct Header
    {
        internal readonly uint Length;
        internal readonly ushort Type;
        internal readonly ushort Flags;
        internal readonly uint Sequence;
        internal readonly uint Port;
    }
}
