// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Http2;
using Weir.Http.Rules;
using Xunit;
using static Weir.Proxy.Tests.Http2.Frames;

namespace Weir.Proxy.Tests.Http2;

/// <summary>Frames that ask for nothing have an end; whoever uses a connection for what it is there for never meets it.</summary>
public sealed class FloodTests
{
    private const string Calm = "GOAWAY EnhanceYourCalm";

    public static Dictionary<string, Func<uint, string>> Floods { get; } = new()
    {
        ["ping"] = _ => Ping(),
        ["ping that acknowledges nothing"] = _ => Ping(flags: FrameFlags.Ack),
        ["settings"] = _ => Settings(),
        ["acknowledged settings"] = _ => SettingsAck,
        ["priority"] = _ => Priority(1, 0),
        ["credit"] = _ => WindowUpdate(0, 1),
        ["credit of a stream"] = _ => WindowUpdate(1, 1),
        ["empty data"] = _ => Data(1, "", 0),
        ["unknown frames"] = _ => Make((FrameType)0xAA, 0, 0, ""),
        ["reset requests"] = id => Headers(id, Get) + Reset(id),
        ["requests that end badly"] = id => Headers(id, Post, EndHeaders) + WindowUpdate(id, 0),
        ["malformed requests"] = id => Headers(id, Request("GET", ("Upper", "case"))),
        ["resets of nothing"] = _ => Reset(1),
    };

    public static TheoryData<string> Names() => [.. Floods.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Flood_EndsTheConnection(string name)
    {
        var rig = new Http2Rig().Greet();
        rig.Answers = false;
        rig.Send(Headers(1, Post, EndHeaders));
        Assert.False(rig.Rig.Client.IsShut);
        rig.Send(string.Concat(Enumerable.Range(1, 3000).Select(i => Floods[name]((2 * (uint)i) + 1))));
        Assert.Contains(Calm, rig.AtClient);
        Assert.True(rig.Rig.Client.IsShut);
        Assert.True(rig.AtServer.Count < 2100, $"{rig.AtServer.Count} frames went on");
        Assert.Contains(rig.Rig.Told, access => access.Detail.Contains("ENHANCE_YOUR_CALM", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void AFewOfThem_NowAndThen_AreNoFlood(string name)
    {
        var rig = new Http2Rig().Greet();
        rig.Answers = false;
        rig.Send(Headers(1, Post, EndHeaders));
        for (uint i = 0; i < 100; i++)
        {
            rig.Send(string.Concat(Enumerable.Range(1, 50).Select(j => Floods[name]((100 * i) + (2 * (uint)j) + 1))));
            rig.Rig.Wait(1000);
        }

        Assert.DoesNotContain(Calm, rig.AtClient);
    }

    /// <summary>A client that is answered gives credit and measures the way with each answer.</summary>
    [Fact]
    public void ClientThatIsServed_EarnsItsFrames()
    {
        var rig = new Http2Rig().Greet();
        for (uint i = 0; i < 5000; i++)
        {
            rig.Send(Headers((2 * i) + 1, Get) + WindowUpdate(0, 2) + Ping() + Priority((2 * i) + 1, 0));
        }

        Assert.DoesNotContain(Calm, rig.AtClient);
        Assert.Equal(5000, rig.AtClient.Count(frame => frame.EndsWith(" 2 END", StringComparison.Ordinal)));
    }

    [Fact]
    public void LongDownload_MayBeCreditedInSmallPieces()
    {
        var rig = new Http2Rig().Greet();
        rig.Answers = false;
        rig.Send(Headers(1, Get));
        rig.Rig.ServerSays(Headers(1, Block((":status", "200")), EndHeaders));
        for (var i = 0; i < 3000; i++)
        {
            rig.Rig.ServerSays(Data(1, new string('x', 4096), 0));
            rig.Send(string.Concat(Enumerable.Repeat(WindowUpdate(0, 2048) + WindowUpdate(1, 2048), 2)) + Ping());
        }

        Assert.DoesNotContain(Calm, rig.AtClient);
    }

    [Fact]
    public void ServerThatFloods_LosesTheConnection()
    {
        var rig = new Http2Rig().Greet();
        rig.Answers = false;
        rig.Rig.ServerSays(string.Concat(Enumerable.Repeat(Ping(), 3000)));
        Assert.True(rig.Rig.IsForgotten);
        Assert.True(rig.AtClient.Count < 1500);
    }

    [Theory]
    [InlineData("")]
    [InlineData("\0")]
    public void BlockOfManyPieces_EndsTheConnection(string piece)
    {
        var rig = new Http2Rig().Greet();
        rig.Send(Headers(1, Get, End) + string.Concat(Enumerable.Repeat(Continuation(1, piece, 0), 1000)));
        Assert.Contains(Calm, rig.AtClient);
    }

    /// <summary>A block that is never whole has its time as a whole, whether its pieces have bytes or not.</summary>
    [Theory]
    [InlineData("", "")]
    [InlineData("", "\0")]
    [InlineData("\0", "")]
    public void BlockThatDoesNotEnd_IsNotWaitedForWithoutEnd(string first, string piece)
    {
        var rig = new Http2Rig().Greet();
        rig.Send(Headers(1, first, End));
        for (var i = 0; i < 31; i++)
        {
            rig.Rig.Wait(1000);
            rig.Send(Continuation(1, piece, 0));
        }

        Assert.Contains("GOAWAY NoError", rig.AtClient);
        Assert.True(rig.Rig.Client.IsShut);
    }

    /// <summary>Blocks that come in pieces at every read, for longer than one may take, are other blocks each time.</summary>
    [Fact]
    public void ClientThatIsAlwaysInABlock_IsServed()
    {
        var rig = new Http2Rig().Greet();
        rig.Send(Headers(1, Get[..9], End));
        for (uint i = 0; i < 100; i++)
        {
            rig.Rig.Wait(1000);
            rig.Send(Continuation((2 * i) + 1, Get[9..]) + Headers((2 * i) + 3, Get[..9], End));
        }

        Assert.Equal(100, rig.AtClient.Count(frame => frame.EndsWith(" 2 END", StringComparison.Ordinal)));
    }

    [Fact]
    public void RefusedUpload_IsTakenInForAWhile_AndNoLonger()
    {
        var rig = new Http2Rig(new HttpRule("GET", null, null, [])).Greet();
        rig.Send(Headers(1, Post, EndHeaders));
        var piece = Data(1, new string('x', 16000), 0);
        for (var i = 0; i < 100; i++)
        {
            rig.Send(piece);
        }

        // Without an error: the client has its answer.
        Assert.Contains("RST_STREAM 1 NoError", rig.AtClient);
        Assert.Equal(100, rig.AtClient.Count(frame => frame == "WINDOW_UPDATE 0 16000"));
        // And the stream's window as long as that is wanted.
        Assert.Equal(1024 * 1024 / 16000, rig.AtClient.Count(frame => frame == "WINDOW_UPDATE 1 16000"));
    }

    /// <summary>Who has had his turn goes on in the next one, with what he had sent.</summary>
    [Fact]
    public void ClientThatHasHadItsTurn_GoesOnInTheNext()
    {
        var rig = new Http2Rig(new HttpRule("POST", null, null, [])).Greet();
        rig.Rig.Worker.TurnEnds = 0;
        rig.Rig.ClientSays(string.Concat(Enumerable.Range(0, 200).Select(i => Headers((2 * (uint)i) + 1, Get))));
        var first = rig.AtClient.Count;
        Assert.InRange(first, 1, 100);
        Assert.False(rig.Rig.Client.Watched.HasFlag(Linux.EpollEvents.Readable));
        for (var i = 0; i < 10 && rig.Rig.Worker.Unfinished.TryDequeue(out var connection); i++)
        {
            connection.OnTurn();
        }

        Assert.Equal(200, rig.AtClient.Count(frame => frame.StartsWith("HEADERS", StringComparison.Ordinal)));
        Assert.True(rig.Rig.Client.Watched.HasFlag(Linux.EpollEvents.Readable));
    }
}
