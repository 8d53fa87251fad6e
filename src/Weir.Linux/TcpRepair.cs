// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using Weir.Linux.Interop;

namespace Weir.Linux;

/// <summary>
/// Sockets that take the place of one end of a connection that stands, without a word to the other (TCP_REPAIR of
/// linux/tcp.h, made for moving processes between hosts). One that is made is mute until it is started: it takes what
/// comes, but closing it tells nobody.
/// </summary>
public static unsafe class TcpRepair
{
    private const int LevelSocket = 1;
    private const int ReuseAddress = 2;
    private const int LevelTcp = 6;
    private const int MostMss = 32767; // MAX_TCP_WINDOW
    private const int LeastMss = 88; // TCP_MIN_MSS

    // What is still open of the window before what was received is read: see SetWindow.
    private const uint Ahead = 16 * 1024;

    /// <summary>The queue that an operation is about.</summary>
    private enum Queue
    {
        None,
        Received,
        Sent,
    }

    /// <summary>Makes a socket, mute, whatever address it stands for.</summary>
    /// <param name="received">What was received from <see cref="TcpState.Receive"/> on and nobody has read: whoever reads from the
    /// socket gets it first, and then the kernel acknowledges it.</param>
    /// <param name="mark">Of the packets that it sends.</param>
    /// <returns>False: there is a socket of that connection already (or what the kernel remembers of one that has ended, if it had no time stamps).</returns>
    /// <exception cref="LinuxException">It cannot be made.</exception>
    public static bool TryMake(in TcpState state, ReadOnlySpan<byte> received, uint mark, out int socket)
    {
        AddressFamily family = state.Local.AddressFamily;
        socket = TcpSocket.Create(family);
        bool isMade = false;
        try
        {
            TcpSocket.SetTransparent(socket, family);
            TcpSocket.SetMark(socket, mark);
            Set(socket, Option.Repair, 1, in state);
            // For connect: it looks for the way's MTU once, and takes 536 bytes for what the other end has not said.
            Set(socket, Option.MaxSegment, Math.Clamp((int)state.RemoteMss, LeastMss, MostMss), in state);
            Check(TcpSocket.Bind(socket, state.Local), "bind", in state);
            SetNumber(socket, Queue.Sent, state.Send, in state);
            SetNumber(socket, Queue.Received, state.Receive, in state);
            int result = TcpSocket.Connect(socket, state.Remote); // no packet: it stands at once
            if (result != 0 && LinuxException.LastNumber == Errno.AddressNotAvailable)
            {
                return false;
            }

            Check(result, "connect", in state);
            SetAgreed(socket, in state);
            Put(socket, received, in state);
            SetWindow(socket, (uint)received.Length, in state);
            isMade = true;
            return true;
        }
        finally
        {
            if (!isMade)
            {
                TcpSocket.Close(socket);
                socket = -1;
            }
        }
    }

    /// <summary>Lets it speak.</summary>
    /// <param name="asks">It asks the other end for its window at once: where none is known, nothing could be sent until the other
    /// end says something by itself. The question is a packet from before the connection's numbers, which is answered and nothing else.</param>
    /// <exception cref="LinuxException">It stays mute.</exception>
    public static void Start(int socket, bool asks)
    {
        const int Off = 0;
        const int OffNoWindowProbe = -1;
        int off = asks ? Off : OffNoWindowProbe;
        int reuse = 1; // whoever comes from the same address and port to somewhere else would find it taken
        if (Libc.SetSocketOption(socket, LevelTcp, (int)Option.Repair, &off, sizeof(int)) != 0
            || Libc.SetSocketOption(socket, LevelSocket, ReuseAddress, &reuse, sizeof(int)) != 0)
        {
            throw LinuxException.Last("end the repair of a socket");
        }
    }

    /// <summary>What the ends said when they opened the connection.</summary>
    private static void SetAgreed(int socket, in TcpState state)
    {
        const uint WindowScale = 3;
        const uint SackPermitted = 4;
        const uint TimeStamps = 8;
        uint* options = stackalloc uint[6]; // struct tcp_repair_opt { opt_code, opt_val }
        uint length = 0;
        // Not agreed on is 0 as well: connect has chosen one for this end.
        options[length++] = WindowScale;
        options[length++] = state.RemoteScale | ((uint)state.LocalScale << 16);
        if (state.HasSack)
        {
            options[length++] = SackPermitted;
            options[length++] = 0;
        }

        if (state.Stamp is not null)
        {
            options[length++] = TimeStamps;
            options[length++] = 0;
        }

        Set(socket, Option.RepairOptions, options, length * sizeof(uint), in state);
        if (state.Stamp is { } stamp)
        {
            // An odd one means microseconds.
            stamp = (stamp + 1) & ~1u;
            Set(socket, Option.TimeStamp, &stamp, sizeof(uint), in state);
        }
    }

    private static void Put(int socket, ReadOnlySpan<byte> received, in TcpState state)
    {
        SetQueue(socket, Queue.Received, in state);
        while (!received.IsEmpty)
        {
            int count = TcpSocket.Send(socket, received);
            received = count > 0 ? received[count..] : throw Failed(-count, "put what was received", in state);
        }

        SetQueue(socket, Queue.None, in state);
    }

    /// <summary>
    /// The window of the other end, as it was seen. That of this end is a small one while there is something to read: as soon as
    /// that is read the kernel tells of the larger one, and so acknowledges it. It would say nothing else until something is sent, and
    /// the other end may send nothing more before (Nagle), or once more what is here.
    /// </summary>
    private static void SetWindow(int socket, uint received, in TcpState state)
    {
        RepairWindow window;
        uint length = (uint)sizeof(RepairWindow);
        Check(Libc.GetSocketOption(socket, LevelTcp, (int)Option.RepairWindow, &window, &length), "read the window", in state);
        uint next = state.Receive + received;
        window.SentUpdate = next - 1; // any that comes is newer
        window.SendWindow = state.RemoteWindow;
        window.LargestSendWindow = state.RemoteWindow;
        if (received > 0)
        {
            window.ReceiveWindow = received + Math.Min(Ahead, window.ReceiveWindow / 4);
            window.ReceiveUpdate = state.Receive;
        }

        Set(socket, Option.RepairWindow, &window, (uint)sizeof(RepairWindow), in state);
    }

    private static void SetNumber(int socket, Queue queue, uint number, in TcpState state)
    {
        SetQueue(socket, queue, in state);
        Set(socket, Option.QueueNumber, &number, sizeof(uint), in state);
    }

    private static void SetQueue(int socket, Queue queue, in TcpState state) => Set(socket, Option.RepairQueue, (int)queue, in state);

    private static void Set(int socket, Option option, int value, in TcpState state) => Set(socket, option, &value, sizeof(int), in state);

    private static void Set(int socket, Option option, void* value, uint length, in TcpState state) =>
        Check(Libc.SetSocketOption(socket, LevelTcp, (int)option, value, length), $"set {option}", in state);

    private static void Check(int result, string what, in TcpState state)
    {
        if (result != 0)
        {
            throw Failed(LinuxException.LastNumber, what, in state);
        }
    }

    private static LinuxException Failed(int errno, string what, in TcpState state) =>
        new(errno, $"{what} of a socket that stands for {state.Local} before {state.Remote}");

    /// <summary>linux/tcp.h.</summary>
    private enum Option
    {
        MaxSegment = 2,
        Repair = 19,
        RepairQueue = 20,
        QueueNumber = 21,
        RepairOptions = 22,
        TimeStamp = 24,
        RepairWindow = 29,
    }

    /// <summary>struct tcp_repair_window.</summary>
    private struct RepairWindow
    {
        public uint SentUpdate; // snd_wl1: number of the packet that told of the other end's window
        public uint SendWindow;
        public uint LargestSendWindow;
        public uint ReceiveWindow; // from ReceiveUpdate on
        public uint ReceiveUpdate; // what was acknowledged when this end's window was told
    }
}
