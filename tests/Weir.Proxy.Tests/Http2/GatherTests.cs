// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Http2;
using Xunit;
using static Weir.Proxy.Tests.Http2.Frames;

namespace Weir.Proxy.Tests.Http2;

/// <summary>What one event brings is one send to each side, whatever it is made of.</summary>
public sealed class GatherTests
{
    [Fact]
    public void ManyRequests_AreOneSend_AndTheirAnswersToo()
    {
        var rig = new Http2Rig().Greet();
        var (before, after) = (rig.Rig.Server.Sends.Count, rig.Rig.Client.Sends.Count);
        rig.Send(string.Concat(Enumerable.Range(0, 50).Select(i => Headers((2 * (uint)i) + 1, Get) + Ping())));
        Assert.Equal(before + 1, rig.Rig.Server.Sends.Count);
        Assert.Equal(after + 1, rig.Rig.Client.Sends.Count);
        Assert.Equal(50, rig.AtClient.Count(frame => frame.StartsWith("HEADERS", StringComparison.Ordinal)));
    }

    [Fact]
    public void Bodies_KeepTheirPlaceAmongTheRest()
    {
        var rig = new Http2Rig().Greet();
        rig.Answers = false;
        var before = rig.Rig.Server.Sends.Count;
        rig.Send(Headers(1, Post, EndHeaders) + Data(1, "one", 0) + Data(1, "two", 0) + Headers(3, Get) + WindowUpdate(0, 5) + Data(1, "three"));
        Assert.Equal(["HEADERS 1", "DATA 1 3", "DATA 1 3", "HEADERS 3 END", "WINDOW_UPDATE 0 5", "DATA 1 5 END"], rig.AtServer[^6..]);
        Assert.Equal(before + 1, rig.Rig.Server.Sends.Count);
    }

    /// <summary>The proxy's own frames do not fall into a server's.</summary>
    [Fact]
    public void OwnFrames_WaitForTheServersToEnd()
    {
        var rig = new Http2Rig().Greet();
        rig.Answers = false;
        rig.Send(Headers(1, Get));
        var answer = Headers(1, Block((":status", "200")), EndHeaders) + Data(1, "hello");
        rig.Rig.ServerSays(answer[..^2]);
        rig.Send(Headers(3, Request("GET", ("Bad", "name"))));
        Assert.DoesNotContain("RST_STREAM 3 ProtocolError", rig.AtClient);
        rig.Rig.ServerSays(answer[^2..]);
        Assert.Equal(["DATA 1 5 END", "HEADERS 3 END", "RST_STREAM 3 ProtocolError"], rig.AtClient[^3..]);
    }

    /// <summary>Short references to a long header in the table become whole ones towards the server.</summary>
    [Fact]
    public void ReferencesToLongHeaders_AreNotWrittenFasterThanTheServerTakesThem()
    {
        var rig = new Http2Rig().Greet();
        rig.Answers = false;
        var large = new string('v', 4000);
        rig.Send(Headers(1, Get + "\u0040\u0001x\u007f\u00a1\u001e" + large));
        rig.Rig.Server.Room = 0;
        var bomb = Get + new string('\u00be', 10);
        rig.Send(string.Concat(Enumerable.Range(1, 250).Select(i => Headers((2 * (uint)i) + 1, bomb))));
        Assert.InRange(rig.Rig.Worker.Waiting, 64 * 1024, 512 * 1024); // of 10 MB
        for (var i = 0; i < 400; i++)
        {
            rig.Rig.Server.Room = 64 * 1024;
            rig.Rig.Run();
        }

        Assert.Equal(251, rig.AtServer.Count(frame => frame.StartsWith("HEADERS", StringComparison.Ordinal)));
    }

    [Fact]
    public void SettingsThatTheProxyCouldNotFollow_AreNotAgreedOn()
    {
        // gRPC's "true binary" headers, tables larger than the proxy's, WebSockets on a stream, and pushes.
        var rig = new Http2Rig();
        rig.Answers = false;
        rig.Send(Preface + Make(FrameType.Settings, 0, 0, "\u00fe\u0003\0\0\0\u0001\0\u0001\0\u0001\0\0"));
        Assert.Equal("SETTINGS EnablePush=0 HeaderTableSize=4096", rig.AtServer[0]);
        rig.Rig.ServerSays(Settings((SettingType.EnableConnectProtocol, 1), (SettingType.MaxConcurrentStreams, 10000), (SettingType.MaxFrameSize, 65536)));
        Assert.Equal("SETTINGS MaxConcurrentStreams=256 MaxConcurrentStreams=256 MaxFrameSize=65536", rig.AtClient[0]);
    }

    [Fact]
    public void BlanksAroundAValue_AreNoPartOfIt()
    {
        var rig = new Http2Rig().Greet();
        rig.Send(Headers(1, Request("GET", ("x-a", " \tb c "), ("x-empty", "  "))));
        Assert.Contains("\u0003x-a\u0003b c\0\u0007x-empty\0", rig.Rig.Server.Received, StringComparison.Ordinal);
        Assert.Contains("DATA 1 2 END", rig.AtClient);
    }
}
