// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Net;
using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Linux;
using Weir.Policy;
using Weir.Testing;
using Xunit;

namespace Weir.Kernel.Tests;

/// <summary>What the sender of a denied packet hears.</summary>
public sealed class DenyAnswerTests : IDisposable
{
    private const byte Tcp = 6;
    private const byte Udp = 17;
    private const byte Icmp = 1;
    private const byte Icmp6 = 58;
    private const byte Sctp = 132;
    private const byte Reset = 4;
    private const byte Syn = 2;
    private const byte Ack = 16;
    private const uint Sequence = 0xfffffffe; // the answer's number wraps
    private const int Link = 14;

    private static readonly byte[] _numbers = [0xff, 0xff, 0xff, 0xfe, 0x12, 0x34, 0x56, 0x78];

    private readonly ProgramHarness _harness = new();

    private BpfMap Answers => _harness.Map("weir_answers");

    public DenyAnswerTests()
    {
        _harness.AddEndpoint(1, 256, "10.11.0.2", "fd00:11::2");
        _harness.AddEndpoint(2, 257, "10.11.0.3", "fd00:11::3");
        _harness.AddEndpoint(3, 258, "10.12.0.2", "fd00:12::2", network: 2);
        foreach (uint id in new uint[] { 1, 2, 3 })
        {
            _harness.SetPolicy(id, ProgramHarness.AllowAll(PolicyDirection.Egress));
            _harness.SetDenyAnswer(id, DenyAnswer.Local);
        }

        _harness.SetIpcache("192.0.2.1/32", 1);
        _harness.SetIpcache("2001:db8::1/128", 1);
    }

    public void Dispose() => _harness.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void DeniedSyn_IsAnsweredWithAReset_ThatAcknowledgesIt(bool v6)
    {
        Frame syn = Between(v6) with { RawL4 = Segment(Syn) };
        Outcome outcome = _harness.FromContainer(1, syn);
        Assert.Equal((ProgramHarness.Redirect, DropReason.PolicyDenied), (outcome.Action, outcome.Reason));
        AssertReset(outcome.Frame, v6, Reset | Ack, 0, unchecked(Sequence + 1 + 4));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void DeniedSegmentOfALivingConnection_IsAnsweredWithItsOwnNumber(bool v6)
    {
        Frame syn = Between(v6) with { RawL4 = Segment(Syn) };
        _harness.SetPolicy(2, ProgramHarness.AllowAll(PolicyDirection.Ingress));
        Assert.Equal(ProgramHarness.Redirect, _harness.FromContainer(1, syn).Action);
        _harness.SetPolicy(2);
        Outcome outcome = _harness.FromContainer(1, syn with { RawL4 = Segment(Ack) });
        Assert.Equal((ProgramHarness.Redirect, DropReason.PolicyDenied), (outcome.Action, outcome.Reason));
        AssertReset(outcome.Frame, v6, Reset, 0x12345678, 0);
    }

    [Theory]
    [InlineData(Udp, false)]
    [InlineData(Udp, true)]
    [InlineData(Sctp, false)]
    [InlineData(Sctp, true)]
    [InlineData(Icmp, false)]
    [InlineData(Icmp6, true)]
    public void DeniedDatagram_IsAnsweredByTheGateway(byte protocol, bool v6)
    {
        byte[] sent = (Between(v6) with { Protocol = protocol, IcmpType = v6 ? (byte)128 : (byte)8, Payload = new byte[900] }).WithChecksums();
        Outcome outcome = _harness.FromContainer(1, sent);
        Assert.Equal((ProgramHarness.Redirect, DropReason.PolicyDenied), (outcome.Action, outcome.Reason));
        AssertProhibited(outcome.Frame, v6, v6 ? "fd00:11::1" : "10.11.0.1", sent);
    }

    [Theory]
    [InlineData(Tcp)]
    [InlineData(Udp)]
    public void OtherNetwork_IsAnswered(byte protocol)
    {
        Outcome outcome = _harness.FromContainer(1, new Frame { Source = "10.11.0.2", Destination = "10.12.0.2", Protocol = protocol });
        Assert.Equal((ProgramHarness.Redirect, DropReason.NetworkIsolated), (outcome.Action, outcome.Reason));
    }

    [Fact]
    public void DenyRuleOfTheSender_IsAnsweredBySendersChoice()
    {
        _harness.SetPolicy(1, ProgramHarness.Deny(257, PolicyDirection.Egress, Tcp, 80, 7), ProgramHarness.AllowAll(PolicyDirection.Egress));
        _harness.SetDenyAnswer(2, DenyAnswer.Nobody);
        Assert.Equal(ProgramHarness.Redirect, _harness.FromContainer(1, Between(false)).Action);
        _harness.SetDenyAnswer(1, DenyAnswer.Nobody);
        Assert.Equal(ProgramHarness.Drop, _harness.FromContainer(1, Between(false)).Action);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ReceiverThatAnswersNobody_IsSilent(bool v6)
    {
        _harness.SetDenyAnswer(2, DenyAnswer.Nobody);
        foreach (byte protocol in new[] { Tcp, Udp })
        {
            Assert.Equal(ProgramHarness.Drop, _harness.FromContainer(1, Between(v6) with { Protocol = protocol }).Action);
        }
    }

    [Fact]
    public void WhatMayNotBeAnswered_IsNot()
    {
        Frame v4 = Between(false);
        Frame error = v4 with { Protocol = Icmp, IcmpType = 3, IcmpCode = 3, Payload = v4.Reply().Quote() };
        Frame[] silent =
        [
            v4 with { TcpFlags = Reset },
            v4 with { TcpFlags = Reset | Ack },
            v4 with { Protocol = Icmp, IcmpType = 0 },
            error,
            v4 with { Protocol = Udp, Fragment = 0x2000 },
            v4 with { Protocol = Udp, Fragment = 0x0010 },
            v4 with { Fragment = 0x2000 },
            v4 with { Source = "10.11.0.9" },
            v4 with { Destination = "255.255.255.255", Protocol = Udp },
            v4 with { Protocol = 47, Payload = [1, 2] },
        ];
        Assert.All(silent, frame => Assert.Equal(ProgramHarness.Drop, _harness.FromContainer(1, frame).Action));
    }

    [Theory]
    [InlineData(false, Tcp)]
    [InlineData(true, Tcp)]
    [InlineData(false, Udp)]
    [InlineData(true, Udp)]
    public void TheHost_IsAnswered_AndTheWorldOnlyWhereAPolicyAsksForIt(bool v6, byte protocol)
    {
        Frame host = Inbound(v6, v6 ? "2001:db8::1" : "192.0.2.1", protocol);
        Frame world = Inbound(v6, v6 ? "2001:db8:9::9" : "198.51.100.9", protocol);
        Assert.Equal(ProgramHarness.Redirect, _harness.ToContainer(1, host).Action);
        Assert.Equal(ProgramHarness.Drop, _harness.ToContainer(1, world).Action);
        _harness.SetDenyAnswer(1, DenyAnswer.All);
        Outcome outcome = _harness.ToContainer(1, world);
        Assert.Equal((ProgramHarness.Redirect, DropReason.PolicyDenied), (outcome.Action, outcome.Reason));
        Assert.Equal(world.Source, AddressAt(outcome.Frame, v6, destination: true));
        Assert.Equal(world.Destination, AddressAt(outcome.Frame, v6, destination: false));
        Assert.Equal([.. world.SourceMac, .. world.DestinationMac], outcome.Frame[..12]);
        Assert.Null(Checksums.Problem(outcome.Frame));
        _harness.SetDenyAnswer(1, DenyAnswer.Nobody);
        Assert.Equal(ProgramHarness.Drop, _harness.ToContainer(1, host).Action);
    }

    [Theory]
    [InlineData(false, Tcp)]
    [InlineData(true, Tcp)]
    [InlineData(false, Udp)]
    [InlineData(true, Udp)]
    public void ClientOfAService_IsAnsweredFromItsAddress_WhereAPolicyAsksForIt(bool v6, byte protocol)
    {
        string frontend = v6 ? "2001:db8::1" : "192.0.2.1";
        _harness.AddService(5, frontend, 80, protocol, v6 ? "fd00:11::2" : "10.11.0.2", 8080, BackendFlag.Present | BackendFlag.Local);
        byte[] sent = (Inbound(v6, v6 ? "2001:db8:9::9" : "198.51.100.9", protocol) with
        {
            Destination = frontend,
            DestinationMac = Frame.DeviceMac,
        }).WithChecksums();
        Assert.Equal(ProgramHarness.Drop, _harness.FromDevice(sent).Action);
        _harness.SetDenyAnswer(1, DenyAnswer.All);
        Outcome outcome = _harness.FromDevice(sent);
        Assert.Equal((ProgramHarness.Redirect, DropReason.PolicyDenied), (outcome.Action, outcome.Reason));
        Assert.Equal(frontend, AddressAt(outcome.Frame, v6, destination: false));
        Assert.Null(Checksums.Problem(outcome.Frame));
    }

    [Fact]
    public void AnswerOnItsWay_IsNotJudged()
    {
        Outcome outcome = _harness.FromContainer(1, Between(false) with { TcpFlags = Reset }, mark: (uint)ProxyMark.MarkAnswer);
        Assert.Equal((ProgramHarness.Pass, DropReason.None), (outcome.Action, outcome.Reason));
    }

    [Fact]
    public void WhoHasHeardEnough_HearsNoMoreForAWhile_AndOthersDo()
    {
        const ulong Second = 1_000_000_000;
        Frame other = Between(false) with { Source = "10.11.0.3", Destination = "10.11.0.2" };
        SetHeard(1, Clock.MonotonicNs() + Second);
        Assert.Equal(ProgramHarness.Drop, _harness.FromContainer(1, Between(false)).Action);
        Assert.Equal(ProgramHarness.Redirect, _harness.FromContainer(2, other).Action);
        SetHeard(1, Clock.MonotonicNs() - Second);
        Assert.Equal(ProgramHarness.Redirect, _harness.FromContainer(1, Between(false)).Action);
    }

    [Fact]
    public void LongSilence_SavesUpNoMoreThanABurst()
    {
        SetHeard(1, 0);
        ulong before = Clock.MonotonicNs();
        Assert.Equal(ProgramHarness.Redirect, _harness.FromContainer(1, Between(false)).Action);
        Assert.InRange(Heard(1), before - 2_000_000_000, before);
    }

    private void SetHeard(uint id, ulong time)
    {
        byte[] value = new byte[Answers.UserValueSize];
        for (int cpu = 0; cpu < value.Length; cpu += sizeof(ulong))
        {
            BinaryPrimitives.WriteUInt64LittleEndian(value.AsSpan(cpu), time);
        }

        Answers.Update(BitConverter.GetBytes(id), value);
    }

    private ulong Heard(uint id)
    {
        byte[] value = new byte[Answers.UserValueSize];
        Answers.TryLookup(BitConverter.GetBytes(id), value);
        return Enumerable.Range(0, value.Length / sizeof(ulong)).Max(cpu => BinaryPrimitives.ReadUInt64LittleEndian(value.AsSpan(cpu * sizeof(ulong))));
    }

    private static Frame Between(bool v6) => new() { Source = v6 ? "fd00:11::2" : "10.11.0.2", Destination = v6 ? "fd00:11::3" : "10.11.0.3" };

    private static Frame Inbound(bool v6, string source, byte protocol) => new()
    {
        SourceMac = Frame.GatewayMac,
        DestinationMac = Frame.ContainerMac,
        Source = source,
        Destination = v6 ? "fd00:11::2" : "10.11.0.2",
        Protocol = protocol,
    };

    private static byte[] Segment(byte flags) =>
        [0x9c, 0x40, 0, 80, .. _numbers, 6 << 4, flags, 0x20, 0, 0, 0, 0, 0, 2, 4, 5, 0xb4, 1, 2, 3, 4];

    private static void AssertReset(byte[] frame, bool v6, int flags, uint sequence, uint acknowledged)
    {
        int tcp = Link + (v6 ? 40 : 20);
        Assert.Equal(tcp + 20, frame.Length);
        Assert.Null(Checksums.Problem(frame));
        Assert.Equal([.. Frame.ContainerMac, .. Frame.GatewayMac], frame[..12]);
        Assert.Equal(v6 ? "fd00:11::3" : "10.11.0.3", AddressAt(frame, v6, destination: false));
        Assert.Equal(v6 ? "fd00:11::2" : "10.11.0.2", AddressAt(frame, v6, destination: true));
        Assert.Equal([0, 80, 0x9c, 0x40], frame[tcp..(tcp + 4)]);
        Assert.Equal(sequence, BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(tcp + 4)));
        Assert.Equal(acknowledged, BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(tcp + 8)));
        Assert.Equal(flags, frame[tcp + 13]);
    }

    private static void AssertProhibited(byte[] frame, bool v6, string from, byte[] sent)
    {
        int icmp = Link + (v6 ? 40 : 20);
        Assert.Null(Checksums.Problem(frame));
        Assert.Equal([.. Frame.ContainerMac, .. Frame.GatewayMac], frame[..12]);
        Assert.Equal(from, AddressAt(frame, v6, destination: false));
        Assert.Equal(AddressAt(sent, v6, destination: false), AddressAt(frame, v6, destination: true));
        Assert.Equal(v6 ? [1, 1] : [3, 13], frame[icmp..(icmp + 2)]);
        Assert.Equal(sent.AsSpan(Link, frame.Length - icmp - 8), frame.AsSpan(icmp + 8));
        Assert.Equal((v6 ? 40 : 20) + 8, frame.Length - icmp - 8);
    }

    private static string AddressAt(byte[] frame, bool v6, bool destination)
    {
        int at = Link + (v6 ? (destination ? 24 : 8) : destination ? 16 : 12);
        return new IPAddress(frame.AsSpan(at, v6 ? 16 : 4)).ToString();
    }
}
