// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Weir.Testing;
using Xunit;

namespace Weir.Linux.Tests;

/// <summary>Sockets that stand for an end nobody has: before a listener on loopback that never hears of them. What they are for is
/// tested with the proxy.</summary>
public sealed class TcpRepairTests : IDisposable
{
    private const uint Mark = 0x1234;
    private readonly TestNamespace _namespace = new();

    public TcpRepairTests()
    {
        using var cgroup = new TestCgroup();
        cgroup.Run(_namespace, "ip", "link", "set", "lo", "up");
    }

    public void Dispose() => _namespace.Dispose();

    [PrivilegedTheory]
    [InlineData("127.0.0.1", "10.1.2.3")]
    [InlineData("::1", "fd09::3")]
    public void Made_ItHasWhatItIsSaidToHave(string remote, string local) => _namespace.Run(() =>
    {
        TcpState state = State(local, remote);
        Assert.True(TcpRepair.TryMake(state, "hello"u8, Mark, out int socket));
        try
        {
            Assert.Equal(state.Local, TcpSocket.LocalEndPoint(socket));
            byte[] buffer = new byte[16];
            Assert.Equal(-Errno.NotPermitted, TcpSocket.Receive(socket, buffer)); // not while it is mute
            TcpRepair.Start(socket, asks: false);
            Assert.Equal(5, TcpSocket.Receive(socket, buffer));
            Assert.Equal("hello"u8, buffer.AsSpan(0, 5));
        }
        finally
        {
            TcpSocket.Close(socket);
        }
    });

    [PrivilegedFact]
    public void Second_OfTheSameConnection_IsNotMade_AndNothingIsLeft() => _namespace.Run(() =>
    {
        TcpState state = State("10.1.2.3", "127.0.0.1");
        MustHave(0); // who set loopback up has closed his
        Assert.True(TcpRepair.TryMake(state, [], Mark, out int first));
        MustHave(1);
        Assert.False(TcpRepair.TryMake(state, [], Mark, out int second));
        Assert.Equal(-1, second);
        MustHave(1);
        TcpSocket.Close(first);
        Assert.True(TcpRepair.TryMake(state, [], Mark, out int again)); // as if the first had never been
        TcpSocket.Close(again);
        MustHave(0);
    });

    /// <summary>So many sockets are in the namespace, or will be: the kernel lets go of some a moment after they are closed. What other tests of
    /// this process open is in theirs.</summary>
    private static void MustHave(int sockets)
    {
        static int Now() => int.Parse(File.ReadLines("/proc/thread-self/net/sockstat").First().Split(' ')[^1], CultureInfo.InvariantCulture);
        Assert.True(SpinWait.SpinUntil(() => Now() == sockets, TimeSpan.FromSeconds(20)), $"{Now()} sockets, not {sockets}");
    }

    /// <summary>From one address and port to several others, which is what a server's end and a busy client's look like.</summary>
    [PrivilegedFact]
    public void Others_OfTheSameAddressAndPort_AreMade() => _namespace.Run(() =>
    {
        TcpState state = State("10.1.2.3", "127.0.0.1");
        Assert.True(TcpRepair.TryMake(state, [], Mark, out int first));
        Assert.True(TcpRepair.TryMake(state with { Remote = new IPEndPoint(IPAddress.Loopback, 7) }, [], Mark, out int second));
        TcpRepair.Start(first, asks: false);
        TcpRepair.Start(second, asks: false);
        int third = TcpSocket.Connect(new IPEndPoint(IPAddress.Loopback, 8), state.Local, Mark);
        Assert.True(third >= 0, $"errno {-third}");
        Array.ForEach([first, second, third], TcpSocket.Close);
    });

    [PrivilegedFact]
    public void Refusal_SaysWhatFailedOfWhich() => _namespace.Run(() =>
    {
        LinuxException e = Assert.Throws<LinuxException>(() => TcpRepair.TryMake(State("10.1.2.3", "192.0.2.1"), [], Mark, out _));
        Assert.Equal(Errno.NetworkUnreachable, e.Number);
        Assert.Contains("connect of a socket that stands for 10.1.2.3:4000 before 192.0.2.1:80", e.Message, StringComparison.Ordinal);
        e = Assert.Throws<LinuxException>(() => TcpRepair.TryMake(State("10.1.2.3", "127.0.0.1") with { RemoteScale = 15 }, [], Mark, out _));
        Assert.Contains("set RepairOptions of", e.Message, StringComparison.Ordinal);
    });

    /// <summary>Whoever closed first is remembered for a minute; its client may use the port again before.</summary>
    [PrivilegedFact]
    public void Connection_ThatEndedHere_MayBeAgain_IfItHasTimeStamps() => _namespace.Run(() =>
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        client.Connect(listener.LocalEndPoint!);
        var (near, far) = ((IPEndPoint)client.LocalEndPoint!, (IPEndPoint)client.RemoteEndPoint!);
        Socket server = listener.Accept();
        server.Shutdown(SocketShutdown.Send);
        Assert.Equal(0, client.Receive(new byte[1]));
        client.Close();
        Assert.Equal(0, server.Receive(new byte[1]));
        server.Close();
        Assert.True(TcpRepair.TryMake(State("127.0.0.1", "127.0.0.1") with { Local = far, Remote = near }, [], Mark, out int socket));
        TcpSocket.Close(socket);
    });

    private static TcpState State(string local, string remote) => new()
    {
        Local = new IPEndPoint(IPAddress.Parse(local), 4000),
        Remote = new IPEndPoint(IPAddress.Parse(remote), 80),
        Send = 0xffff_fff0,
        Receive = 0xffff_fffe,
        RemoteMss = 1400,
        RemoteWindow = 65535,
        LocalScale = 7,
        RemoteScale = 7,
        HasSack = true,
        Stamp = 77,
    };
}
