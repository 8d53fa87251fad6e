// SPDX-License-Identifier: Apache-2.0
using Weir.Datapath.Abi;
using Weir.Policy;
using Weir.Testing;
using Xunit;
using static Weir.Kernel.Tests.HttpConversation;

namespace Weir.Kernel.Tests;

/// <summary>What passes of a connection whose requests are judged on their way, by hand-made packets. Never may anything reach the server that was not
/// judged; and who behaves gets through, or to the proxy.</summary>
public sealed class HttpFlowTests
{
    private static readonly byte[] _ok = Get("/ok/1");
    private static readonly byte[] _denied = Get("/secret");
    private static readonly byte[] _preface = Bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    private static readonly byte[] _secretBody = Bytes("GET /secret HTTP/1.1\r\nHost: api\r\n\r\n");

    [PrivilegedTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void AllowedRequest_AndItsAnswer_GoPastTheProxy(bool v6)
    {
        using HttpConversation c = new HttpConversation(v6).Open();
        long answered = 0, at = 0;
        for (int i = 0; i < 3; i++)
        {
            at = c.Exchange(at, _ok, ref answered);
        }

        Assert.Equal(CtFlag.Http | CtFlag.Proxy, c.Flags & (CtFlag.Http | CtFlag.Proxy | CtFlag.Cut | CtFlag.Held));
        Assert.Equal((3u, HttpState.Head), (c.State!.Value.Requests, c.State.Value.State));
    }

    [PrivilegedFact]
    public void ItsEnd_IsTheConnections()
    {
        using HttpConversation c = new HttpConversation().Open();
        long answered = 0, at = c.Exchange(0, _ok, ref answered);
        Passes(c.Send(at, [], Ack | Fin, answered));
        Passes(c.Send(at, [], Ack | Fin, answered));
        Passes(c.Answer(answered, [], Ack | Fin, at + 1));
        Passes(c.Send(at + 1, [], Ack, answered + 1));
        Assert.Null(c.State);
        Assert.Equal(CtFlag.Closed, c.Flags & CtFlag.Closed);
        IsDropped(DropReason.CtInvalid, c.Send(at, _ok, ack: answered + 1));

        // The same ports again are another connection.
        c.Open();
        Passes(c.Send(0, _ok));
    }

    /// <summary>A container that serves may be in league with the one that asks.</summary>
    [PrivilegedFact]
    public void WhatNeverPassed_IsNotThereByTheServersWord()
    {
        using HttpConversation c = new HttpConversation().Open();
        long answered = 0, at = c.Exchange(0, _ok, ref answered);
        IsDropped(DropReason.HttpOrder, c.Send(at + _denied.Length, _denied, ack: answered)); // early
        c.Answer(answered, [], Ack, at + (2 * _denied.Length));
        IsDropped(DropReason.HttpHeld, c.Send(at, _denied, ack: answered));
        IsDropped(DropReason.HttpOrder, c.Send(at + _denied.Length, _denied, ack: answered));
        Assert.Empty(c.Programs.ReadTakeOvers());
    }

    [PrivilegedFact]
    public void Body_PassesAsFarAsItGoes_WhateverIsInIt()
    {
        using HttpConversation c = new HttpConversation().Open();
        byte[] head = Post("/in", _secretBody.Length + 10);
        Passes(c.Send(0, [.. head, .. _secretBody]));
        IsDropped(DropReason.HttpHeld, c.Send(head.Length + _secretBody.Length, [.. new byte[10], .. _secretBody]));
        Passes(c.Send(head.Length + _secretBody.Length, new byte[10]));
        IsDropped(DropReason.HttpHeld, c.Send(head.Length + _secretBody.Length + 10, _denied));
        Assert.Empty(c.Programs.ReadTakeOvers());
        Assert.Equal(HttpState.Head, c.State!.Value.State);
    }

    [PrivilegedFact]
    public void DeniedRequest_IsTheProxys_AndNothingPassesMeanwhile()
    {
        using HttpConversation c = new HttpConversation().Open();
        long answered = 0, at = c.Exchange(0, _ok, ref answered);
        (TakeOver take, byte[] bytes) = c.IsHandedOver(c.Send(at, _denied, ack: answered));
        Assert.Equal(_denied, bytes);
        Assert.Equal((ClientStart + (uint)at, ServerStart + (uint)answered), (take.Seq, take.Ack));
        Assert.Equal(("10.11.0.2", 40000, "10.11.0.3", 80), (take.Client.ToIPAddress().ToString(), take.ClientPort, take.Server.ToIPAddress().ToString(), take.ServerPort));
        Assert.Equal((Mss, Mss, (byte)7, (byte)7), (take.ClientMss, take.ServerMss, take.ClientScale, take.ServerScale));
        Assert.Equal(TakeOverFlag.Sack | TakeOverFlag.Stamps | TakeOverFlag.Denied, take.Flags);

        Assert.Equal(HttpWhy.Denied, c.Why);
        IsDropped(DropReason.HttpHeld, c.Answer(answered, new byte[5], ack: at));
        IsDropped(DropReason.HttpHeld, c.Send(at + _denied.Length, [], Ack, answered));
        IsDropped(DropReason.HttpHeld, c.Send(at + _denied.Length, _ok, ack: answered));

        // It is told again when the bytes come again, and what was allowed in their place is no way round.
        Assert.Equal(_ok, c.IsHandedOver(c.Send(at, _ok, ack: answered)).Bytes);
        Assert.True(c.Programs.CompleteTakeOver(c.Key));
        Assert.False(c.Programs.CompleteTakeOver(c.Key));
        Assert.Null(c.State);
        GoesToTheProxy(c.Send(at, _denied, ack: answered));
        GoesToTheProxy(c.Answer(answered, new byte[5], ack: at));
        GoesToTheProxy(c.Send(at, _ok, ack: answered));
        GoesToTheProxy(c.Send(at, [], Ack | Fin, answered));
        Assert.Equal(HttpWhy.Denied, c.Why);
    }

    [PrivilegedTheory]
    [InlineData("GET /ok HTTP/1.1\r\nHos", TakeOverFlag.Partial, HttpWhy.Pieces)]
    [InlineData("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (TakeOverFlag)0, HttpWhy.Http2)]
    [InlineData("GET /ok HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", (TakeOverFlag)0, HttpWhy.Unclear)]
    [InlineData("POST /in HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", (TakeOverFlag)0, HttpWhy.Unclear)]
    [InlineData("\u0016\u0003\u0001", (TakeOverFlag)0, HttpWhy.Unclear)]
    [InlineData("GET /ok HTTP/1.1\r\nHost: a\r\n\r\nGET /ok HTTP/1.1\r\nHost: a\r\n\r\n", (TakeOverFlag)0, HttpWhy.Pipelined)]
    [InlineData("GET /ok HTTP/1.1\r\nHost: a\r\n\r\nGET /secret HTTP/1.1\r\nHost: a\r\n\r\n", (TakeOverFlag)0, HttpWhy.Pipelined)]
    [InlineData("GET /ok HTTP/1.0\r\n\r\nGET /secret HTTP/1.0\r\n\r\n", (TakeOverFlag)0, HttpWhy.Pipelined)]
    public void WhatIsNotPlain_IsTheProxys(string text, TakeOverFlag flag, HttpWhy why)
    {
        using HttpConversation c = new HttpConversation().Open();
        (TakeOver take, byte[] bytes) = c.IsHandedOver(c.Send(0, Bytes(text)));
        Assert.Equal(Bytes(text), bytes);
        Assert.Equal(flag, take.Flags & (TakeOverFlag.Denied | TakeOverFlag.Partial));
        Assert.Equal(why, c.Why);
    }

    [PrivilegedFact]
    public void LongHead_IsTheProxys()
    {
        using HttpConversation c = new HttpConversation().Open();
        byte[] request = Get("/ok", $"X: {new string('x', (int)HttpLayout.Head)}\r\n");
        Assert.Equal(request, c.IsHandedOver(c.Send(0, request)).Bytes);
    }

    /// <summary>A client that asks on before it has heard anything is the proxy's, once its request is answered.</summary>
    [PrivilegedFact]
    public void Pipelining_IsTheProxys_WhenAllIsQuiet()
    {
        using HttpConversation c = new HttpConversation().Open();
        Passes(c.Send(0, _ok));
        IsDropped(DropReason.HttpHeld, c.Send(_ok.Length, _ok));
        Passes(c.Answer(0, [], Ack, _ok.Length));
        IsDropped(DropReason.HttpHeld, c.Send(_ok.Length, _ok));
        Passes(c.Answer(0, new byte[10], ack: _ok.Length));

        // What the client has of the answer is not known yet.
        IsDropped(DropReason.HttpHeld, c.Send(_ok.Length, _denied));
        c.IsHandedOver(c.Send(_ok.Length, _denied, ack: 10));
    }

    [PrivilegedFact]
    public void NextRequest_PassesBeforeItsAnswersAcknowledgement()
    {
        using HttpConversation c = new HttpConversation().Open();
        Passes(c.Send(0, _ok));
        Passes(c.Answer(0, new byte[10], ack: _ok.Length));
        Passes(c.Send(_ok.Length, _ok));
    }

    [PrivilegedFact]
    public void OutOfOrder_NothingPassesBeforeItsTurn()
    {
        using HttpConversation c = new HttpConversation().Open();
        IsDropped(DropReason.HttpOrder, c.Send(1, _ok));
        IsDropped(DropReason.HttpOrder, c.Send(_ok.Length, _ok));
        IsDropped(DropReason.HttpOrder, c.Send(_ok.Length, [], Ack | Fin));
        byte[] head = Post("/in", 1000);
        Passes(c.Send(0, [.. head, .. new byte[100]]));
        IsDropped(DropReason.HttpOrder, c.Send(head.Length + 200, new byte[100]));
        Passes(c.Send(head.Length + 100, new byte[900]));
    }

    [PrivilegedFact]
    public void SentAgain_AHeadMustBeOneThatMayStandThere()
    {
        using HttpConversation c = new HttpConversation().Open();
        byte[] head = Post("/in/a", 60);
        Passes(c.Send(0, [.. head, .. new byte[20]]));
        Passes(c.Send(0, head));
        Passes(c.Send(0, Post("/in/b", 60)));
        Passes(c.Send(0, [.. head, .. _secretBody]));
        Passes(c.Send(head.Length + 3, _secretBody));
        IsDropped(DropReason.HttpOrder, c.Send(0, Post("/in/b", 61)));
        IsDropped(DropReason.HttpOrder, c.Send(0, Post("/out/", 60)));
        IsDropped(DropReason.HttpOrder, c.Send(0, Post("/in/abc", 60)));
        IsDropped(DropReason.HttpOrder, c.Send(1, head));
        IsDropped(DropReason.HttpOrder, c.Send(0, head[..^1]));
        IsDropped(DropReason.HttpOrder, c.Send(5, head[5..]));

        // What has arrived is of no matter any more, in the very same packet neither.
        Passes(c.Answer(0, [], Ack, head.Length));
        Passes(c.Send(5, [.. _secretBody, .. new byte[head.Length + 15 - _secretBody.Length]]));
    }

    [PrivilegedFact]
    public void SentAgain_WithTheRestOfItsBody()
    {
        using HttpConversation c = new HttpConversation().Open();
        byte[] head = Post("/in", 300);
        Passes(c.Send(0, [.. head, .. new byte[100]]));
        Passes(c.Send(0, [.. head, .. new byte[200]]));
        Passes(c.Send(head.Length + 150, new byte[150]));
        Assert.Equal(HttpState.Head, c.State!.Value.State);
        IsDropped(DropReason.HttpHeld, c.Send(head.Length + 299, [0, .. _ok]));
    }

    [PrivilegedFact]
    public void EndInTheMiddle_OrBeforeItsPlace()
    {
        using HttpConversation c = new HttpConversation().Open();
        byte[] head = Post("/in", 300);
        Passes(c.Send(0, [.. head, .. new byte[100]]));
        IsDropped(DropReason.HttpOrder, c.Send(0, head, Ack | Fin));
        IsDropped(DropReason.HttpOrder, c.Send(20, [], Ack | Fin));
        Passes(c.Send(head.Length + 100, new byte[10], Ack | Fin));
        Passes(c.Send(head.Length + 110, [], Ack | Fin));
    }

    [PrivilegedFact]
    public void AfterTheLastRequest_NothingPasses()
    {
        using HttpConversation c = new HttpConversation().Open();
        byte[] head = Post("/in", 10, "Connection: close\r\n");
        Passes(c.Send(0, [.. head, .. new byte[5]]));
        Passes(c.Send(head.Length + 5, new byte[5]));
        Passes(c.Answer(0, new byte[10], ack: head.Length + 10));
        IsDropped(DropReason.HttpOrder, c.Send(head.Length + 10, _ok, ack: 10));
        Assert.Equal(HttpState.Last, c.State!.Value.State);
        Passes(c.Send(head.Length + 10, [], Ack | Fin, 10));
    }

    /// <summary>The server has closed its end: its socket may be gone, and its port somebody else's.</summary>
    [PrivilegedFact]
    public void AfterTheServersEnd_NothingPasses()
    {
        using HttpConversation c = new HttpConversation().Open();
        byte[] head = Post("/in", 1000);
        Passes(c.Send(0, head));
        Passes(c.Answer(0, new byte[10], Ack | Fin, head.Length));
        IsDropped(DropReason.HttpOrder, c.Send(head.Length, new byte[100], ack: 11));
        Passes(c.Send(head.Length, [], Ack, 11));
        Passes(c.Send(head.Length, [], Ack | Fin, 11));
    }

    [PrivilegedTheory]
    [InlineData(Ack | Push | Urg)]
    [InlineData(Push)]
    [InlineData(Ack | Rst)]
    [InlineData(Syn)]
    [InlineData(Syn | Ack)]
    public void StrangeFlags_PassNothing(byte flags)
    {
        using HttpConversation c = new HttpConversation().Open();
        Outcome outcome = c.Send(0, _ok, flags);
        Assert.Equal(ProgramHarness.Drop, outcome.Action);
        Assert.NotEqual(DropReason.None, outcome.Reason);
        Passes(c.Send(0, _ok));
    }

    [PrivilegedFact]
    public void Fragments_PassNothing()
    {
        using HttpConversation c = new HttpConversation().Open();
        Assert.Equal(ProgramHarness.Drop, c.Programs.FromContainer(1, c.FromClient(0, _ok) with { Fragment = 0x2000 }).Action);
        Passes(c.Send(0, _ok));
    }

    /// <summary>A head in two segments of one large packet may be sent again in two packets.</summary>
    [PrivilegedFact]
    public void HeadAcrossSegments_IsTheProxys()
    {
        using HttpConversation c = new HttpConversation().Open();
        byte[] head = Post("/in", 3000), large = [.. head, .. new byte[3000]];
        c.IsHandedOver(c.Programs.FromContainer(1, c.FromClient(0, large).ToBytes(), gsoSize: (uint)head.Length - 1));
        using HttpConversation other = new HttpConversation().Open();
        Passes(other.Programs.FromContainer(1, other.FromClient(0, large).ToBytes(), gsoSize: (uint)head.Length));
    }

    // What the server says before it is asked.

    /// <summary>A server of HTTP/2 speaks first, and whoever reads the client's frames must hear it.</summary>
    [PrivilegedTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void ServersFirstWord_WaitsForTheProxy(bool isFirst)
    {
        using HttpConversation c = new HttpConversation().Open();
        if (isFirst)
        {
            IsDropped(DropReason.None, c.Answer(0, new byte[9]));
            IsDropped(DropReason.HttpHeld, c.Answer(9, new byte[9]));
        }

        TakeOver take = c.IsHandedOver(c.Send(0, _preface)).Connection;
        Assert.Equal((ServerStart, TakeOverFlag.First), (take.Ack, take.Flags & TakeOverFlag.First));
        IsDropped(DropReason.HttpHeld, c.Answer(0, new byte[9]));
        Assert.True(c.Programs.CompleteTakeOver(c.Key));
        GoesToTheProxy(c.Answer(0, new byte[9]));
    }

    /// <summary>Of whatever else speaks first: the client is not left alone for ever. HTTP/2 cannot begin any more.</summary>
    [PrivilegedFact]
    public void ServersFirstWord_PassesInTheEnd()
    {
        using HttpConversation c = new HttpConversation().Open();
        IsDropped(DropReason.None, c.Answer(0, new byte[9]));
        for (int i = 0; i < 4; i++)
        {
            IsDropped(DropReason.HttpHeld, c.Answer(9, [], Ack | Fin)); // not before it
            IsDropped(DropReason.HttpHeld, c.Answer(0, new byte[9]));
        }

        Passes(c.Answer(0, new byte[9]));
        Passes(c.Answer(9, new byte[9]));
        Assert.Equal((TakeOverFlag)0, c.IsHandedOver(c.Send(0, _preface, ack: 18)).Connection.Flags & TakeOverFlag.First);
    }

    [PrivilegedFact]
    public void ServersFirstWord_DoesNotKeepRequestsBack()
    {
        using HttpConversation c = new HttpConversation().Open();
        IsDropped(DropReason.None, c.Answer(0, new byte[9]));
        Passes(c.Answer(0, [], Ack));
        Passes(c.Send(0, _ok));
        Passes(c.Answer(0, new byte[9], ack: _ok.Length));
        Assert.Equal((CtFlag)0, c.Flags & CtFlag.Asked);
        Passes(c.Send(_ok.Length, _ok, ack: 9));
    }

    [PrivilegedFact]
    public void ServersEnd_IsNoWord()
    {
        using HttpConversation c = new HttpConversation().Open();
        Passes(c.Answer(0, [], Ack | Fin));
    }

    /// <summary>The next connections of a client that began with HTTP/2 are the proxy's from their SYN on, for a while, and no others.</summary>
    [PrivilegedFact]
    public void PortThatSpeaksHttp2_IsTheProxys()
    {
        using HttpConversation c = new HttpConversation().Open();
        c.IsHandedOver(c.Send(0, _preface));
        GoesToTheProxy(c.Programs.FromContainer(1, c.SynFrame() with { SourcePort = 40001 }));
        var ports = new Weir.Bpf.BpfMap<HttpPortKey, HttpPort>(c.Programs.Map(MapNames.HttpPort));
        (HttpPortKey key, _) = Assert.Single(ports.ToList());
        Assert.Equal((1, 2, 80), (key.SrcEndpoint, key.DstEndpoint, key.Port));
        ports.Set(key, new HttpPort { UntilNs = 1 });
        Passes(c.Programs.FromContainer(1, c.SynFrame() with { SourcePort = 40002 }));
    }

    [PrivilegedTheory]
    [InlineData("PRI * H")]
    [InlineData("PRI / HTTP/1.1\r\n\r\n")]
    [InlineData("GET /secret HTTP/1.1\r\n\r\n")]
    public void PortThatMaySpeakIt_IsNot(string text)
    {
        using HttpConversation c = new HttpConversation().Open();
        c.IsHandedOver(c.Send(0, Bytes(text)));
        Passes(c.Programs.FromContainer(1, c.SynFrame() with { SourcePort = 40001 }));
    }

    // How a connection begins.

    [PrivilegedFact]
    public void WithoutTheServersAnswer_NothingPasses()
    {
        using HttpConversation c = new();
        Passes(c.Programs.FromContainer(1, c.SynFrame()));
        IsDropped(DropReason.HttpOrder, c.Send(0, _ok));
        IsDropped(DropReason.HttpOrder, c.Send(0, [], Ack));
    }

    /// <summary>A server that still has an older connection answers with its numbers: what passes then would be read where that one stands.</summary>
    [PrivilegedFact]
    public void WhatIsNoAnswerToTheSyn_BeginsNoConnection()
    {
        using HttpConversation c = new();
        Passes(c.Programs.FromContainer(1, c.SynFrame()));
        Passes(c.Answer(77, [], Ack, 0)); // even where it happens to acknowledge the SYN
        IsDropped(DropReason.HttpOrder, c.Send(0, [], Ack, 77));
        IsDropped(DropReason.HttpOrder, c.Send(0, _ok, ack: 77));
        Passes(c.Send(0, [], Rst)); // so that the server forgets it
        IsDropped(DropReason.TcpSequence, c.Programs.FromContainer(2, c.SynAckFrame() with { Acknowledgement = ClientStart + 10 }));
        Passes(c.Programs.FromContainer(2, c.SynAckFrame()));
        Passes(c.Send(0, _ok));
    }

    /// <summary>A SYN cookie is worth as much for another first number of the client's, with another of the server's: what was judged from one place on must
    /// not be read from another.</summary>
    [PrivilegedTheory]
    [InlineData(9)]
    [InlineData(-1)]
    public void LastOfTheHandshake_HasItsNumbersAndNoOthers(int shift)
    {
        using HttpConversation c = new();
        Passes(c.Programs.FromContainer(1, c.SynFrame()));
        Passes(c.Programs.FromContainer(2, c.SynAckFrame()));
        IsDropped(DropReason.TcpSequence, c.Send(shift, [], Ack, shift));
        IsDropped(DropReason.TcpSequence, c.Send(shift, _ok, ack: shift));
        IsDropped(DropReason.TcpSequence, c.Send(shift, [], Ack));
        IsDropped(DropReason.TcpSequence, c.Send(0, [], Ack, shift));
        Passes(c.Send(0, [], Ack));

        // Nor later, when the server may have forgotten the connection; but where a head is next no harm comes of it.
        Assert.Equal(ProgramHarness.Drop, c.Send(shift, [], Ack, shift).Action);
        byte[] head = Post("/in", 1000);
        Passes(c.Send(0, head));
        Passes(c.Answer(0, new byte[2 * head.Length], ack: head.Length));
        IsDropped(DropReason.HttpOrder, c.Send(head.Length, new byte[10], ack: head.Length));
        IsDropped(DropReason.HttpOrder, c.Send(head.Length, [], Ack, head.Length));
        Passes(c.Send(head.Length, new byte[10], ack: head.Length + 1));
    }

    [PrivilegedFact]
    public void SynSentAgain_IsTheSame_OrEndsTheConnection()
    {
        using HttpConversation c = new();
        Passes(c.Programs.FromContainer(1, c.SynFrame()));
        Passes(c.Programs.FromContainer(1, c.SynFrame()));
        Passes(c.Programs.FromContainer(2, c.SynAckFrame()));
        Passes(c.Programs.FromContainer(1, c.SynFrame()));
        Passes(c.Programs.FromContainer(2, c.SynAckFrame()));
        IsDropped(DropReason.TcpSequence, c.Programs.FromContainer(2, c.SynAckFrame() with { Sequence = 7 }));
        Passes(c.Send(0, [], Ack));
        IsDropped(DropReason.HttpOrder, c.Programs.FromContainer(1, c.SynFrame()));
        Passes(c.Send(0, _ok));
        IsDropped(DropReason.HttpOrder, c.Programs.FromContainer(1, c.SynFrame() with { Sequence = 77 }));
        IsDropped(DropReason.CtInvalid, c.Send(_ok.Length, _ok));
        c.Open();
        Passes(c.Send(0, _ok));
    }

    [PrivilegedFact]
    public void ANewSyn_BeforeTheAnswer_IsTheOneThatCounts()
    {
        using HttpConversation c = new();
        Passes(c.Programs.FromContainer(1, c.SynFrame() with { Sequence = 1 }));
        Passes(c.Programs.FromContainer(1, c.SynFrame()));
        IsDropped(DropReason.TcpSequence, c.Programs.FromContainer(2, c.SynAckFrame() with { Acknowledgement = 2 }));
        Passes(c.Programs.FromContainer(2, c.SynAckFrame()));
        Passes(c.Send(0, _ok));
    }

    [PrivilegedFact]
    public void Options_AreThoseOfBothEnds()
    {
        using HttpConversation c = new HttpConversation().Open(options: [2, 4, 0x02, 0x00, 3, 3, 9, 0], answered: [2, 4, 0x20, 0x00, 4, 2, 1, 1]);
        (TakeOver take, _) = c.IsHandedOver(c.Send(0, _denied));
        Assert.Equal((512, 0x2000, 0xff, 0xff), (take.ClientMss, take.ServerMss, take.ClientScale, take.ServerScale));
        Assert.Equal(TakeOverFlag.Denied | TakeOverFlag.First, take.Flags);
    }

    [PrivilegedFact]
    public void TimeStamps_AreThoseOfTheClientsPacket()
    {
        using HttpConversation c = new HttpConversation().Open();
        Frame packet = c.FromClient(0, _denied) with { TcpOptions = [1, 1, 8, 10, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88] };
        (TakeOver take, byte[] bytes) = c.IsHandedOver(c.Programs.FromContainer(1, packet));
        Assert.Equal((0x11223344u, 0x55667788u), (take.ClientStamp, take.ServerStamp));
        Assert.Equal(_denied, bytes);
    }

    /// <summary>Multipath TCP has numbers of its own for what is read; Fast Open sends a request before there are numbers.</summary>
    [PrivilegedTheory]
    [InlineData(new byte[] { 30, 12, 0x01, 0x81, 0, 0, 0, 0, 0, 0, 0, 0 })]
    [InlineData(new byte[] { 34, 2, 1, 1 })]
    [InlineData(new byte[] { 2, 40, 1, 1 })]
    public void StrangeOptions_AreTheProxys(byte[] options)
    {
        using HttpConversation c = new();
        GoesToTheProxy(c.Programs.FromContainer(1, c.SynFrame(options)));
        GoesToTheProxy(c.Send(0, [], Ack));
        GoesToTheProxy(c.Send(0, _ok));
        Assert.Equal(HttpWhy.Handshake, c.Why);
    }

    [PrivilegedFact]
    public void ARequestInTheSyn_IsTheProxys()
    {
        using HttpConversation c = new();
        GoesToTheProxy(c.Programs.FromContainer(1, c.SynFrame() with { Payload = _ok }));
        GoesToTheProxy(c.Send(_ok.Length, _ok));
        Assert.Equal(HttpWhy.Handshake, c.Why);
    }

    [PrivilegedFact]
    public void WithoutTable_OrWish_OrProxy_TheConnectionIsTheProxys()
    {
        using HttpConversation c = new();
        c.Programs.RemoveHttp(Number);
        GoesToTheProxy(c.Programs.FromContainer(1, c.SynFrame()));
        Assert.Equal(HttpWhy.Policy, c.Why);

        using HttpConversation unwished = new();
        unwished.Programs.JudgeHttp(false);
        GoesToTheProxy(unwished.Programs.FromContainer(1, unwished.SynFrame()));
        Assert.Equal(HttpWhy.Setting, unwished.Why);

        using HttpConversation alone = new(proxyPort: 0);
        IsDropped(DropReason.ProxyUnavailable, alone.Programs.FromContainer(1, alone.SynFrame()));
    }

    // What changes meanwhile.

    [PrivilegedFact]
    public void NewPolicy_HoldsForTheNextRequest_AndForABodyNot()
    {
        using HttpConversation c = new HttpConversation().Open();
        long answered = 0;
        byte[] head = Post("/in", 100);
        Passes(c.Send(0, head));
        c.AskFor(OtherNumber);
        Passes(c.Send(head.Length, new byte[100]));
        Passes(c.Answer(0, new byte[10], ack: head.Length + 100));
        answered = 10;
        long at = c.Exchange(head.Length + 100, Get("/other"), ref answered);
        c.IsHandedOver(c.Send(at, _ok, ack: answered));
    }

    [PrivilegedFact]
    public void NewPolicyWithoutTable_IsTheProxysToAsk()
    {
        using HttpConversation c = new HttpConversation().Open();
        c.AskFor(99);
        c.IsHandedOver(c.Send(0, _ok));
    }

    [PrivilegedFact]
    public void PolicyThatLooksAtNoRequestsAnyMore_IsTheProxysToFollow()
    {
        using HttpConversation c = new HttpConversation().Open();
        c.AskFor(0);
        c.IsHandedOver(c.Send(0, _denied));
    }

    [PrivilegedFact]
    public void PolicyThatForbidsTheFlow_LetsNothingPass()
    {
        using HttpConversation c = new HttpConversation().Open();
        c.Programs.SetPolicy(2, ProgramHarness.Deny(256, PolicyDirection.Ingress, 6, 80, rule: 3));
        Assert.Equal(DropReason.PolicyDenyRule, c.Send(0, _ok).Reason);
        c.AskFor(Number);
        Passes(c.Send(0, _ok));
    }

    [PrivilegedFact]
    public void LostState_EndsTheConnection()
    {
        using HttpConversation c = new HttpConversation().Open();
        CtKey key = c.Key;
        new Weir.Bpf.BpfMap<CtKey, HttpFlow>(c.Programs.Map(Weir.Datapath.Abi.MapNames.HttpFlow)).Remove(in key);
        Outcome outcome = c.Send(0, _ok);
        Assert.Equal((ProgramHarness.Redirect, DropReason.HttpCut), (outcome.Action, outcome.Reason));
        Assert.Equal(Rst, outcome.Frame[14 + 20 + 13]);
        Assert.Equal(DropReason.ProxyRequired, c.Send(0, _ok).Reason);
        Assert.Equal(DropReason.ProxyRequired, c.Answer(0, new byte[10]).Reason);
        c.Open();
        Passes(c.Send(0, _ok));
    }

    /// <summary>Somebody else's program has it at this moment.</summary>
    [PrivilegedFact]
    public void BusyState_PassesNothing()
    {
        using HttpConversation c = new HttpConversation().Open();
        var flows = new Weir.Bpf.BpfMap<CtKey, HttpFlow>(c.Programs.Map(Weir.Datapath.Abi.MapNames.HttpFlow));
        flows.Set(c.Key, c.State!.Value with { Busy = 1 });
        IsDropped(DropReason.HttpOrder, c.Send(0, _ok));
        flows.Set(c.Key, c.State!.Value with { Busy = 0 });
        Passes(c.Send(0, _ok));
    }

    [PrivilegedFact]
    public void InVainForLong_EndsTheConnection()
    {
        using HttpConversation c = new HttpConversation().Open();
        Passes(c.Send(0, _ok));
        for (int i = 0; i < 8; i++)
        {
            IsDropped(DropReason.HttpHeld, c.Send(_ok.Length, _denied));
        }

        Outcome outcome = c.Send(_ok.Length, _denied);
        Assert.Equal((ProgramHarness.Redirect, DropReason.HttpCut), (outcome.Action, outcome.Reason));
        Assert.Null(c.State);
        Assert.Equal(DropReason.ProxyRequired, c.Answer(0, new byte[10], ack: _ok.Length).Reason);
    }

    [PrivilegedFact]
    public void Reset_EndsIt()
    {
        using HttpConversation c = new HttpConversation().Open();
        Passes(c.Send(0, [], Rst));
        Assert.Null(c.State);
        IsDropped(DropReason.CtInvalid, c.Send(0, _ok));
    }

    /// <summary>Both ends' policies look at requests.</summary>
    [PrivilegedFact]
    public void BothEndsMustAllowIt()
    {
        using HttpConversation c = new();
        c.Programs.SetPolicy(1, ProgramHarness.Allow(257, PolicyDirection.Egress, 6, 80, rule: 9) with { HttpPolicyId = OtherNumber });
        c.Open();
        c.IsHandedOver(c.Send(0, _ok));
    }
}
