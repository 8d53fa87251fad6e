// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Linux;
using Weir.Policy;
using Weir.Testing;
using Xunit;
using static Weir.Kernel.Tests.HttpConversation;

namespace Weir.Kernel.Tests;

/// <summary>What is told and counted of requests that pass without the proxy.</summary>
public sealed class HttpSeenTests
{
    private static readonly byte[] _ok = Get("/ok/1");
    private static readonly byte[] _denied = Get("/secret");
    private static readonly byte[] _answer = Bytes("HTTP/1.1 204 No Content\r\n\r\n");

    [PrivilegedTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void Request_IsToldWithItsHead_AndItsAnswerWithItsStatus(bool v6)
    {
        using HttpConversation c = Looked(v6);
        Passes(c.Send(0, _ok));
        (HttpSeen request, byte[] head) = Assert.Single(c.Programs.ReadSeen());
        Assert.Equal(_ok, head);
        Assert.Equal((SeenKind.Request, SeenFlag.Ingress, 1u, 0ul), (request.Kind, request.Flags & SeenFlag.Ingress, request.RuleId, request.Body));
        Assert.Equal((1u, 256u, 257u, 1, 2), (request.Request, request.SrcIdentity, request.DstIdentity, request.SrcEndpoint, request.DstEndpoint));
        bool isFromB = request.Flags.HasFlag(SeenFlag.FromB);
        Assert.Equal(
            (v6 ? "fd00:11::2" : "10.11.0.2", 40000, v6 ? "fd00:11::3" : "10.11.0.3", 80),
            (Address(isFromB ? request.Flow.AddrB : request.Flow.AddrA), (ushort)(isFromB ? request.Flow.PortB : request.Flow.PortA), Address(isFromB ? request.Flow.AddrA : request.Flow.AddrB), (ushort)(isFromB ? request.Flow.PortA : request.Flow.PortB)));

        Passes(c.Answer(0, [], Ack, _ok.Length));
        Assert.Empty(c.Programs.ReadSeen());
        Assert.Equal(0ul, c.Programs.CountOfRequests().Requests);
        Passes(c.Answer(0, _answer, ack: _ok.Length));
        (HttpSeen answer, head) = Assert.Single(c.Programs.ReadSeen());
        Assert.Empty(head);
        Assert.Equal((SeenKind.Answer, 1u, 204), (answer.Kind, answer.Request, answer.Status));
        HttpCount count = c.Programs.CountOfRequests();
        Assert.Equal((1ul, 1ul, 1ul, (ulong)_ok.Length), (count.Requests, count.Statuses[2], Sum(count.Latencies), count.RequestBytes));
        Assert.Equal(0u, (uint)(c.Flags & CtFlag.Asked));
    }

    [PrivilegedFact]
    public void EachOfAConnection_IsCounted_WithTheBytesOfItsAnswer()
    {
        using HttpConversation c = new HttpConversation().Open();
        long at = 0, answered = 0;
        for (int i = 0; i < 3; i++)
        {
            Passes(c.Send(at, _ok, ack: answered));
            at += _ok.Length;
            Passes(c.Answer(answered, _answer, ack: at));
            Passes(c.Answer(answered + _answer.Length, new byte[1000], ack: at));
            answered += _answer.Length + 1000;
        }

        HttpCount count = c.Programs.CountOfRequests();
        Assert.Equal((3ul, 3ul, (ulong)(3 * _ok.Length)), (count.Requests, count.Statuses[2], count.RequestBytes));
        Passes(c.Send(at, [], Ack | Fin, answered));
        Passes(c.Answer(answered, [], Ack | Fin, at + 1));
        Passes(c.Send(at + 1, [], Ack, answered + 1));
        Assert.Equal((3ul, (ulong)answered), (c.Programs.CountOfRequests().Requests, c.Programs.CountOfRequests().AnswerBytes));
        Assert.Empty(c.Programs.ReadSeen()); // nobody looks
        Assert.Equal(0ul, c.Programs.LostEvents());
    }

    [PrivilegedFact]
    public void Body_IsOfTheRequest()
    {
        using HttpConversation c = Looked();
        byte[] head = Post("/in", 1400);
        Passes(c.Send(0, [.. head, .. new byte[1000]]));
        Passes(c.Send(head.Length + 1000, new byte[400]));
        (HttpSeen request, byte[] told) = Assert.Single(c.Programs.ReadSeen());
        Assert.Equal(head, told);
        Assert.Equal((1400ul, 2u), (request.Body, request.RuleId));
        Assert.Equal((ulong)head.Length + 1400, c.Programs.CountOfRequests().RequestBytes);
    }

    /// <summary>It is the proxy's to tell of, and what is sent again was told.</summary>
    [PrivilegedFact]
    public void WhatIsHeldOrComesAgain_IsNotTold()
    {
        using HttpConversation c = Looked();
        Passes(c.Send(0, _ok));
        Passes(c.Send(0, _ok));
        Assert.Single(c.Programs.ReadSeen());
        Passes(c.Answer(0, _answer, ack: _ok.Length));
        Assert.Equal(SeenKind.Answer, Assert.Single(c.Programs.ReadSeen()).Seen.Kind);
        c.IsHandedOver(c.Send(_ok.Length, _denied, ack: _answer.Length));
        Assert.True(c.Programs.CompleteTakeOver(c.Key));
        Assert.Empty(c.Programs.ReadSeen());
        HttpCount count = c.Programs.CountOfRequests();
        Assert.Equal((1ul, (ulong)_ok.Length, (ulong)_answer.Length), (count.Requests, count.RequestBytes, count.AnswerBytes));
    }

    [PrivilegedTheory]
    [InlineData("HTTP/1.0 500 X\r\n\r\n", 500, 5)]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\n\r\n", 101, 1)]
    [InlineData("HTTP/1.1 999 \r\n", 999, 5)]
    [InlineData("HTTP/1.1 20", 0, 0)]
    [InlineData("HTTP/1.1 2x0 OK\r\n", 0, 0)]
    [InlineData("HTTP/1.1200 OK\r\n\r\n", 0, 0)]
    [InlineData("HTTP/2.0 200 OK\r\n", 0, 0)]
    [InlineData("220 smtp.example.org\r\n", 0, 0)]
    [InlineData("x", 0, 0)]
    public void Status_IsWhatTheAnswerBeginsWith(string text, int status, int place)
    {
        using HttpConversation c = Looked();
        Passes(c.Send(0, _ok));
        c.Programs.ReadSeen();
        Passes(c.Answer(0, Bytes(text), ack: _ok.Length));
        HttpSeen answer = Assert.Single(c.Programs.ReadSeen()).Seen;
        Assert.Equal((SeenKind.Answer, status), (answer.Kind, answer.Status));
        Assert.Equal(1ul, c.Programs.CountOfRequests().Statuses[place]);

        // What follows is not looked at.
        Passes(c.Answer(text.Length, Bytes("HTTP/1.1 404 Not Found\r\n\r\n"), ack: _ok.Length));
        Assert.Empty(c.Programs.ReadSeen());
        Assert.Equal(1ul, c.Programs.CountOfRequests().Requests);
    }

    [PrivilegedFact]
    public void InterimAnswer_IsNotTheAnswer()
    {
        using HttpConversation c = Looked();
        byte[] hints = Bytes("HTTP/1.1 103 Early Hints\r\n\r\n");
        Passes(c.Send(0, _ok));
        Passes(c.Answer(0, hints, ack: _ok.Length));
        Assert.Single(c.Programs.ReadSeen());
        Passes(c.Answer(hints.Length, _answer, ack: _ok.Length));
        Assert.Equal(204, Assert.Single(c.Programs.ReadSeen()).Seen.Status);
        long answered = hints.Length + _answer.Length;
        Passes(c.Send(_ok.Length, _ok, ack: answered));
        c.Programs.ReadSeen();

        // Both at once: nobody looks for the second.
        Passes(c.Answer(answered, [.. hints, .. _answer], ack: 2 * _ok.Length));
        Passes(c.Send(2 * _ok.Length, _ok, ack: answered + hints.Length + _answer.Length));
        Assert.Equal([(SeenKind.Answer, 2u, 0), (SeenKind.Request, 3u, 0)], c.Programs.ReadSeen().Select(one => (one.Seen.Kind, one.Seen.Request, (int)one.Seen.Status)));
        Assert.Equal((2ul, 1ul), (c.Programs.CountOfRequests().Requests, c.Programs.CountOfRequests().Statuses[0]));
    }

    /// <summary>What the server says comes in another order, or again.</summary>
    [PrivilegedFact]
    public void AnswersBeginning_IsWaitedFor()
    {
        using HttpConversation c = Looked();
        Passes(c.Send(0, _ok));
        Passes(c.Answer(_answer.Length, Bytes("HTTP/1.1 404 of the body"), ack: _ok.Length));
        Assert.Single(c.Programs.ReadSeen());
        Passes(c.Answer(0, _answer, ack: _ok.Length));
        Assert.Equal(204, Assert.Single(c.Programs.ReadSeen()).Seen.Status);
    }

    [PrivilegedTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void ConnectionThatEnds_WithoutAnAnswer_TellsSo(bool byReset)
    {
        using HttpConversation c = Looked();
        Passes(c.Send(0, _ok));
        c.Programs.ReadSeen();
        if (byReset)
        {
            Passes(c.Answer(0, [], Rst | Ack, _ok.Length));
        }
        else
        {
            Passes(c.Answer(0, [], Ack | Fin, _ok.Length));
            Assert.Empty(c.Programs.ReadSeen());
            Passes(c.Send(_ok.Length, [], Ack | Fin, 1));
        }

        Assert.Equal((SeenKind.End, 0), (Assert.Single(c.Programs.ReadSeen()).Seen is var end ? end.Kind : 0, end.Status));
        Assert.Null(c.State);
        HttpCount count = c.Programs.CountOfRequests();
        Assert.Equal((1ul, 1ul, 0ul), (count.Requests, count.Statuses[0], count.AnswerBytes));
    }

    [PrivilegedFact]
    public void WhatIsToldOfOneConnection_IsNotOfTheNextOfItsPorts()
    {
        using HttpConversation c = Looked();
        Passes(c.Send(0, _ok));
        Passes(c.Answer(0, [], Rst | Ack, _ok.Length));
        c.Programs.ReadSeen();
        c.Open();
        Passes(c.Send(0, _ok));
        Passes(c.Answer(0, _answer, ack: _ok.Length));
        Assert.Equal([(SeenKind.Request, 1u), (SeenKind.Answer, 1u)], c.Programs.ReadSeen().Select(one => (one.Seen.Kind, one.Seen.Request)));
    }

    [PrivilegedFact]
    public void FullRing_LosesEvents_AndNoRequest()
    {
        using HttpConversation c = Looked();
        byte[] request = Get("/ok", $"X: {new string('x', 2500)}\r\n");
        ulong sent = 0;
        for (long at = 0, answered = 0; c.Programs.LostEvents() == 0; sent++, answered += _answer.Length)
        {
            Assert.InRange(sent, 0ul, 2000ul);
            Passes(c.Send(at, request, ack: answered));
            at += request.Length;
            Passes(c.Answer(answered, _answer, ack: at));
        }

        Assert.Equal((sent, sent), (c.Programs.CountOfRequests().Requests, c.Programs.CountOfRequests().Statuses[2]));
        IReadOnlyList<(HttpSeen Seen, byte[] Head)> told = c.Programs.ReadSeen();
        Assert.Equal(2 * sent, (ulong)told.Count + c.Programs.LostEvents() + (told[^1].Seen.Kind == SeenKind.Request ? 0ul : 1ul));
    }

    /// <summary>Nobody tells of the answer to what was not told.</summary>
    [PrivilegedFact]
    public void WhoHasToldEnough_CountsTheRest()
    {
        using HttpConversation c = Looked();
        ulong second, sent = 0;
        long at = 0, answered = 0;
        do
        {
            second = Clock.MonotonicNs() / 1_000_000_000;
            c.Programs.SpendSeen(second);
            Passes(c.Send(at, _ok, ack: answered));
            at += _ok.Length;
            Passes(c.Answer(answered, _answer, ack: at));
            answered += _answer.Length;
            sent++;
        }
        while (Clock.MonotonicNs() / 1_000_000_000 != second);
        Assert.InRange(c.Programs.LostEvents(), 1ul, sent);
        Assert.Equal(2 * (sent - c.Programs.LostEvents()), (ulong)c.Programs.ReadSeen().Count);
        Assert.Equal(sent, c.Programs.CountOfRequests().Requests);
    }

    private static HttpConversation Looked(bool v6 = false)
    {
        var c = new HttpConversation(v6);
        c.Programs.LookAtRequests();
        return c.Open();
    }

    private static string Address(IpAddr address) => address.ToIPAddress().ToString();

    private static ulong Sum(InlineArray32<ulong> counts)
    {
        ulong sum = 0;
        foreach (ulong count in counts)
        {
            sum += count;
        }

        return sum;
    }
}
