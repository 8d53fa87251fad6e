// SPDX-License-Identifier: Apache-2.0
using Weir.Datapath.Abi;
using Weir.Policy;
using Weir.Testing;
using Xunit;

namespace Weir.Kernel.Tests;

/// <summary>While flows are taken over from the maps of another version: TCP is dropped, in silence, and changes nothing; all else goes on.</summary>
public sealed class TakingOverTests : IDisposable
{
    private const byte Tcp = 6;
    private const byte Udp = 17;
    private const byte Ack = 0x10;
    private const byte Rst = 0x04;
    private const uint FromProxy = (uint)ProxyMark.MarkFromProxy;
    private const string Web = "10.11.0.2";
    private const string Api = "10.11.0.3";
    private const string World = "198.51.100.7";
    private const string Frontend = "203.0.113.10";

    private readonly ProgramHarness _h = new();

    public TakingOverTests()
    {
        _h.AddEndpoint(1, 256, Web, null);
        _h.AddEndpoint(2, 257, Api, null);
        _h.AddService(1, Frontend, 80, Tcp, Api, 80, BackendFlag.Present | BackendFlag.Local);
        _h.SetPolicy(1, ProgramHarness.AllowAll(PolicyDirection.Egress), ProgramHarness.AllowAll(PolicyDirection.Ingress));
        _h.SetPolicy(2, ProgramHarness.AllowAll(PolicyDirection.Egress), ProgramHarness.AllowAll(PolicyDirection.Ingress));
    }

    public void Dispose() => _h.Dispose();

    [Theory]
    [InlineData(Ack)]
    [InlineData(Ack | 1)]
    [InlineData(Rst)]
    public void KnownFlow_WaitsAsItIs(byte flags)
    {
        Frame syn = new() { Source = Web, Destination = Api };
        _h.FromContainer(1, syn);
        _h.FromContainer(2, syn.Reply());
        var before = Told(_h.OnlyFlow());
        Frame next = syn with { TcpFlags = flags, Sequence = 1005, Acknowledgement = 1005 };

        _h.SetTakingOver(true);
        AssertWaits(_h.FromContainer(1, next));
        AssertWaits(_h.FromContainer(2, syn.Reply() with { TcpFlags = Ack }));
        Assert.Equal(before, Told(_h.OnlyFlow()));

        _h.SetTakingOver(false);
        Assert.Equal(DropReason.None, _h.FromContainer(1, next).Reason);
        Assert.Equal(before.Packets + 1, _h.OnlyFlow().Packets);
    }

    /// <summary>What would be a stranger, and hear so, if its flow were not about to come.</summary>
    [Fact]
    public void Stranger_HearsNothing_AndNothingOpens()
    {
        _h.SetTakingOver(true);
        Frame middle = new() { Source = Web, Destination = Api, TcpFlags = Ack };
        AssertWaits(_h.FromContainer(1, middle));
        AssertWaits(_h.FromContainer(1, middle with { TcpFlags = 2 }));
        AssertWaits(_h.ToContainer(2, new Frame { Source = World, Destination = Api, TcpFlags = Ack }));
        AssertWaits(_h.ToContainer(2, middle with { Source = World, TcpFlags = 2 }, FromProxy));
        AssertWaits(_h.FromDevice(FromClient(Ack)));
        AssertWaits(_h.FromDevice(FromClient(2)));
        AssertWaits(_h.ToDevice(new Frame { Source = Api, Destination = World, TcpFlags = Ack }.ToBytes(), FromProxy));
        Assert.Empty(_h.Flows());
    }

    [Fact]
    public void WhatNobodySendsAgain_GoesOn()
    {
        _h.SetTakingOver(true);
        Frame question = new() { Source = Web, Destination = Api, Protocol = Udp };
        Assert.Equal(DropReason.None, _h.FromContainer(1, question).Reason);
        Assert.Equal(DropReason.None, _h.FromContainer(2, question.Reply()).Reason);
        Assert.Single(_h.Flows());
    }

    [Fact]
    public void WhatIsNoServices_IsTheHostsOwn()
    {
        _h.SetTakingOver(true);
        Assert.Equal(ProgramHarness.Untouched, _h.FromDevice(FromClient(Ack) with { DestinationPort = 22 }).Action);
        Assert.Equal(ProgramHarness.Untouched, _h.ToDevice(new Frame { Source = Api, Destination = World, TcpFlags = Ack }.ToBytes(), 0).Action);
    }

    private static (uint Packets, ulong ExpiresNs, CtFlag Flags, uint, uint, uint, uint) Told(CtEntry flow) =>
        (flow.Packets, flow.ExpiresNs, flow.Flags, flow.Opener.Una, flow.Opener.Nxt, flow.Answerer.Una, flow.Answerer.Nxt);

    private static void AssertWaits(Outcome outcome) => Assert.Equal((ProgramHarness.Drop, DropReason.TakingOver), (outcome.Action, outcome.Reason));

    private static Frame FromClient(byte flags) => new()
    {
        SourceMac = Frame.GatewayMac, DestinationMac = Frame.DeviceMac, Source = World, Destination = Frontend, DestinationPort = 80, TcpFlags = flags,
    };
}
