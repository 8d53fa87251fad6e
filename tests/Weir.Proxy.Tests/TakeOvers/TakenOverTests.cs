// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Datapath.Abi;
using Weir.Http.Rules;
using Weir.Proxy.Tests.Memory;
using Xunit;

namespace Weir.Proxy.Tests.TakeOvers;

/// <summary>A connection that begins in its middle, and what the datapath's record says of one.</summary>
public sealed class TakenOverTests
{
    private const string Get = "GET /open HTTP/1.1\r\nHost: h\r\n\r\n";
    private const string Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    private const string Ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    [Fact]
    public void Request_GoesToTheServerThatThereIs()
    {
        var rig = Rig.TakenOver(isLater: true).ClientSays(Get).ServerSays(Ok);
        Assert.Empty(rig.Sockets.Connects);
        Assert.Equal((Get, Ok), (rig.Server.Received, rig.Client.Received));
        Assert.Equal("/open", Assert.Single(rig.Told).Path);
    }

    [Fact]
    public void RefusedRequest_LeavesBothEndsOpen()
    {
        var rig = Rig.TakenOver(isLater: true, new HttpRule("GET", "/open", null, [])).ClientSays("GET /closed HTTP/1.1\r\nHost: h\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 403 ", rig.Client.Received, StringComparison.Ordinal);
        Assert.Equal("", rig.Server.Received);
        Assert.False(rig.Server.IsClosed || rig.Server.IsShut);
        rig.ClientSays(Get).ServerSays(Ok);
        Assert.EndsWith(Ok, rig.Client.Received, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Ends_BeforeAnyRequest_AreToldToTheOther(bool ofServer)
    {
        var rig = Rig.TakenOver(isLater: true);
        (MemorySocket first, MemorySocket second) = ofServer ? (rig.Server, rig.Client) : (rig.Client, rig.Server);
        first.Ends();
        rig.Run();
        Assert.True(second.IsShut || second.IsClosed);
        second.Ends();
        rig.Run();
        Assert.True(rig.IsForgotten);
        Assert.False(first.WasReset || second.WasReset);
    }

    /// <summary>A server that has read requests of HTTP/1 on the connection reads HTTP/1 on: frames would be requests to it that nobody has judged.</summary>
    [Fact]
    public void Http2_BehindRequestsThatOthersJudged_IsRefused()
    {
        var rig = Rig.TakenOver(isLater: true).ClientSays(Preface);
        Assert.StartsWith("HTTP/1.1 400 ", rig.Client.Received, StringComparison.Ordinal);
        Assert.Equal("", rig.Server.Received);
    }

    [Fact]
    public void Http2_AsTheFirstThing_Begins()
    {
        var rig = Rig.TakenOver(isLater: false).ClientSays(Preface + "\0\0\0\u0004\0\0\0\0\0");
        Assert.StartsWith(Preface, rig.Server.Received, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("10.0.0.1", "10.0.0.2")]
    [InlineData("fd77::1", "fd77::2")]
    public void Record_SaysWhatEachEndKnows(string client, string server)
    {
        var (toClient, toServer) = (StandIns.BeforeClient(Record(client, server)), StandIns.BeforeServer(Record(client, server)));
        Assert.Equal((Point(server, 80), Point(client, 40000)), (toClient.Local, toClient.Remote));
        Assert.Equal((Point(client, 40000), Point(server, 80)), (toServer.Local, toServer.Remote));
        Assert.Equal((700u, 100u), (toClient.Send, toClient.Receive));
        Assert.Equal((100u, 700u), (toServer.Send, toServer.Receive)); // it has none of the bytes yet
        Assert.Equal((1360, 1460), (toClient.RemoteMss, toServer.RemoteMss));
        Assert.Equal((500u << 9, 0u), (toClient.RemoteWindow, toServer.RemoteWindow));
        Assert.Equal((7, 9, 9, 7), (toClient.LocalScale, toClient.RemoteScale, toServer.LocalScale, toServer.RemoteScale));
        Assert.True(toClient.HasSack && toServer.HasSack);
        Assert.Equal(1460u, StandIns.BeforeServer(Record(client, server) with { Flags = TakeOverFlag.First }).RemoteWindow);
        Assert.Equal((3000u, 2000u), (toClient.Stamp, toServer.Stamp)); // of the end that each stands for, and a second later
    }

    [Fact]
    public void Record_OfABareHandshake_AsksForNothingMore()
    {
        TakeOver record = Record("10.0.0.1", "10.0.0.2");
        (record.Flags, record.ClientMss, record.ServerScale) = (0, 0, (byte)HttpFlowLimit.HttpNoScale);
        var (toClient, toServer) = (StandIns.BeforeClient(record), StandIns.BeforeServer(record));
        Assert.Equal((0, 0, 0, 0), (toClient.LocalScale, toClient.RemoteScale, toServer.LocalScale, toServer.RemoteScale));
        Assert.Equal((500u, 536), (toClient.RemoteWindow, toClient.RemoteMss));
        Assert.False(toClient.HasSack || toServer.HasSack);
        Assert.Null(toClient.Stamp);
        Assert.Null(toServer.Stamp);
    }

    private static TakeOver Record(string client, string server) => new()
    {
        Client = IpAddr.From(IPAddress.Parse(client)),
        Server = IpAddr.From(IPAddress.Parse(server)),
        ClientPort = 40000,
        ServerPort = 80,
        Seq = 100,
        Ack = 700,
        ClientStamp = 1000,
        ServerStamp = 2000,
        Length = 5,
        ClientMss = 1360,
        ServerMss = 1460,
        ClientWindow = 500,
        ClientScale = 9,
        ServerScale = 7,
        Flags = TakeOverFlag.Sack | TakeOverFlag.Stamps,
    };

    private static IPEndPoint Point(string address, int port) => new(IPAddress.Parse(address), port);
}
