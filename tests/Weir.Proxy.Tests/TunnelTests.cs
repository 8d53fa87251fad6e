// SPDX-License-Identifier: Apache-2.0
using Weir.Proxy.Tests.Memory;
using Xunit;

namespace Weir.Proxy.Tests;

/// <summary>Bytes both ways after a handshake, and every order in which a tunnel may end.</summary>
public sealed class TunnelTests
{
    private const string Handshake =
        "GET /chat HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

    private const string Agreed = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

    [Fact]
    public void Bytes_PassBothWays()
    {
        var rig = Tunnel();
        rig.ClientSays("\u0001\u0002").ServerSays("\u0003\u0004");
        Assert.EndsWith("\u0001\u0002", rig.Server.Received, StringComparison.Ordinal);
        Assert.EndsWith("\u0003\u0004", rig.Client.Received, StringComparison.Ordinal);
    }

    [Fact]
    public void BytesSentWithTheHandshake_FollowTheAgreement()
    {
        var rig = new Rig().ClientSays(Handshake + "early");
        Assert.Equal(Handshake, rig.Server.Received);
        rig.ServerSays(Agreed + "late");
        Assert.Equal(Handshake + "early", rig.Server.Received);
        Assert.Equal(Agreed + "late", rig.Client.Received);
    }

    [Fact]
    public void Client_EndsFirst_TheServerGoesOn()
    {
        var rig = Tunnel();
        rig.Client.Ends();
        rig.Run();
        Assert.True(rig.Server.IsShut);
        rig.ServerSays("more");
        Assert.EndsWith("more", rig.Client.Received, StringComparison.Ordinal);
        rig.Server.Ends();
        rig.Run();
        CheckClosed(rig);
    }

    [Fact]
    public void Server_EndsFirst_TheClientGoesOn()
    {
        var rig = Tunnel();
        rig.Server.Ends();
        rig.Run();
        Assert.True(rig.Client.IsShut);
        rig.ClientSays("more");
        Assert.EndsWith("more", rig.Server.Received, StringComparison.Ordinal);
        rig.Client.Ends();
        rig.Run();
        CheckClosed(rig);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Both_HaveEnded_AndOneTakesNothing_NobodySpins(bool server)
    {
        var rig = Tunnel();
        var (slow, other) = server ? (rig.Server, rig.Client) : (rig.Client, rig.Server);
        slow.Room = 0;
        other.Says("last words");
        other.Ends();
        rig.Run();
        slow.Ends();
        rig.Run();
        Assert.False(rig.IsForgotten);
        slow.Room = 100;
        rig.Run();
        CheckClosed(rig);
        Assert.EndsWith("last words", slow.Received, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void OneSide_EndsAndIsGone_TheOtherHearsOfIt(bool server)
    {
        var rig = Tunnel();
        var (gone, other) = server ? (rig.Server, rig.Client) : (rig.Client, rig.Server);
        gone.Leaves();
        rig.Run();
        Assert.True(other.IsShut);
        other.Says("to nobody");
        rig.Run();
        Assert.True(rig.IsForgotten);
        Assert.True(other.IsClosed);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void OneSide_ResetsAfterItsEnd_SoIsTheOther(bool server)
    {
        var rig = Tunnel();
        var (gone, other) = server ? (rig.Server, rig.Client) : (rig.Client, rig.Server);
        gone.Ends();
        rig.Run();
        gone.Resets();
        rig.Run();
        Assert.True(rig.IsForgotten);
        Assert.True(other.WasReset);
    }

    [Fact]
    public void Connect_IsATunnelOnceAgreedTo()
    {
        var rig = new Rig().ClientSays("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\nhello");
        Assert.DoesNotContain("hello", rig.Server.Received, StringComparison.Ordinal);
        rig.ServerSays("HTTP/1.1 200 Yes\r\n\r\n").ServerSays("there");
        Assert.EndsWith("hello", rig.Server.Received, StringComparison.Ordinal);
        Assert.EndsWith("there", rig.Client.Received, StringComparison.Ordinal);
    }

    [Fact]
    public void Handshake_NotAgreedTo_RequestsGoOn()
    {
        var rig = new Rig().ClientSays(Handshake + "GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
        rig.ServerSays("HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n");
        Assert.EndsWith("GET /next HTTP/1.1\r\nHost: h\r\n\r\n", rig.Server.Received, StringComparison.Ordinal);
        rig.ServerSays("HTTP/1.1 204 No\r\n\r\n");
        Assert.Equal(2, rig.Told.Count);
    }

    private static Rig Tunnel() => new Rig().ClientSays(Handshake).ServerSays(Agreed);

    private static void CheckClosed(Rig rig)
    {
        Assert.True(rig.IsForgotten);
        Assert.All(rig.Sockets.All, socket => Assert.True(socket is { IsClosed: true, IsShut: true, WasReset: false }, socket.ToString()));
        Assert.Single(rig.Told);
    }
}
