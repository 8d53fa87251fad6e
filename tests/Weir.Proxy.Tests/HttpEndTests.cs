// SPDX-License-Identifier: Apache-2.0
using Weir.Api;
using Weir.Http.Rules;
using Weir.Linux;
using Weir.Proxy.Tests.Memory;
using Xunit;

namespace Weir.Proxy.Tests;

/// <summary>Ends, half-closes and resets of an HTTP/1 connection, in every order.</summary>
public sealed class HttpEndTests
{
    private const string Get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    private const int Mega = 1024 * 1024;
    private const string Open = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n";

    [Fact]
    public void Client_EndsBetweenRequests_BothSidesAreClosed()
    {
        var rig = new Rig().ClientSays(Get).ServerSays("HTTP/1.1 204 No\r\n\r\n");
        rig.Client.Ends();
        rig.Run();
        Assert.True(rig.IsForgotten);
        Assert.True(rig.Server.IsShut);
        Assert.False(rig.Server.WasReset);
        Assert.False(rig.Client.WasReset);
    }

    [Fact]
    public void Client_EndsBeforeItsAnswer_GetsIt()
    {
        var rig = new Rig();
        rig.Client.Says(Get);
        rig.Client.Ends();
        rig.Run();
        Assert.True(rig.Server.IsShut);
        rig.ServerSays("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        rig.Server.Ends();
        rig.Run();
        Assert.EndsWith("ok", rig.Client.Received, StringComparison.Ordinal);
        Assert.True(rig.IsForgotten);
        Assert.False(rig.Client.WasReset);
    }

    [Fact]
    public void RefusedUploads_OfAnyNumber_LeaveTheConnection()
    {
        var rig = new Rig(new HttpRule("GET", null, null, []));
        for (var i = 1; i <= 3; i++)
        {
            rig.ClientSays($"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {Mega}\r\n\r\n").ClientSays(new string('x', Mega));
            Assert.Equal(i, rig.Told.Count);
            Assert.False(rig.Client.IsShut);
        }

        Assert.DoesNotContain("Connection: close", rig.Client.Received, StringComparison.Ordinal);
        rig.ClientSays(Get);
        Assert.Equal("GET / HTTP/1.1", rig.Server.Received.Split("\r\n")[0]);
    }

    /// <summary>A client that does not know would send its next request there.</summary>
    [Fact]
    public void RefusedUpload_ThatIsTooLong_IsSaidToBeTheLast()
    {
        var rig = new Rig(new HttpRule("GET", null, null, []))
            .ClientSays($"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {Mega + 1}\r\n\r\n");
        Assert.Contains("Connection: close", rig.Client.Received, StringComparison.Ordinal);
        rig.ClientSays(new string('x', Mega));
        Assert.False(rig.Client.WasReset);
    }

    [Fact]
    public void Client_HasLeftAnOpenAnswer_TheServerHearsOfIt()
    {
        var rig = new Rig().ClientSays(Get).ServerSays(Open);
        rig.Client.Leaves();
        rig.Run().ServerSays("2\r\ncd\r\n"); // answered with a reset
        Assert.True(rig.IsForgotten);
        Assert.True(rig.Server.IsClosed);
        Assert.Equal("closed before the answer's end", Assert.Single(rig.Told).Detail);
    }

    [Fact]
    public void Client_ResetsAfterItsEnd_TheWorkerDoesNotSpin()
    {
        var rig = new Rig();
        rig.Client.Says(Get);
        rig.Client.Ends();
        rig.Run().ServerSays(Open);
        rig.Client.Resets();
        rig.Run();
        Assert.True(rig.IsForgotten);
        Assert.True(rig.Server.WasReset);
    }

    [Fact]
    public void Client_ResetsInTheMiddle_SoIsTheServer()
    {
        var rig = new Rig().ClientSays(Get[..^2]);
        rig.Client.Resets();
        rig.Run();
        Assert.True(rig.IsForgotten);

        rig = new Rig().ClientSays(Get).ServerSays(Open);
        rig.Client.Resets();
        rig.Run();
        Assert.True(rig.IsForgotten);
        Assert.True(rig.Server.WasReset);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Server_Resets_SoIsTheClient(bool answered)
    {
        var rig = new Rig().ClientSays(Get);
        if (answered)
        {
            rig.ServerSays(Open);
        }

        rig.Server.Resets();
        rig.Run();
        Assert.True(rig.IsForgotten);
        Assert.True(rig.Client.WasReset);
    }

    [Fact]
    public void Server_EndsAnAnswerWithTheConnection_TheClientSeesTheEnd()
    {
        var rig = new Rig().ClientSays(Get).ServerSays("HTTP/1.0 200 OK\r\n\r\nall");
        rig.Server.Ends();
        rig.Run();
        Assert.EndsWith("all", rig.Client.Received, StringComparison.Ordinal);
        Assert.True(rig.Client.IsShut);
        Assert.False(rig.IsForgotten); // what the client still sends is taken in for a while
        rig.Client.Ends();
        rig.Run();
        Assert.True(rig.IsForgotten);
        Assert.False(rig.Client.WasReset);
        Assert.Equal("", Assert.Single(rig.Told).Detail);
    }

    [Fact]
    public void Server_EndsWithoutAnAnswer_TheClientSeesTheEnd()
    {
        var rig = new Rig().ClientSays(Get);
        rig.Server.Ends();
        rig.Run();
        Assert.True(rig.Client.IsShut);
        Assert.True(rig.Server.IsClosed);
        rig.Wait(2001);
        Assert.True(rig.IsForgotten);
        Assert.Equal("closed before the answer's end", Assert.Single(rig.Told).Detail);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Server_CannotBeReached_TheClientIsTold(bool atOnce)
    {
        var rig = new Rig { Sockets = { LateError = Errno.ConnectionRefused, ConnectsAtOnce = atOnce } };
        rig.ClientSays(Get);
        Assert.StartsWith("HTTP/1.1 502 Bad Gateway\r\n", rig.Client.Received, StringComparison.Ordinal);
        Assert.Equal(AccessVerdict.Failed, Assert.Single(rig.Told).Verdict);
        Assert.True(rig.Client.IsShut);

        rig = new Rig();
        rig.Sockets.ConnectErrors.Enqueue(Errno.NetworkUnreachable);
        rig.ClientSays(Get);
        Assert.StartsWith("HTTP/1.1 502 Bad Gateway\r\n", rig.Client.Received, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Server_OfOneRequest_IsNotTuned_ThatOfMoreOrOfLongIs(bool atOnce)
    {
        var rig = new Rig { Sockets = { ConnectsAtOnce = atOnce } }.ClientSays(Get);
        Assert.Equal(Get, rig.Server.Received);
        Assert.False(rig.Server.IsTuned);
        rig.ServerSays("HTTP/1.1 204 No\r\n\r\n").ClientSays(Get);
        Assert.True(rig.Server.IsTuned);

        rig = new Rig { Sockets = { ConnectsAtOnce = atOnce } }.ClientSays(Get).Wait(1000);
        Assert.True(rig.Server.IsTuned);
    }

    [Fact]
    public void Server_PortOfTheClientIsTaken_AnotherIsUsed()
    {
        var rig = new Rig();
        rig.Sockets.ConnectErrors.Enqueue(Errno.AddressInUse);
        rig.ClientSays(Get);
        Assert.Equal([40000, 0], rig.Sockets.Connects.Select(connect => connect.Source!.Port));
        Assert.Equal(Get, rig.Server.Received);
    }

    [Fact]
    public void Client_IsSlow_TheServerIsNotRead()
    {
        var rig = new Rig().ClientSays(Get);
        rig.Client.Room = 10;
        rig.ServerSays("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n").ServerSays(new string('x', 1000));
        Assert.False(rig.Server.Watched.HasFlag(EpollEvents.Readable));
        rig.Client.Room = int.MaxValue;
        rig.Run();
        Assert.True(rig.Server.Watched.HasFlag(EpollEvents.Readable));
        Assert.EndsWith(new string('x', 1000), rig.Client.Received, StringComparison.Ordinal);
    }

    [Fact]
    public void Server_IsSlow_TheClientIsNotRead()
    {
        var rig = new Rig().ClientSays("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
        rig.Server.Room = 10;
        rig.ClientSays(new string('x', 1000));
        Assert.False(rig.Client.Watched.HasFlag(EpollEvents.Readable));
        rig.Server.Room = int.MaxValue;
        rig.Run();
        Assert.True(rig.Client.Watched.HasFlag(EpollEvents.Readable));
    }

    [Fact]
    public void Head_ThatDoesNotCome_IsNotWaitedFor()
    {
        var rig = new Rig().ClientSays(Get[..^2]).Wait(29_000);
        Assert.Equal("", rig.Client.Received);
        rig.Wait(2_000);
        Assert.StartsWith("HTTP/1.1 408 ", rig.Client.Received, StringComparison.Ordinal);
        Assert.True(rig.Client.IsShut);
        rig.Wait(2_001);
        Assert.True(rig.IsForgotten);
    }

    [Fact]
    public void Policy_DeniesTheFlow_BothEndsAreReset()
    {
        var rig = new Rig().ClientSays(Get);
        rig.Flows.Denies = true;
        rig.PolicyChanged();
        Assert.True(rig.IsForgotten);
        Assert.True(rig.Client.WasReset);
        Assert.True(rig.Server.WasReset);
    }

    [Fact]
    public void Connection_OfAnyEnd_LeavesNothingBehind()
    {
        var rig = new Rig().ClientSays(Get);
        rig.Client.Room = 0;
        rig.ServerSays(Open + new string('x', 100));
        Assert.True(rig.Worker.Waiting > 0);
        rig.Client.Resets();
        rig.Run();
        Assert.Equal(0, rig.Worker.Waiting);
        Assert.All(rig.Sockets.All, socket => Assert.True(socket.IsClosed));
    }
}
