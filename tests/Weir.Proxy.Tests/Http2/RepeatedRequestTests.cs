// SPDX-License-Identifier: Apache-2.0
using Weir.Api;
using Weir.Http.Http2;
using Weir.Http.Rules;
using Xunit;
using static Weir.Proxy.Tests.Http2.Frames;

namespace Weir.Proxy.Tests.Http2;

/// <summary>The same bytes again: they are not read again only where they mean and are allowed the same.</summary>
public sealed class RepeatedRequestTests
{
    private const string Get = "\u0082\u0086"; // the static table's GET and http
    private const string ByAuthority = "\u0001\u0001a"; // :authority: a, without the table
    private const string LastEntry = "\u00be"; // the newest of the dynamic table

    private static readonly HttpRule _public = new("GET", "/public", null, []);
    private static readonly HttpRule _all = HttpRule.Any;

    private static readonly string[] _requests =
    [
        Get + "\u0044\u0007/public" + ByAuthority, // enters the path into the table
        Get + "\u0044\u0008/private" + ByAuthority,
        Get + LastEntry + ByAuthority, // whichever that was
        Get + LastEntry + ByAuthority,
        Get + "\u00bf" + ByAuthority, // the one before it
        Get + "\u0004\u0007/public" + ByAuthority,
        Get + "\u0004\u0008/private" + ByAuthority,
        Get + "\u0004\u0007/public" + ByAuthority + "\u000f\u000d\u00014", // content-length: 4
        "\u0083\u0086\u0004\u0007/public" + ByAuthority, // POST
        "\u0002\u0004HEAD\u0086\u0004\u0007/public" + ByAuthority,
        "\u003f\u00e1\u001f" + Get + "\u0004\u0007/public" + ByAuthority, // says again how large the table is
        "\u0020\u003f\u00e1\u001f" + Get + "\u0004\u0007/public" + ByAuthority, // empties it
        Get + "\u0084" + ByAuthority,
    ];

    private static readonly string[] _answers = ["\u0088", "\u0048\u0003404", "\u0048\u0003500", LastEntry, LastEntry, "\u0008\u0003204"];

    [Fact]
    public void SameRequest_ReachesTheServerEachTime()
    {
        var rig = NobodyLooks(_public).Send(Headers(1, _requests[5])).Send(Headers(3, _requests[5])).Send(Headers(5, _requests[5]));
        Assert.Equal(["HEADERS 1 END", "HEADERS 3 END", "HEADERS 5 END"], rig.AtServer.Where(frame => frame.StartsWith("HEADERS", StringComparison.Ordinal)));
        Assert.Equal(3ul, Stats(rig).Requests[(int)AccessVerdict.Allowed]);
        Assert.Equal(3ul, Stats(rig).Statuses[2]);
    }

    [Fact]
    public void SameBytes_AreJudgedByThePolicyOfNow()
    {
        var rig = NobodyLooks(_all).Send(Headers(1, _requests[6]));
        rig.Rig.Allow(_public);
        rig.Send(Headers(3, _requests[6]));
        Assert.Contains("HEADERS 1 END", rig.AtServer);
        Assert.DoesNotContain("HEADERS 3 END", rig.AtServer);
        Assert.Equal(1ul, Stats(rig).Requests[(int)AccessVerdict.Refused]);
    }

    [Fact]
    public void SameBytes_ThatMeanAnotherPathByNow_AreJudgedAgain()
    {
        var rig = NobodyLooks(_public).Send(Headers(1, _requests[0])).Send(Headers(3, _requests[2])).Send(Headers(5, _requests[2]))
            .Send(Headers(7, _requests[1])).Send(Headers(9, _requests[2]));
        Assert.Contains("HEADERS 5 END", rig.AtServer);
        Assert.DoesNotContain("HEADERS 9 END", rig.AtServer);
    }

    [Fact]
    public void SameBytes_ThatEnterThePathAgain_AreReadAgain()
    {
        var rig = NobodyLooks(_public).Send(Headers(1, _requests[1])).Send(Headers(3, _requests[0])).Send(Headers(5, _requests[0])).Send(Headers(7, _requests[4]));
        Assert.Contains("HEADERS 7 END", rig.AtServer); // the entry before the newest is the same path
    }

    [Fact]
    public void SameBytes_WithAndWithoutABody_AreTwoRequests()
    {
        var rig = NobodyLooks(_public).Send(Headers(1, _requests[7], EndHeaders) + Data(1, "test")).Send(Headers(3, _requests[7]));
        Assert.Contains("HEADERS 1", rig.AtServer);
        Assert.DoesNotContain("HEADERS 3 END", rig.AtServer); // it says that a body follows
    }

    [Fact]
    public void SameBytes_AsTrailers_AreNoRequest()
    {
        var rig = NobodyLooks(_public).Send(Headers(1, _requests[5])).Send(Headers(3, _requests[5], EndHeaders)).Send(Headers(3, _requests[5]));
        Assert.Contains("RST_STREAM 3 ProtocolError", rig.AtClient);
    }

    /// <summary>Two proxies get the same; one of them reads everything, since somebody looks.</summary>
    [Fact]
    public void WhatWasKnown_ChangesNothing()
    {
        var seed = int.Parse(Environment.GetEnvironmentVariable("WEIR_SEED") ?? $"{Random.Shared.Next()}", null);
        var cases = int.Parse(Environment.GetEnvironmentVariable("WEIR_CASES") ?? "200", null);
        var random = new Random(seed);
        for (var i = 0; i < cases; i++)
        {
            Http2Rig[] rigs = [NobodyLooks(_public, answers: false), new Http2Rig(_public) { Answers = false }.Greet()];
            foreach (var rig in rigs)
            {
                rig.Rig.ServerSays(Settings() + SettingsAck);
            }

            var request = _requests[0];
            for (uint stream = 1; stream < 60; stream += 2)
            {
                request = random.Next(2) == 0 ? request : _requests[random.Next(_requests.Length)];
                Play(rigs, stream, request, random);
                Assert.True(rigs[0].Rig.Client.ReceivedBytes.SequenceEqual(rigs[1].Rig.Client.ReceivedBytes), $"the client got something else (WEIR_SEED={seed})");
                Assert.True(rigs[0].Rig.Server.ReceivedBytes.SequenceEqual(rigs[1].Rig.Server.ReceivedBytes), $"the server got something else (WEIR_SEED={seed})");
            }

            var (known, read) = (Stats(rigs[0]), Stats(rigs[1]));
            Assert.Equal(read.Requests, known.Requests);
            Assert.Equal(read.Statuses, known.Statuses);
            Assert.Equal(read.RequestBytes, known.RequestBytes);
            Assert.Equal(read.ResponseBytes, known.ResponseBytes);
        }
    }

    /// <summary>A request, maybe with a body, maybe under another policy, and its answer if it reached the server.</summary>
    private static void Play(Http2Rig[] rigs, uint stream, string request, Random random)
    {
        var policy = random.Next(8) == 0 ? random.Next(2) == 0 ? _public : _all : null;
        var body = random.Next(4) == 0;
        var answer = Headers(stream, _answers[random.Next(_answers.Length)], EndHeaders) + Data(stream, "ok");
        foreach (var rig in rigs)
        {
            if (policy is not null)
            {
                rig.Rig.Allow(policy);
            }

            rig.Send(Headers(stream, request, body ? EndHeaders : Both) + (body ? Data(stream, "test") : ""));
            if (!rig.Rig.IsForgotten && rig.AtServer.Exists(frame => frame.StartsWith($"HEADERS {stream}", StringComparison.Ordinal)))
            {
                rig.Rig.ServerSays(answer);
            }
        }
    }

    private static Http2Rig NobodyLooks(HttpRule rule, bool answers = true)
    {
        var rig = new Http2Rig(rule) { Answers = answers };
        rig.Rig.IsLookedAt = false;
        return rig.Greet();
    }

    private static ProxyStats Stats(Http2Rig rig) => Counters.Sum([rig.Rig.Worker.Counters]);
}
