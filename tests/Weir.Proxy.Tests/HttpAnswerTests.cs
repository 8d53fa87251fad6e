// SPDX-License-Identifier: Apache-2.0
using Weir.Api;
using Weir.Http.Rules;
using Weir.Proxy.Tests.Memory;
using Xunit;

namespace Weir.Proxy.Tests;

/// <summary>Answers as servers give them: odd, early, unasked, last.</summary>
public sealed class HttpAnswerTests
{
    private const string Get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    private const string Chunks = "4\r\nwxyz\r\n0\r\n\r\n";

    [Theory]
    [InlineData("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + Chunks)]
    [InlineData("Transfer-Encoding: gzip, chunked\r\n\r\n" + Chunks)]
    [InlineData("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" + Chunks)]
    [InlineData("Content-Length: 4, 4\r\n\r\nwxyz")]
    [InlineData("Transfer-Encoding: identity\r\nContent-Length: 4\r\n\r\nwxyz")]
    [InlineData("Content-Length: 4\r\n\r\nwxyz\r\n")] // an empty line behind it
    public void OddFraming_ThatClientsReadAlike_IsFollowed_HoweverManyRequests(string answer)
    {
        var rig = new Rig();
        for (int i = 1; i <= 40; i++)
        {
            rig.ClientSays(Get).ServerSays("HTTP/1.1 200 OK\r\n" + answer);
            Assert.Equal(i, rig.Told.Count);
        }

        Assert.Equal(40 * Get.Length, rig.Server.Received.Length);
    }

    [Fact]
    public void AnswerThatContradictsItself_GoesOn_AndEndsTheConnectionWithTheNextRequest()
    {
        var rig = new Rig().ClientSays(Get).ServerSays("HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nabc");
        Assert.EndsWith("abc", rig.Client.Received, StringComparison.Ordinal);
        rig.ClientSays(Get);
        Assert.True(rig.Client.IsShut);
        Assert.Equal(Get, rig.Server.Received);
        rig.Wait(2001);
        Assert.Contains("does not say where it ends", Assert.Single(rig.Told).Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")]
    public void AnswerNobodyAskedFor_ReachesNobody_AndIsTold(string before)
    {
        const string Unasked = "HTTP/1.1 408 Too late\r\nContent-Length: 0\r\n\r\n";
        var rig = new Rig().ClientSays(Get).ServerSays("HTTP/1.1 204 No\r\n\r\n");
        if (before.Length > 0)
        {
            rig.ClientSays(Get);
        }

        string seen = rig.Client.Received;
        rig.ServerSays(before + Unasked);
        Assert.Equal(seen + before, rig.Client.Received);
        Assert.True(rig.Client.IsShut);
        Assert.True(rig.Server.IsClosed);
        Assert.Equal(AccessVerdict.Failed, rig.Told[^1].Verdict);
        Assert.Contains("nobody asked for", rig.Told[^1].Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void FinalAnswer_BeforeTheBodysEnd_EndsTheConnection()
    {
        var rig = new Rig().ClientSays("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc");
        rig.ServerSays("HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno");
        Assert.EndsWith("no", rig.Client.Received, StringComparison.Ordinal);
        Assert.True(rig.Client is { IsShut: true, IsClosed: false });
        Assert.True(rig.Server.IsClosed);
        // What the client still sends goes to nobody, not even as the request that it could be.
        for (int i = 0; i < 10; i++)
        {
            rig.ClientSays(new string('x', 50)).Wait(1500);
            Assert.False(rig.IsForgotten);
        }

        rig.Client.Ends();
        rig.Run();
        Assert.True(rig.IsForgotten);
        Assert.False(rig.Client.WasReset);
        Assert.Equal("answered before the request's end: the connection ends with it", Assert.Single(rig.Told).Detail);
    }

    [Fact]
    public void AnswerBegun_BeforeTheBodysEnd_AndEndedBehindIt_KeepsTheConnection()
    {
        var rig = new Rig().ClientSays("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab");
        rig.ServerSays("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").ClientSays("cd").ServerSays(Chunks).ClientSays(Get);
        Assert.EndsWith("abcd" + Get, rig.Server.Received, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET / HTTP/1.0\r\n\r\n", "", true)]
    [InlineData("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "", true)]
    [InlineData(Get, "Connection: close\r\n", false)]
    public void LastAnswer_GoesWithTheEnd_InOnePacket_AndTheServerEndsByItself(string request, string header, bool isClientDone)
    {
        var rig = new Rig().ClientSays(request).ServerSays($"HTTP/1.1 200 OK\r\n{header}Content-Length: 2\r\n\r\nok");
        Assert.True(rig.Client.EndedWithData);
        Assert.Equal(isClientDone, rig.Client.IsClosed);
        Assert.True(rig.Server is { IsShut: false, IsClosed: false });
        rig.Client.Ends();
        rig.Run();
        Assert.False(rig.IsForgotten);
        rig.Server.Ends();
        rig.Run();
        Assert.True(rig.IsForgotten);
        Assert.True(rig.Client is { WasReset: false });
        Assert.True(rig.Server is { WasReset: false, IsShut: false });
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void LastAnswer_ThatTheServersEndCameWith_EndsAllInOneEvent(bool comesBehind)
    {
        var rig = new Rig().ClientSays("GET / HTTP/1.0\r\n\r\n");
        rig.Server.Says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + (comesBehind ? "HTTP/1.1 408 Late\r\n\r\n" : ""));
        rig.Server.Ends();
        rig.Connection.OnEvent(ofServer: true, rig.Server.Ready());
        Assert.True(rig.IsForgotten);
        Assert.EndsWith("\r\n\r\nok", rig.Client.Received, StringComparison.Ordinal);
        Assert.True(rig.Client is { WasReset: false, EndedWithData: true });
        Assert.True(rig.Server is { WasReset: false, IsClosed: true });
    }

    /// <summary>It would be answered with a reset, and the client might not see its answer.</summary>
    [Fact]
    public void LastAnswer_WhenTheClientSaidMoreThanItWould_IsReadOn()
    {
        var rig = new Rig().ClientSays("POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\na").ClientSays("\r\n")
            .ServerSays("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        Assert.True(rig.Client is { IsShut: true, IsClosed: false, EndedWithData: true });
        rig.Client.Ends();
        rig.Server.Ends();
        rig.Run();
        Assert.True(rig.IsForgotten);
        Assert.False(rig.Client.WasReset);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void LastAnswer_WithAServerThatDoesNotEnd_OrResets_IsNotHeldUp(bool resets)
    {
        var rig = new Rig().ClientSays("GET / HTTP/1.0\r\n\r\n").ServerSays("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        if (resets)
        {
            rig.Server.Resets();
            rig.Run();
            Assert.True(rig.Server.IsClosed);
        }

        rig.Client.Ends();
        rig.Run();
        Assert.Equal(resets, rig.IsForgotten);
        rig.Wait(2001);
        Assert.True(rig.IsForgotten);
        Assert.False(rig.Client.WasReset);
    }

    [Fact]
    public void RequestBehindTheLastOne_IsNotRead()
    {
        var rig = new Rig().ClientSays("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" + Get + "rubbish\r\n");
        Assert.EndsWith("close\r\n\r\n", rig.Server.Received, StringComparison.Ordinal);
        rig.ServerSays("HTTP/1.1 204 No\r\n\r\n");
        Assert.Single(rig.Told);
    }

    [Fact]
    public void RefusedRequest_BehindOneThatIsNotAnswered_KeepsItsTurn_AndNothingBehindALastOneIsRead()
    {
        var rig = new Rig(new HttpRule("GET", null, null, [])).ClientSays(Get + "PUT / HTTP/1.0\r\n\r\n").ClientSays(Get);
        Assert.Equal(Get, rig.Server.Received);
        Assert.Equal("", rig.Client.Received);
        rig.ServerSays("HTTP/1.1 204 No\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 204 No\r\n\r\nHTTP/1.1 403 ", rig.Client.Received, StringComparison.Ordinal);
        Assert.True(rig.Client is { IsShut: true, EndedWithData: true });
        Assert.Equal([204, 403], rig.Told.Select(access => (int)access.Status));
    }

    [Theory]
    [InlineData("GET", "HTTP/1.1", "Content-Length: 14\r\n\r\nAccess denied\n")]
    [InlineData("HEAD", "HTTP/1.1", "Content-Length: 14\r\n\r\n")]
    [InlineData("GET", "HTTP/1.0", "Content-Length: 14\r\nConnection: close\r\n\r\nAccess denied\n")]
    [InlineData("HEAD", "HTTP/1.0", "Content-Length: 14\r\nConnection: close\r\n\r\n")]
    public void Refusal_IsOfTheRequestsKind(string method, string version, string end)
    {
        var rig = new Rig(new HttpRule(null, "/other", null, [])).ClientSays($"{method} / {version}\r\nHost: h\r\n\r\n");
        Assert.EndsWith($"\r\n{end}", rig.Client.Received, StringComparison.Ordinal);
        Assert.Equal(version == "HTTP/1.0", rig.Client.IsShut);
    }
}
