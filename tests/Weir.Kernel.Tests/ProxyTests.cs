// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using Weir.Datapath.Abi;
using Weir.Policy;
using Weir.Testing;
using Xunit;

namespace Weir.Kernel.Tests;

/// <summary>What the endpoint program does with flows that policy sends through the proxy. No proxy runs
/// here: where one would be found is tested end to end.</summary>
public sealed class ProxyTests : IDisposable
{
    private const string Web = "10.11.0.2";
    private const string Api = "10.11.0.3";
    private const string Web6 = "fd00:11::2";
    private const string Api6 = "fd00:11::3";
    private const string World = "203.0.113.10";
    private const byte Ack = 0x10;
    private const uint FromProxy = (uint)ProxyMark.MarkFromProxy;

    private readonly ProgramHarness _h = new();

    public ProxyTests()
    {
        _h.AddEndpoint(1, 256, Web, Web6);
        _h.AddEndpoint(2, 257, Api, Api6);
        _h.SetPolicy(1, ProgramHarness.AllowAll(PolicyDirection.Egress), ProgramHarness.AllowAll(PolicyDirection.Ingress));
        SetPolicy(http: 77);
    }

    public void Dispose() => _h.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void NoProxy_DropsTheFlow(bool v6) => Assert.Equal(DropReason.ProxyUnavailable, _h.FromContainer(1, Syn(v6)).Reason);

    [Fact]
    public void LaterPackets_GoToTheStack_WhichFindsTheSocket()
    {
        _h.FromContainer(1, Syn());
        AssertGoesToTheProxy(_h.FromContainer(1, Syn() with { TcpFlags = Ack }));
        AssertGoesToTheProxy(_h.FromContainer(2, Syn().Reply()));
    }

    [Theory]
    [InlineData(World)]
    [InlineData("10.11.0.1")]
    public void FromOutside_ItGoesToTheProxyToo(string source)
    {
        Frame syn = Syn() with { Source = source };
        Assert.Equal(DropReason.ProxyUnavailable, _h.ToContainer(2, syn).Reason);
        _h.SetProxyPort(40000);
        AssertGoesToTheProxy(_h.ToContainer(2, syn));
    }

    /// <summary>Marks of WireGuard's default, Kubernetes, Tailscale, Calico, Cilium, and all that differ from the
    /// proxy's in one bit.</summary>
    [Fact]
    public void MarksOfOtherSoftware_AreNotTheProxys()
    {
        Frame denied = Syn() with { Source = World, DestinationPort = 81 };
        uint[] others = [51820, 0x4000, 0x8000, 0x40000, 0x80000, 0x10000, 0xffff0000, 0x200, 0xa00, 0xf00, 0x2000, 1, uint.MaxValue];
        Assert.Equal(DropReason.None, _h.ToContainer(2, denied, FromProxy).Reason);
        foreach (uint mark in others.Concat(Enumerable.Range(0, 32).Select(bit => FromProxy ^ (1u << bit))))
        {
            denied = denied with { SourcePort = (ushort)(denied.SourcePort + 1) };
            Assert.Equal((mark, DropReason.PolicyDenied), (mark, _h.ToContainer(2, denied, mark).Reason));
        }
    }

    [Fact]
    public void ProxysOwnPackets_AreNotJudgedAgain_AndOpenTheirOwnFlow()
    {
        Frame syn = Syn() with { SourcePort = 55555, DestinationPort = 81 };
        Assert.Equal(DropReason.SpoofedEndpoint, _h.ToContainer(2, syn).Reason);
        Outcome outcome = _h.ToContainer(2, syn, FromProxy);
        Assert.Equal((ProgramHarness.Pass, DropReason.None), (outcome.Action, outcome.Reason));
        // The answer goes to the host's stack, not to the container whose address it bears.
        AssertGoesToTheProxy(_h.FromContainer(2, syn.Reply()));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void PlainFlow_IsAnsweredWithAReset_WhenPolicyAsksForTheProxy(bool v6)
    {
        SetPolicy(http: 0);
        Assert.Equal(DropReason.None, _h.FromContainer(1, Syn(v6)).Reason);
        SetPolicy(http: 77);
        for (int i = 0; i < 2; i++)
        {
            Outcome outcome = _h.FromContainer(1, Syn(v6) with { TcpFlags = Ack });
            Assert.Equal((ProgramHarness.Redirect, DropReason.ProxyRequired), (outcome.Action, outcome.Reason));
            AssertIsReset(outcome.Frame, v6);
        }

        // A reset is answered by nothing, and a new connection goes to the proxy.
        Assert.Equal(ProgramHarness.Drop, _h.FromContainer(1, Syn(v6) with { TcpFlags = 0x14 }).Action);
        Assert.Equal(DropReason.ProxyUnavailable, _h.FromContainer(1, Syn(v6)).Reason);
    }

    [Fact]
    public void ProxiedFlow_StaysWithTheProxy_WhenPolicyNoLongerAsksForIt()
    {
        _h.FromContainer(1, Syn());
        SetPolicy(http: 0);
        AssertGoesToTheProxy(_h.FromContainer(1, Syn() with { TcpFlags = Ack }));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void IcmpError_OfAProxiedFlow_GoesToTheStack_WhichHasBothItsSockets(bool v6)
    {
        _h.SetProxyPort(40000);
        _h.FromContainer(1, Syn(v6));
        Frame error = new() { Source = v6 ? Api6 : Api, Destination = v6 ? Web6 : Web, Protocol = v6 ? (byte)58 : (byte)1, IcmpType = v6 ? (byte)2 : (byte)3, IcmpCode = v6 ? (byte)0 : (byte)4, Payload = Syn(v6).Quote() };
        AssertGoesToTheProxy(_h.FromContainer(2, error));
        // What quotes no flow goes nowhere.
        Frame stray = error with { IcmpType = v6 ? (byte)1 : (byte)3, IcmpCode = 1, Payload = (Syn(v6) with { SourcePort = 999 }).Quote() };
        Assert.Equal(DropReason.IcmpUnrelated, _h.FromContainer(2, stray).Reason);
    }

    [Fact]
    public void ProxiedFlow_IsCut_WhenPolicyForbidsIt()
    {
        _h.FromContainer(1, Syn());
        _h.SetPolicy(2, ProgramHarness.Deny(256, PolicyDirection.Ingress, 6, 80, rule: 3));
        Assert.Equal(DropReason.PolicyDenyRule, _h.FromContainer(1, Syn() with { TcpFlags = Ack }).Reason);
        Assert.Equal(DropReason.CtInvalid, _h.FromContainer(2, Syn().Reply()).Reason);
    }

    /// <summary>By loopback, whose address is all zeros.</summary>
    private static void AssertGoesToTheProxy(Outcome outcome)
    {
        Assert.Equal((ProgramHarness.Redirect, DropReason.None), (outcome.Action, outcome.Reason));
        Assert.Equal(new byte[6], outcome.Frame[..6]);
    }

    private static Frame Syn(bool v6 = false) => new() { Source = v6 ? Web6 : Web, Destination = v6 ? Api6 : Api, DestinationPort = 80 };

    private static void AssertIsReset(byte[] frame, bool v6)
    {
        int head = v6 ? 40 : 20;
        Assert.Equal(14 + head + 20, frame.Length);
        ReadOnlySpan<byte> ip = frame.AsSpan(14, head);
        ReadOnlySpan<byte> tcp = frame.AsSpan(14 + head);
        Assert.Equal(0x04, tcp[13]);
        Assert.Equal(80, BinaryPrimitives.ReadUInt16BigEndian(tcp));
        ReadOnlySpan<byte> addresses = v6 ? ip[8..] : ip[12..];
        Assert.Equal(System.Net.IPAddress.Parse(v6 ? Api6 : Api).GetAddressBytes(), addresses[..(v6 ? 16 : 4)].ToArray());
        if (!v6)
        {
            Assert.Equal(0xffff, Sum(ip));
        }

        Assert.Equal(0xffff, Sum([.. addresses, 0, 6, 0, 20, .. tcp]));
    }

    /// <summary>RFC 1071, with the checksum in it: all ones when right.</summary>
    private static int Sum(ReadOnlySpan<byte> bytes)
    {
        int sum = 0;
        for (int i = 0; i < bytes.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(bytes[i..]);
        }

        while (sum > 0xffff)
        {
            sum = (sum & 0xffff) + (sum >> 16);
        }

        return sum;
    }

    private void SetPolicy(uint http) => _h.SetPolicy(
        2,
        ProgramHarness.AllowAll(PolicyDirection.Egress),
        ProgramHarness.Allow(256, PolicyDirection.Ingress, 6, 80, rule: 7) with { HttpPolicyId = http },
        new PolicyMapEntry(0, PolicyDirection.Ingress, 6, 80, 16, true, 8, http));
}
