// SPDX-License-Identifier: Apache-2.0
using Weir.Api;
using Weir.Proxy.Tests.Memory;
using Xunit;

namespace Weir.Proxy.Tests;

/// <summary>Offers to change the protocol, with and without a body before it.</summary>
public sealed class UpgradeTests
{
    private const string Get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    private const string Offer = "POST /a HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n";
    private const string Ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    [Theory]
    [InlineData("Content-Length: 5\r\n\r\n", "hello")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n")]
    public void OfferOfHttp2_WithABody_TheBodyGoesOn(string header, string body)
    {
        // As java.net.http.HttpClient asks, before a server that does not know of HTTP/2.
        var rig = new Rig().ClientSays(Offer + header + body[..2]).ClientSays(body[2..]);
        Assert.Equal(Offer + header + body, rig.Server.Received);
        rig.ServerSays(Ok).ClientSays(Get).ServerSays(Ok);
        Assert.Equal(Ok + Ok, rig.Client.Received);
        Assert.Equal(2, rig.Told.Count);
    }

    [Fact]
    public void OfferOfHttp2_WithABody_WhatFollowsWaitsForTheAnswer()
    {
        var rig = new Rig().ClientSays(Offer + "Content-Length: 5\r\n\r\nhello" + "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0");
        Assert.EndsWith("hello", rig.Server.Received, StringComparison.Ordinal);
        rig.ServerSays("HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
        Assert.Contains("helloPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", rig.Server.Received, StringComparison.Ordinal);
    }

    [Fact]
    public void Server_ChangesTheProtocol_BeforeTheBodysEnd_BothAreReset()
    {
        var rig = new Rig().ClientSays(Offer + "Content-Length: 5\r\n\r\nhel").ServerSays("HTTP/1.1 101 Yes\r\n\r\n");
        Assert.True(rig.IsForgotten);
        Assert.True(rig.Client.WasReset);
        Assert.Equal(AccessVerdict.Failed, Assert.Single(rig.Told).Verdict);
    }

    [Fact]
    public void UpgradeToTcp_AsDockerAsks_IsATunnel()
    {
        var rig = new Rig().ClientSays("POST /exec/1/start HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 2\r\n\r\n{}");
        rig.ServerSays("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n").ClientSays("id\n").ServerSays("uid=0");
        Assert.EndsWith("{}id\n", rig.Server.Received, StringComparison.Ordinal);
        Assert.EndsWith("uid=0", rig.Client.Received, StringComparison.Ordinal);
        rig.Client.Ends(); // the end of standard input, as "docker exec -i" sends it
        rig.Run();
        Assert.True(rig.Server.IsShut);
        rig.ServerSays("more");
        Assert.EndsWith("more", rig.Client.Received, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("TLS/1.0")]
    [InlineData("websocket, h2c")]
    [InlineData("SPDY/3.1")]
    public void OtherProtocols_WouldNotBeJudged_TheChangeIsNotMade(string protocol)
    {
        var rig = new Rig().ClientSays($"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\r\n");
        rig.ServerSays("HTTP/1.1 101 Yes\r\n\r\n");
        Assert.True(rig.IsForgotten);
        Assert.Equal("", rig.Client.Received);
    }

    [Fact]
    public void HttpTenConnect_IsATunnel_ThoughTheConnectionIsItsLast()
    {
        var rig = new Rig().ClientSays("CONNECT h:443 HTTP/1.0\r\nHost: h:443\r\n\r\n").ServerSays("HTTP/1.0 200 Yes\r\n\r\n").ClientSays("hello");
        Assert.EndsWith("hello", rig.Server.Received, StringComparison.Ordinal);
        Assert.False(rig.Client.IsShut);
    }
}
