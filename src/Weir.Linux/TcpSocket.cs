// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Weir.Linux.Interop;

namespace Weir.Linux;

/// <summary>
/// TCP sockets for an event loop: never blocking, by number, errors as negative errno where they belong
/// to the day's work. The caller owns the numbers.
/// </summary>
public static unsafe class TcpSocket
{
    private const int FamilyIpv4 = 2;
    private const int FamilyIpv6 = 10;
    private const int Stream = 1;
    private const int NonBlocking = 0x800;
    private const int CloseOnExec = 0x80000;
    private const int NoSignal = 0x4000;
    private const int More = 0x8000;
    private const int LevelSocket = 1;
    private const int LevelIp = 0;
    private const int LevelTcp = 6;
    private const int LevelIpv6 = 41;
    private const int AddressLength = 28; // sizeof(struct sockaddr_in6)

    /// <summary>A listener that also takes connections to addresses that are not the host's. These inherit what
    /// <see cref="Tune"/> sets of the listener.</summary>
    /// <exception cref="LinuxException">EADDRINUSE among others.</exception>
    public static int ListenTransparent(IPEndPoint endPoint, int backlog, uint mark)
    {
        ArgumentNullException.ThrowIfNull(endPoint);
        int fd = Create(endPoint.AddressFamily);
        try
        {
            SetTransparent(fd, endPoint.AddressFamily);
            SetMark(fd, mark);
            if (endPoint.AddressFamily == AddressFamily.InterNetworkV6)
            {
                Set(fd, LevelIpv6, SocketOption.Ipv6Only, 1);
            }

            Check(Bind(fd, endPoint), $"bind {endPoint}");
            Check(Libc.Listen(fd, backlog), $"listen {endPoint}");
            return fd;
        }
        catch
        {
            Close(fd);
            throw;
        }
    }

    /// <summary>Begins to connect. With a source, from that address and port, whosesoever they are.</summary>
    /// <returns>The socket, or a negative errno. Writable when the connection stands or has failed.</returns>
    public static int Connect(IPEndPoint destination, IPEndPoint? source, uint mark)
    {
        ArgumentNullException.ThrowIfNull(destination);
        int fd = Libc.Socket(Family(destination.AddressFamily), Stream | NonBlocking | CloseOnExec, 0);
        if (fd < 0)
        {
            return -LinuxException.LastNumber;
        }

        int error = 0;
        if (!TrySet(fd, LevelSocket, SocketOption.Mark, (int)mark))
        {
            error = LinuxException.LastNumber;
        }
        else if (source is not null
            && (!TrySetTransparent(fd, source.AddressFamily) || !TrySet(fd, LevelSocket, SocketOption.ReuseAddress, 1)
                || (source.Port == 0 && !TrySet(fd, LevelIp, SocketOption.BindAddressNoPort, 1)) || Bind(fd, source) != 0))
        {
            error = LinuxException.LastNumber;
        }
        else if (Connect(fd, destination) != 0 && LinuxException.LastNumber != Errno.InProgress)
        {
            error = LinuxException.LastNumber;
        }

        if (error == 0)
        {
            return fd;
        }

        Close(fd);
        return -error;
    }

    /// <returns>A connection, or a negative errno.</returns>
    public static int Accept(int listener, out IPEndPoint peer)
    {
        byte* address = stackalloc byte[AddressLength];
        uint length = AddressLength;
        int fd = Libc.Accept(listener, address, &length, NonBlocking | CloseOnExec);
        peer = fd < 0 ? new IPEndPoint(0, 0) : Read(address);
        return fd < 0 ? -LinuxException.LastNumber : fd;
    }

    /// <summary>The address the connection was made to: of a transparent listener not the host's own.</summary>
    public static IPEndPoint LocalEndPoint(int fd)
    {
        byte* address = stackalloc byte[AddressLength];
        uint length = AddressLength;
        Check(Libc.GetSocketName(fd, address, &length), "getsockname");
        return Read(address);
    }

    /// <summary>Sends small pieces at once, and notices after a while that the other end is gone.</summary>
    public static void Tune(int fd, int keepAliveSeconds)
    {
        _ = TrySet(fd, LevelTcp, SocketOption.NoDelay, 1)
            && TrySet(fd, LevelSocket, SocketOption.KeepAlive, 1)
            && TrySet(fd, LevelTcp, SocketOption.KeepIdle, keepAliveSeconds)
            && TrySet(fd, LevelTcp, SocketOption.KeepInterval, keepAliveSeconds);
    }

    /// <returns>Bytes; 0: the other end sends no more; or a negative errno.</returns>
    public static int Receive(int fd, Span<byte> buffer)
    {
        fixed (byte* first = buffer)
        {
            nint count = Libc.Receive(fd, first, (nuint)buffer.Length, 0);
            return count >= 0 ? (int)count : -LinuxException.LastNumber;
        }
    }

    /// <param name="moreFollows">The kernel may wait with a part of a packet for what is sent or ended right behind.</param>
    /// <returns>Bytes, maybe fewer than asked; or a negative errno.</returns>
    public static int Send(int fd, ReadOnlySpan<byte> data, bool moreFollows = false)
    {
        fixed (byte* first = data)
        {
            nint count = Libc.Send(fd, first, (nuint)data.Length, moreFollows ? NoSignal | More : NoSignal);
            return count >= 0 ? (int)count : -LinuxException.LastNumber;
        }
    }

    /// <summary>What became of a connection attempt: 0 or an errno.</summary>
    public static int TakeError(int fd)
    {
        int error = 0;
        uint length = sizeof(int);
        return Libc.GetSocketOption(fd, LevelSocket, SocketOption.Error, &error, &length) == 0 ? error : LinuxException.LastNumber;
    }

    /// <summary>Says that no more is sent.</summary>
    public static void ShutdownSend(int fd) => _ = Libc.Shutdown(fd, 1);

    public static void Close(int fd) => _ = Libc.Close(fd);

    /// <summary>Ends the connection with a reset.</summary>
    public static void Reset(int fd)
    {
        long now = 1; // struct linger { l_onoff = 1, l_linger = 0 }
        _ = Libc.SetSocketOption(fd, LevelSocket, SocketOption.Linger, &now, sizeof(long));
        Close(fd);
    }

    internal static int Create(AddressFamily family)
    {
        int fd = Libc.Socket(Family(family), Stream | NonBlocking | CloseOnExec, 0);
        return fd >= 0 ? fd : throw LinuxException.Last("socket");
    }

    private static int Family(AddressFamily family) => family == AddressFamily.InterNetwork ? FamilyIpv4 : FamilyIpv6;

    internal static void SetMark(int fd, uint mark) => Set(fd, LevelSocket, SocketOption.Mark, (int)mark);

    internal static void SetTransparent(int fd, AddressFamily family)
    {
        if (!TrySetTransparent(fd, family))
        {
            throw LinuxException.Last("make a socket transparent");
        }
    }

    private static bool TrySetTransparent(int fd, AddressFamily family) => family == AddressFamily.InterNetwork
        ? TrySet(fd, LevelIp, SocketOption.IpTransparent, 1)
        : TrySet(fd, LevelIpv6, SocketOption.Ipv6Transparent, 1);

    private static void Set(int fd, int level, int option, int value)
    {
        if (!TrySet(fd, level, option, value))
        {
            throw LinuxException.Last($"set socket option {level}/{option}");
        }
    }

    private static bool TrySet(int fd, int level, int option, int value) => Libc.SetSocketOption(fd, level, option, &value, sizeof(int)) == 0;

    internal static int Bind(int fd, IPEndPoint endPoint)
    {
        byte* address = stackalloc byte[AddressLength];
        return Libc.Bind(fd, address, Write(endPoint, address));
    }

    internal static int Connect(int fd, IPEndPoint endPoint)
    {
        byte* address = stackalloc byte[AddressLength];
        return Libc.Connect(fd, address, Write(endPoint, address));
    }

    private static void Check(int result, string what)
    {
        if (result != 0)
        {
            throw LinuxException.Last(what);
        }
    }

    /// <summary>struct sockaddr_in or sockaddr_in6; returns its length.</summary>
    private static uint Write(IPEndPoint endPoint, byte* address)
    {
        var bytes = new Span<byte>(address, AddressLength);
        bytes.Clear();
        BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], (ushort)endPoint.Port);
        bool ipv4 = endPoint.AddressFamily == AddressFamily.InterNetwork;
        *(ushort*)address = (ushort)Family(endPoint.AddressFamily);
        endPoint.Address.TryWriteBytes(bytes[(ipv4 ? 4 : 8)..], out _);
        return ipv4 ? 16u : AddressLength;
    }

    private static IPEndPoint Read(byte* address)
    {
        var bytes = new ReadOnlySpan<byte>(address, AddressLength);
        int port = BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]);
        return new IPEndPoint(new IPAddress(*(ushort*)address == FamilyIpv4 ? bytes.Slice(4, 4) : bytes.Slice(8, 16)), port);
    }

    /// <summary>asm-generic/socket.h, linux/in.h, linux/in6.h, linux/tcp.h.</summary>
    private static class SocketOption
    {
        internal const int ReuseAddress = 2;
        internal const int Error = 4;
        internal const int KeepAlive = 9;
        internal const int Linger = 13;
        internal const int Mark = 36;
        internal const int NoDelay = 1;
        internal const int KeepIdle = 4;
        internal const int KeepInterval = 5;
        internal const int IpTransparent = 19;
        internal const int BindAddressNoPort = 24;
        internal const int Ipv6Only = 26;
        internal const int Ipv6Transparent = 75;
    }
}
