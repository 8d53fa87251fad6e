// SPDX-License-Identifier: Apache-2.0
using Weir.Api;
using Weir.Http.Rules;
using Weir.Proxy.Tests.Memory;
using Xunit;

namespace Weir.Proxy.Tests;

/// <summary>A body that turns out to be none, when its head has gone on already.</summary>
public sealed class HttpBodyFaultTests
{
    private const string Get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    private const string Post = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    private const string Bad = "5\r\nhello!!0\r\n\r\n";

    [Fact]
    public void ServerThatWaitsForTheBody_TheClientIsToldAtOnce()
    {
        var rig = new Rig().ClientSays(Post + Bad);
        Assert.StartsWith("HTTP/1.1 400 ", rig.Client.Received, StringComparison.Ordinal);
        Assert.True(rig.Client.IsShut);
        Assert.True(rig.Server.IsClosed);
        Assert.DoesNotContain("!", rig.Server.Received, StringComparison.Ordinal);
        var told = Assert.Single(rig.Told);
        Assert.Equal((AccessVerdict.Invalid, 400u, "POST"), (told.Verdict, told.Status, told.Method));
    }

    [Fact]
    public void ServerThatHasBegunToAnswer_TheConnectionEnds()
    {
        var rig = new Rig().ClientSays(Post).ServerSays("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc").ClientSays(Bad);
        Assert.EndsWith("abc", rig.Client.Received, StringComparison.Ordinal);
        Assert.True(rig.Client.IsShut);
        Assert.True(rig.Server.IsClosed);
    }

    [Fact]
    public void RequestBeforeIt_IsStillAnswered()
    {
        var rig = new Rig().ClientSays(Get + Post + Bad).ClientSays(Get);
        Assert.Equal("", rig.Client.Received);
        rig.ServerSays("HTTP/1.1 204 No\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 204 No\r\n\r\nHTTP/1.1 400 ", rig.Client.Received, StringComparison.Ordinal);
        Assert.True(rig.Server.IsClosed);
        Assert.Equal([204, 400], rig.Told.Select(access => (int)access.Status));
    }

    [Fact]
    public void RefusedRequestsBody_IsNotAnsweredTwice()
    {
        var rig = new Rig(new HttpRule("GET", null, null, [])).ClientSays(Post + Bad);
        Assert.Single(rig.Client.Received.Split("HTTP/1.1 ")[1..]);
        Assert.True(rig.Client.IsShut);
        Assert.Equal([AccessVerdict.Refused], rig.Told.Select(access => access.Verdict));
    }

    /// <summary>Nobody knows whether the proxy will read all of it: a client that takes the connection for usable sends its
    /// next request into the end of it.</summary>
    [Theory]
    [InlineData("Transfer-Encoding: chunked", true)]
    [InlineData("Content-Length: 4", false)]
    [InlineData("Content-Length: 4000000", true)]
    public void RefusedUpload_SaysWhetherTheConnectionGoesOn(string framing, bool ends)
    {
        var rig = new Rig(new HttpRule("GET", null, null, [])).ClientSays($"POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n");
        Assert.Equal(ends, rig.Client.Received.Contains("Connection: close", StringComparison.OrdinalIgnoreCase));
        Assert.Contains("403", rig.Client.Received, StringComparison.Ordinal);
    }
}
