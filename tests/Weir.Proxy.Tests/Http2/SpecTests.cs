// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Http2;
using Weir.Http.Rules;
using Xunit;
using static Weir.Proxy.Tests.Http2.Frames;

namespace Weir.Proxy.Tests.Http2;

/// <summary>The proxy is a server of HTTP/2 as the RFC wants it: what is wrong with a stream ends the stream, what is
/// wrong with the connection ends that, each with the error that it is.</summary>
public sealed class SpecTests
{
    public static TheoryData<string> Names() => [.. SpecCases.All.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Client_IsAnsweredAsTheRfcSays(string name)
    {
        var (wanted, sends) = SpecCases.All[name];
        var rig = new Http2Rig();
        if (!name.Contains("no preface", StringComparison.Ordinal))
        {
            rig.Greet();
        }

        foreach (var bytes in sends)
        {
            rig.Send(bytes);
        }

        Check(rig, wanted);
    }

    /// <summary>However its frames are cut, a client is answered the same.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Client_IsAnsweredTheSame_ByteByByte(string name)
    {
        var (wanted, sends) = SpecCases.All[name];
        if (sends.Sum(bytes => bytes.Length) > 1000)
        {
            return; // nothing that its length would change
        }

        var rig = new Http2Rig();
        if (!name.Contains("no preface", StringComparison.Ordinal))
        {
            rig.Greet();
        }

        foreach (var bytes in sends)
        {
            // The server answers at the end of each, as it does when they come at once.
            var last = bytes.Length - 1;
            for (var i = 0; i < last; i++)
            {
                rig.Rig.ClientSays(bytes[i..(i + 1)]);
            }

            rig.Send(bytes[last..]);
        }

        Check(rig, wanted);
    }

    [Fact]
    public void SettingsThatAreNotTheFirstFrame_EndTheConnection()
    {
        var rig = new Http2Rig().Send(Preface + Ping());
        Check(rig, "GOAWAY ProtocolError");
    }

    [Fact]
    public void MoreStreamsThanAllowed_AreRefusedOneByOne()
    {
        var rig = new Http2Rig { Answers = false };
        rig.Rig.ClientSays(Preface + Settings()).ServerSays(Settings());
        for (uint i = 0; i <= Http2Streams.Most; i++)
        {
            rig.Send(Headers((2 * i) + 1, Get));
        }

        Assert.Equal(["RST_STREAM 513 RefusedStream"], rig.AtClient[1..]);
        Assert.DoesNotContain("HEADERS 513 END", rig.AtServer);
    }

    [Fact]
    public void FrameOfAResetStream_ThatWasOnItsWay_IsNoFault()
    {
        var rig = new Http2Rig().Greet();
        rig.Answers = false;
        rig.Send(Headers(1, Post, EndHeaders));
        rig.Rig.ServerSays(Reset(1));
        rig.Send(Data(1, "test", 0) + WindowUpdate(1, 5) + Headers(1, Block(("x-trailer", "late"))) + Reset(1));
        rig.Answers = true;
        rig.Send(Headers(3, Get));
        Assert.Contains("WINDOW_UPDATE 0 4", rig.AtClient); // for what the server did not get
        Assert.Contains("DATA 3 2 END", rig.AtClient);
        Assert.DoesNotContain(rig.AtServer, frame => frame.StartsWith("DATA 1", StringComparison.Ordinal));
    }

    [Fact]
    public void StreamThatIsReset_IsSoOnBothSides_AndOthersGoOn()
    {
        var rig = new Http2Rig().Greet();
        rig.Send(Headers(1, Request("POST", ("content-length", "2")), EndHeaders) + Data(1, "three") + Headers(3, Get));
        Assert.Contains("RST_STREAM 1 ProtocolError", rig.AtClient);
        Assert.Contains("RST_STREAM 1 Cancel", rig.AtServer);
        Assert.DoesNotContain(rig.AtServer, frame => frame.StartsWith("DATA 1", StringComparison.Ordinal));
        Assert.Contains("DATA 3 2 END", rig.AtClient);
    }

    [Fact]
    public void MalformedRequest_IsAnsweredInWordsAsWell_AndTheServerHearsNothing()
    {
        var rig = new Http2Rig().Greet((SettingType.InitialWindowSize, 100000)).Send(WindowUpdate(0, 100000));
        rig.Send(Headers(1, Request("GET", ("Upper", "case"))) + Headers(3, Get));
        Assert.Equal(["HEADERS 1", "DATA 1 22 END", "RST_STREAM 1 ProtocolError", "HEADERS 3", "DATA 3 2 END"], rig.AtClient[^5..]);
        Assert.Contains("malformed header name", rig.Rig.Client.Received, StringComparison.Ordinal);
        Assert.DoesNotContain("HEADERS 1 END", rig.AtServer);
    }

    [Fact]
    public void RequestThatNoRuleAllows_GetsAnAnswer_NotAReset()
    {
        var rig = new Http2Rig(new HttpRule("POST", null, null, [])).Greet().Send(Headers(1, Get));
        Assert.Equal("HEADERS 1 END", rig.AtClient[^1]); // without a window for the text
        Assert.Equal(403u, Assert.Single(rig.Rig.Told).Status);
        rig.Send(WindowUpdate(0, 5000) + Headers(3, Get));
        Assert.Equal(["HEADERS 3", "DATA 3 14 END"], rig.AtClient[^2..]);
    }

    [Fact]
    public void RefusedHead_IsAnsweredWithoutABody()
    {
        var rig = new Http2Rig(new HttpRule("POST", null, null, [])).Greet().Send(WindowUpdate(0, 5000) + Headers(1, Request("HEAD")));
        Assert.Equal("HEADERS 1 END", rig.AtClient[^1]);
        Assert.Contains("14", rig.Rig.Client.Received, StringComparison.Ordinal); // the length that it would have
    }

    private static void Check(Http2Rig rig, string wanted)
    {
        if (wanted == "closed")
        {
            Assert.True(rig.Rig.IsForgotten || rig.Rig.Client.IsShut);
        }
        else if (wanted.StartsWith("server:", StringComparison.Ordinal))
        {
            Assert.Contains(wanted["server:".Length..], rig.AtServer);
        }
        else
        {
            Assert.Contains(wanted, rig.AtClient);
            Assert.Equal(wanted.StartsWith("GOAWAY", StringComparison.Ordinal), rig.Rig.Client.IsShut);
        }
    }
}
