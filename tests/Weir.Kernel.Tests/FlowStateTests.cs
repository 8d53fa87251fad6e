// SPDX-License-Identifier: Apache-2.0
using Weir.Datapath.Abi;
using Weir.Policy;
using Weir.Testing;
using Xunit;

namespace Weir.Kernel.Tests;

/// <summary>A TCP flow's states: what moves them, and what only says so.</summary>
public sealed class FlowStateTests : IDisposable
{
    private const byte Fin = 0x11;
    private const byte Rst = 0x04;
    private const byte Ack = 0x10;
    private const string Web = "10.11.0.2";
    private const string Api = "10.11.0.3";
    private const string World = "203.0.113.10";
    private const ulong Second = 1_000_000_000;

    private readonly ProgramHarness _h = new();

    public FlowStateTests()
    {
        _h.AddEndpoint(1, 256, Web, null);
        _h.AddEndpoint(2, 257, Api, null);
        AllowAll(1);
        AllowAll(2);
    }

    public void Dispose() => _h.Dispose();

    [Theory]
    [InlineData(1005u, DropReason.None, true)] // what the receiver expects next
    [InlineData(1009u, DropReason.None, true)] // the end of what is under way
    [InlineData(1010u, DropReason.None, false)] // perhaps there was more, which was lost: the receiver asks
    [InlineData(1004u, DropReason.TcpSequence, false)]
    [InlineData(0u, DropReason.TcpSequence, false)]
    [InlineData(0x7fffffffu, DropReason.TcpSequence, false)]
    [InlineData(0xf0000000u, DropReason.TcpSequence, false)]
    public void Reset_IsBelievedByItsNumber(uint sequence, DropReason expected, bool closes)
    {
        Establish();
        // Four bytes that are acknowledged, four that are not.
        _h.FromContainer(1, From(1, Ack, 1005, 1005));
        Frame reset = From(1, Rst, sequence);
        Assert.Equal(expected, _h.FromContainer(1, reset).Reason);
        Assert.Equal(closes, (_h.OnlyFlow().Flags & CtFlag.Closed) != 0);
        Assert.Equal(closes ? 0u : 1u, _h.FlowsOf(1));
    }

    [Theory]
    [InlineData(1001u, DropReason.None)]
    [InlineData(1005u, DropReason.None)]
    [InlineData(1006u, DropReason.TcpSequence)]
    [InlineData(77u, DropReason.TcpSequence)]
    public void ResetThatAnswersASyn_IsBelievedByItsAcknowledgement(uint acknowledgement, DropReason expected)
    {
        _h.FromContainer(1, From(1, 2, 1000));
        Assert.Equal(expected, _h.FromContainer(2, From(2, 0x14, 0, acknowledgement)).Reason);
        Assert.Equal(expected == DropReason.None, (_h.OnlyFlow().Flags & CtFlag.Closed) != 0);
    }

    [Fact]
    public void Numbers_GoRoundTheirEnd()
    {
        const uint first = 0xfffffffd; // the SYN's four bytes go over it
        _h.FromContainer(1, From(1, 2, first));
        _h.FromContainer(2, From(2, 0x12, 0xffffff00, 2));
        _h.FromContainer(1, From(1, Ack, 2, 0xffffff05));
        Assert.True((_h.OnlyFlow().Flags & CtFlag.Established) != 0);
        Assert.Equal(DropReason.TcpSequence, _h.FromContainer(1, From(1, Rst, first - 10)).Reason);
        Assert.Equal(DropReason.None, _h.FromContainer(1, From(1, Rst, 6)).Reason);
        Assert.True((_h.OnlyFlow().Flags & CtFlag.Closed) != 0);
    }

    [Theory]
    [InlineData(0x40000000u, 1005u)]
    [InlineData(1005u, 0x40000000u)]
    public void Fin_WithFalseNumbers_ChangesNothing(uint sequence, uint acknowledgement)
    {
        Establish();
        ulong before = Lifetime();
        Assert.Equal(DropReason.None, _h.FromContainer(1, From(1, Fin, sequence, acknowledgement)).Reason);
        Assert.Equal((CtFlag)0, _h.OnlyFlow().Flags & (CtFlag.FinOrigin | CtFlag.FinReply));
        Assert.InRange(Lifetime(), before - Second, before + (10 * Second));
    }

    [Fact]
    public void FinBothWays_LeavesTimeForTheLastAnswer()
    {
        Establish();
        Assert.InRange(Lifetime(), 21_599 * Second, 21_610 * Second);
        _h.FromContainer(1, From(1, Fin, 1005, 1005));
        Assert.InRange(Lifetime(), 119 * Second, 130 * Second);
        Assert.Equal(1u, _h.FlowsOf(1));
        _h.FromContainer(2, From(2, Fin, 1005, 1010));
        Assert.InRange(Lifetime(), 119 * Second, 130 * Second);
        Assert.True((_h.OnlyFlow().Flags & (CtFlag.Closed | CtFlag.Brief)) == (CtFlag.Closed | CtFlag.Brief));
        Assert.Equal(0u, _h.FlowsOf(1));
        // The answer was lost, and comes again.
        Assert.Equal(DropReason.None, _h.FromContainer(2, From(2, Fin, 1005, 1010)).Reason);
        Assert.Equal(DropReason.None, _h.FromContainer(1, From(1, Ack, 1010, 1010)).Reason);
    }

    [Fact]
    public void Handshake_IsDoneByTheRightAcknowledgementOnly()
    {
        Frame syn = new() { Source = World, Destination = Api };
        _h.ToContainer(2, syn);
        _h.FromContainer(2, syn.Reply());
        _h.ToContainer(2, syn with { TcpFlags = Ack, Sequence = 1005, Acknowledgement = 77 });
        Assert.True((_h.OnlyFlow().Flags & (CtFlag.Brief | CtFlag.Established)) == CtFlag.Brief);
        Assert.Equal(0u, _h.FlowsOf(0));
        _h.ToContainer(2, syn with { TcpFlags = Ack, Sequence = 1005, Acknowledgement = 1005 });
        Assert.True((_h.OnlyFlow().Flags & (CtFlag.Brief | CtFlag.Established)) == CtFlag.Established);
        Assert.Equal(1u, _h.FlowsOf(0));
    }

    [Fact]
    public void Udp_IsKeptLongerOnceTheOpenerGoesOn()
    {
        Frame question = new() { Source = Web, Destination = Api, Protocol = 17 };
        _h.FromContainer(1, question);
        _h.FromContainer(2, question.Reply());
        Assert.InRange(Lifetime(), 29 * Second, 40 * Second);
        _h.FromContainer(1, question);
        Assert.InRange(Lifetime(), 179 * Second, 190 * Second);
    }

    [Fact]
    public void DeniedFlow_GoesOn_WhenPolicyLetsItAgain()
    {
        Establish();
        DenyToApi();
        Assert.Equal(DropReason.PolicyDenyRule, _h.FromContainer(1, From(1, Ack, 1005, 1005)).Reason);
        // What its other end sends again does not pass for the first of a flow of its own.
        Assert.Equal(DropReason.PolicyDenyRule, _h.FromContainer(2, From(2, Ack, 1005, 1005)).Reason);
        AllowAll(2);
        Assert.Equal(DropReason.None, _h.FromContainer(2, From(2, Ack, 1005, 1005)).Reason);
        Assert.Equal(DropReason.None, _h.FromContainer(1, From(1, Ack, 1005, 1009)).Reason);
    }

    [Theory]
    [InlineData(1u)]
    [InlineData(2u)]
    public void ForgottenFlow_IsTakenUpInTheMiddle_ByEitherEnd(uint id)
    {
        Establish();
        _h.ClearConntrack();
        Assert.Equal(DropReason.None, _h.FromContainer(id, From(id, Ack, 5000, 9000)).Reason);
        Assert.Equal(DropReason.None, _h.FromContainer(3 - id, From(3 - id, Ack, 9000, 5004)).Reason);
        Assert.Equal(DropReason.None, _h.FromContainer(id, From(id, Ack, 5004, 9004)).Reason);
        Assert.True((_h.OnlyFlow().Flags & CtFlag.Established) != 0);
    }

    [Theory]
    [InlineData(1u)]
    [InlineData(2u)]
    public void ForgottenFlow_ThatIsDeniedEitherWay_IsAnsweredWithAReset(uint id)
    {
        DenyToApi();
        Outcome outcome = _h.FromContainer(id, From(id, Ack, 5000, 9000));
        Assert.Equal((ProgramHarness.Redirect, DropReason.CtInvalid), (outcome.Action, outcome.Reason));
        Assert.Equal(Rst, outcome.Frame[14 + 20 + 13]);
        Assert.Empty(_h.Flows());
        Assert.Equal(ProgramHarness.Drop, _h.FromContainer(id, From(id, Rst, 5000)).Action);
    }

    [Fact]
    public void ForgottenFlow_ThatNeedsTheProxy_IsAnsweredWithAReset()
    {
        _h.SetPolicy(2, ProgramHarness.AllowAll(PolicyDirection.Egress), new PolicyMapEntry(0, PolicyDirection.Ingress, 6, 80, 16, true, 8, 77));
        Outcome outcome = _h.FromContainer(1, From(1, Ack, 5000, 9000));
        Assert.Equal((ProgramHarness.Redirect, DropReason.ProxyRequired), (outcome.Action, outcome.Reason));
        Assert.Equal(ProgramHarness.Redirect, _h.FromContainer(2, From(2, Ack, 9000, 5000)).Action);
        Assert.Empty(_h.Flows());
    }

    [Theory]
    [InlineData(0x10)]
    [InlineData(0x12)]
    [InlineData(0x11)]
    [InlineData(0x14)]
    public void ScanFromOutside_OfADeniedPort_GetsNothing(byte flags)
    {
        _h.SetPolicy(2, ProgramHarness.AllowAll(PolicyDirection.Egress), ProgramHarness.Allow(9, PolicyDirection.Ingress, 6, 443, rule: 3));
        Assert.Equal(DropReason.CtInvalid, _h.ToContainer(2, new Frame { Source = World, Destination = Api, TcpFlags = flags }).Reason);
        // Nor by the port from which a reply would come.
        Assert.Equal(DropReason.CtInvalid, _h.ToContainer(2, new Frame { Source = World, Destination = Api, TcpFlags = flags, SourcePort = 443 }).Reason);
        Assert.Empty(_h.Flows());
    }

    [Fact]
    public void Container_ReachesNobodyByPretendingAReply()
    {
        _h.SetPolicy(2, ProgramHarness.Allow(9, PolicyDirection.Ingress, 6, 80, rule: 3));
        Assert.Equal(DropReason.CtInvalid, _h.FromContainer(2, new Frame { Source = Api, SourcePort = 80, Destination = World, DestinationPort = 40000, TcpFlags = Ack }).Reason);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void BigTcp_PacketsWithoutALength_AreReadByTheFrames(bool v6)
    {
        _h.AddEndpoint(5, 258, null, "fd00:11::2");
        AllowAll(5);
        Frame frame = new() { Source = v6 ? "fd00:11::2" : Web, Destination = v6 ? "2001:db8::1" : World };
        byte[] bytes = frame.ToBytes();
        bytes[v6 ? 18 : 16] = bytes[v6 ? 19 : 17] = 0; // payload length, total length
        uint id = v6 ? 5u : 1u;
        Assert.NotEqual(DropReason.None, _h.FromContainer(id, bytes).Reason);
        Assert.Equal(DropReason.None, _h.FromContainer(id, bytes, gsoSize: 1400).Reason);
        Assert.Equal(1005u, _h.OnlyFlow().Opener.Nxt);
    }

    [Fact]
    public void BigTcp_JumboHeader_IsTheKernelsOwnOrNone()
    {
        _h.AddEndpoint(5, 258, null, "fd00:11::2");
        AllowAll(5);
        byte[] plain = new Frame { Source = "fd00:11::2", Destination = "2001:db8::1" }.ToBytes();
        byte[] Jumbo(uint length) => [.. plain[..18], 0, 0, 0, .. plain[21..54], 6, 0, 0xc2, 4, (byte)(length >> 24), (byte)(length >> 16), (byte)(length >> 8), (byte)length, .. plain[54..]];
        Assert.Equal(DropReason.None, _h.FromContainer(5, Jumbo(32), gsoSize: 1400).Reason);
        Assert.Equal(1005u, _h.OnlyFlow().Opener.Nxt);
        Assert.Equal(DropReason.ExtensionHeader, _h.FromContainer(5, Jumbo(31), gsoSize: 1400).Reason);
        Assert.NotEqual(DropReason.None, _h.FromContainer(5, Jumbo(32)).Reason);
    }

    private static Frame From(uint id, byte flags, uint sequence, uint acknowledgement = 0)
    {
        Frame there = new() { Source = Web, Destination = Api, TcpFlags = flags };
        return (id == 1 ? there : there.Reply(flags)) with { Sequence = sequence, Acknowledgement = acknowledgement };
    }

    /// <summary>Both ends have sent 1000 to 1004, and nothing is under way.</summary>
    private void Establish()
    {
        Assert.Equal(DropReason.None, _h.FromContainer(1, From(1, 2, 1000)).Reason);
        Assert.Equal(DropReason.None, _h.FromContainer(2, From(2, 0x12, 1000, 1005)).Reason);
        Assert.Equal(DropReason.None, _h.FromContainer(1, From(1, Ack, 1005, 1005) with { Payload = [] }).Reason);
        Assert.True((_h.OnlyFlow().Flags & CtFlag.Established) != 0);
    }

    private ulong Lifetime()
    {
        CtEntry flow = _h.OnlyFlow();
        return flow.ExpiresNs - flow.CreatedNs;
    }

    private void AllowAll(uint id) =>
        _h.SetPolicy(id, ProgramHarness.AllowAll(PolicyDirection.Egress), ProgramHarness.AllowAll(PolicyDirection.Ingress));

    private void DenyToApi() =>
        _h.SetPolicy(2, ProgramHarness.AllowAll(PolicyDirection.Egress), ProgramHarness.Deny(256, PolicyDirection.Ingress, 6, 80, rule: 3));
}
