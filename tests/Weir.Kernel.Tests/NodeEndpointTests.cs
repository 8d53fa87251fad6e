// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using Weir.Datapath.Abi;
using Weir.Policy;
using Weir.Testing;
using Xunit;

namespace Weir.Kernel.Tests;

/// <summary>Flows between an endpoint of this host and one of another node that the host's own routes lead to: each host
/// judges its own end, by what the ipcache says of the other.</summary>
public sealed class NodeEndpointTests : IDisposable
{
    private const byte Tcp = 6;
    private const byte Udp = 17;
    private const byte Sctp = 132;
    private const byte Syn = 2;
    private const byte Ack = 0x10;
    private const uint Device = 7;
    private const uint Peer = 0x00abcdef; // of the cluster: 24 bits
    private const ushort Node = 3;

    private readonly ProgramHarness _h = new();

    public NodeEndpointTests()
    {
        _h.SetNode(Node, "192.0.2.11");
        _h.AddEndpoint(1, 70_000, Web(false), Web(true), isRouted: false);
        foreach (bool v6 in (bool[])[false, true])
        {
            Tell(Far(v6), Peer, network: 1);
            Tell(Other(v6), Peer + 1, network: 1);
        }

        Open(1);
    }

    public static TheoryData<bool, byte> Families => new() { { false, Tcp }, { false, Udp }, { true, Tcp }, { true, Udp }, { false, Sctp } };

    public void Dispose() => _h.Dispose();

    [Theory]
    [MemberData(nameof(Families))]
    public void FromThere_IsJudgedByItsIdentity_AndAsksNoDoor(bool v6, byte protocol)
    {
        _h.SetPolicy(1, ProgramHarness.AllowAll(PolicyDirection.Egress), ProgramHarness.Allow(Peer, PolicyDirection.Ingress, protocol, 80, 5));
        Assert.Equal(DropReason.None, Receive(From(v6, protocol)).Reason);
        Assert.Equal((Peer, 70_000u, Node), (_h.OnlyFlow().SrcIdentity, _h.OnlyFlow().DstIdentity, _h.OnlyFlow().Node));
        Assert.Equal(DropReason.PolicyDenied, Receive(From(v6, protocol) with { DestinationPort = 81 }).Reason);
        Assert.Equal(DropReason.PolicyDenied, Receive(From(v6, protocol) with { Source = Other(v6) }).Reason);

        // Without any rule it is let in, where an outsider is not.
        Open(1);
        Assert.Equal(DropReason.None, Receive(From(v6, protocol) with { Source = Other(v6) }).Reason);
        Assert.Equal(DropReason.NotRouted, Receive(From(v6, protocol) with { Source = World(v6) }).Reason);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void ToThere_IsJudgedByItsIdentity_AndGoesOnByTheStack(bool v6, byte protocol)
    {
        _h.SetPolicy(1, ProgramHarness.Allow(Peer, PolicyDirection.Egress, protocol, 80, 5));
        Outcome outcome = _h.FromContainer(1, To(v6, protocol));
        Assert.Equal((ProgramHarness.Pass, DropReason.None), (outcome.Action, outcome.Reason));
        Assert.Equal((70_000u, Peer, Node), (_h.OnlyFlow().SrcIdentity, _h.OnlyFlow().DstIdentity, _h.OnlyFlow().Node));
        Assert.Equal(DropReason.PolicyDenied, _h.FromContainer(1, To(v6, protocol) with { Destination = Other(v6) }).Reason);
        Assert.Equal(DropReason.PolicyDenied, _h.FromContainer(1, To(v6, protocol) with { Destination = World(v6) }).Reason);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Replies_Pass_AlsoUnderALaterRevision(bool v6, byte protocol)
    {
        _h.SetPolicy(1, ProgramHarness.Allow(Peer, PolicyDirection.Egress, protocol, 80, 5));
        _h.FromContainer(1, To(v6, protocol));
        Assert.Equal(DropReason.None, Receive(To(v6, protocol).Reply()).Reason);
        _h.SetPolicy(1, ProgramHarness.Allow(Peer, PolicyDirection.Egress, protocol, 80, 6));
        Assert.Equal(DropReason.None, Receive(To(v6, protocol).Reply(Ack) with { Sequence = 1001 }).Reason);

        _h.ClearConntrack();
        _h.SetPolicy(1, ProgramHarness.Allow(Peer, PolicyDirection.Ingress, protocol, 80, 5));
        Receive(From(v6, protocol));
        Outcome answer = _h.FromContainer(1, From(v6, protocol).Reply() with { SourceMac = Frame.ContainerMac, DestinationMac = Frame.GatewayMac });
        Assert.Equal((ProgramHarness.Pass, DropReason.None), (answer.Action, answer.Reason));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void IdentityThatChanges_IsAskedAgain(bool v6, byte protocol)
    {
        _h.SetPolicy(1, ProgramHarness.Allow(Peer, PolicyDirection.Ingress, protocol, 80, 5));
        Assert.Equal(DropReason.None, Receive(From(v6, protocol)).Reason);
        Tell(Far(v6), Peer + 5, network: 1);
        _h.SetPolicy(1, ProgramHarness.Allow(Peer, PolicyDirection.Ingress, protocol, 80, 5));
        Assert.Equal(DropReason.PolicyDenied, Receive(From(v6, protocol) with { TcpFlags = Ack, Sequence = 1001 }).Reason);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void WhatCameByNoDevice_IsForged(bool v6, byte protocol)
    {
        Assert.Equal(DropReason.SpoofedEndpoint, _h.ToContainer(1, From(v6, protocol)).Reason);
        Receive(From(v6, protocol));
        Assert.Equal(DropReason.SpoofedEndpoint, _h.ToContainer(1, From(v6, protocol) with { TcpFlags = Ack, Sequence = 1001 }).Reason);
        Assert.Equal(DropReason.SpoofedEndpoint, _h.ToContainer(1, Error(Far(v6), From(v6, protocol).Reply())).Reason);

        _h.ClearConntrack();
        _h.FromContainer(1, To(v6, protocol));
        Assert.Equal(DropReason.SpoofedEndpoint, _h.ToContainer(1, To(v6, protocol).Reply()).Reason);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void OtherNetwork_OrOneThatIsNoneHere_IsIsolated_BothWays(bool v6, byte protocol)
    {
        foreach (uint network in (uint[])[2, 0])
        {
            Tell(Far(v6), Peer, network);
            Assert.Equal(DropReason.NetworkIsolated, Receive(From(v6, protocol)).Reason);
            Assert.Equal(DropReason.NetworkIsolated, _h.FromContainer(1, To(v6, protocol)).Reason);
        }
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void InternalNetwork_ReachesItsOwnOnOtherNodes_AndNobodyElse(bool v6, byte protocol)
    {
        _h.AddEndpoint(2, 70_001, v6 ? null : "10.11.0.3", v6 ? "fd00:11::3" : null, isInternal: true, isRouted: false);
        Open(2);
        string own = v6 ? "fd00:11::3" : "10.11.0.3";
        Assert.Equal(DropReason.None, _h.ToContainer(2, From(v6, protocol) with { Destination = own }, cameBy: Device).Reason);
        Assert.Equal(DropReason.None, _h.FromContainer(2, To(v6, protocol) with { Source = own, SourcePort = 41000 }).Reason);
        Tell(Other(v6), Peer, network: 2);
        Assert.Equal(DropReason.NetworkIsolated, _h.ToContainer(2, From(v6, protocol) with { Source = Other(v6), Destination = own }, cameBy: Device).Reason);
        Assert.Equal(DropReason.NetworkInternal, _h.ToContainer(2, From(v6, protocol) with { Source = World(v6), Destination = own }, cameBy: Device).Reason);

        // A node itself is none of its endpoints.
        _h.SetIpcache(World(v6) + (v6 ? "/128" : "/32"), 6);
        Assert.Equal(DropReason.NetworkInternal, _h.FromContainer(2, To(v6, protocol) with { Source = own, Destination = World(v6) }).Reason);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Denial_IsHeardAsByAContainer(bool v6, byte protocol)
    {
        _h.SetPolicy(1, ProgramHarness.AllowAll(PolicyDirection.Egress));
        _h.SetDenyAnswer(1, DenyAnswer.Local);
        Outcome answered = Receive(From(v6, protocol));
        Assert.Equal((ProgramHarness.Redirect, DropReason.PolicyDenied), (answered.Action, answered.Reason));
        Outcome world = Receive(From(v6, protocol) with { Source = World(v6) });
        Assert.Equal((ProgramHarness.Drop, DropReason.PolicyDenied), (world.Action, world.Reason));

        _h.SetDenyAnswer(1, DenyAnswer.Nobody);
        Assert.Equal(ProgramHarness.Drop, Receive(From(v6, protocol)).Action);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void IcmpError_IsTheOtherEnds_OrARouters(bool v6, bool opened)
    {
        Frame sent = opened ? To(v6, Udp) : From(v6, Udp).Reply() with { SourceMac = Frame.ContainerMac, DestinationMac = Frame.GatewayMac };
        if (opened)
        {
            _h.FromContainer(1, sent);
        }
        else
        {
            Receive(From(v6, Udp));
            _h.FromContainer(1, sent);
        }

        Assert.Equal(DropReason.None, Receive(Error(Far(v6), sent)).Reason);
        Assert.Equal(DropReason.None, Receive(Error(World(v6), sent)).Reason);
        Assert.Equal(DropReason.IcmpUnrelated, Receive(Error(Other(v6), sent)).Reason);

        // The container tells the other end, and nobody else of it.
        Outcome told = _h.FromContainer(1, Error(Web(v6), sent.Reply()));
        Assert.Equal((ProgramHarness.Pass, DropReason.None), (told.Action, told.Reason));
        Assert.Equal(DropReason.IcmpUnrelated, _h.FromContainer(1, Error(Web(v6), sent.Reply() with { Source = Other(v6) })).Reason);
    }

    [Theory]
    [InlineData(false, Tcp)]
    [InlineData(true, Udp)]
    public void PublishedPort_LetsItInWithoutADoor_FromAnyNetwork_UnlessInternal(bool v6, byte protocol)
    {
        string frontend = v6 ? "2001:db8::10" : "203.0.113.10";
        _h.AddService(4, frontend, 8080, protocol, Web(v6), 80, BackendFlag.Present | BackendFlag.Local, frontendFlags: FrontendFlag.Closed);
        Frame frame = From(v6, protocol) with { DestinationMac = Frame.DeviceMac, Destination = frontend, DestinationPort = 8080 };
        Assert.Equal(ProgramHarness.Redirect, _h.FromDevice(frame).Action);
        Tell(Other(v6), Peer, network: 9);
        Assert.Equal(ProgramHarness.Redirect, _h.FromDevice(frame with { Source = Other(v6) }).Action);
        Assert.Equal(DropReason.NotPublished, _h.FromDevice(frame with { Source = World(v6) }).Reason);

        // What the socket hook leads from here to a node is not seen to be a service's there.
        Assert.Equal(DropReason.NetworkIsolated, _h.FromContainer(1, To(v6, protocol) with { Destination = Other(v6), SourcePort = 41000 }).Reason);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void NodeThatIsNotKnown_IsSentNothing(bool v6, byte protocol)
    {
        _h.ForgetNode(Node);
        Assert.Equal(DropReason.NoNode, _h.FromContainer(1, To(v6, protocol)).Reason);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void EndpointThatTheOverlayLeadsTo_SendsNothingPastIt(bool v6, byte protocol)
    {
        Receive(From(v6, protocol));
        _h.SetNode(Node, "192.0.2.11", NodeFlag.Overlay);
        Assert.Equal(DropReason.ForeignEndpoint, Receive(From(v6, protocol) with { TcpFlags = Ack, Sequence = 1001 }).Reason);
        Assert.Equal(DropReason.ForeignEndpoint, Receive(From(v6, protocol) with { SourcePort = 41000 }).Reason);
        Assert.Equal(DropReason.IcmpUnrelated, Receive(Error(Far(v6), From(v6, protocol).Reply())).Reason);

        // Nor is it sent anything otherwise: no overlay is there.
        Assert.Equal(DropReason.NoNode, _h.FromContainer(1, To(v6, protocol) with { SourcePort = 41000 }).Reason);
    }

    [Theory]
    [InlineData(false, 6u)]
    [InlineData(true, 6u)]
    [InlineData(false, 1u)]
    [InlineData(true, 1u)]
    public void PortOfTheOverlay_IsClosedToContainers(bool v6, uint identity)
    {
        _h.SetIpcache(World(v6) + (v6 ? "/128" : "/32"), identity);
        Frame frame = To(v6, Udp) with { Destination = World(v6), DestinationPort = (ushort)Overlay.Port };
        Assert.Equal(DropReason.OverlayPort, _h.FromContainer(1, frame).Reason);
        Assert.Equal(DropReason.None, _h.FromContainer(1, frame with { Protocol = Tcp }).Reason);
        Assert.Equal(DropReason.None, _h.FromContainer(1, frame with { DestinationPort = 8473 }).Reason);
        Assert.Equal(DropReason.None, _h.FromContainer(1, frame with { Destination = Far(v6) }).Reason);
    }

    [Fact]
    public void Event_TellsAllOfTheIdentity()
    {
        _h.SetPolicy(1);
        List<(uint Source, uint Destination)> seen = [];
        using var events = new Weir.Bpf.RingBuffer(_h.Map("weir_events"));
        Receive(From(false, Tcp));
        _h.FromContainer(1, To(false, Tcp));
        events.Consume(record =>
        {
            Event e = MemoryMarshal.Read<Event>(record);
            seen.Add((e.SrcIdentity, e.DstIdentity));
        });
        Assert.Equal([(Peer, 70_000u), (70_000u, Peer)], seen);
    }

    private static string Web(bool v6) => v6 ? "fd00:11::2" : "10.11.0.2";

    private static string Far(bool v6) => v6 ? "fd00:11:1::2" : "10.11.1.2";

    private static string Other(bool v6) => v6 ? "fd00:11:1::3" : "10.11.1.3";

    private static string World(bool v6) => v6 ? "2001:db8:7::7" : "198.51.100.7";

    private static Frame From(bool v6, byte protocol) => new()
    {
        SourceMac = Frame.GatewayMac,
        DestinationMac = Frame.ContainerMac,
        Source = Far(v6),
        Destination = Web(v6),
        Protocol = protocol,
        TcpFlags = Syn,
    };

    private static Frame To(bool v6, byte protocol) => new() { Source = Web(v6), Destination = Far(v6), Protocol = protocol, TcpFlags = Syn };

    /// <summary>"Port unreachable", from there to the sender of what it quotes.</summary>
    private static Frame Error(string source, Frame quoted)
    {
        bool v6 = source.Contains(':', StringComparison.Ordinal);
        return new Frame
        {
            Source = source,
            Destination = quoted.Source,
            Protocol = v6 ? (byte)58 : (byte)1,
            IcmpType = v6 ? (byte)1 : (byte)3,
            IcmpCode = v6 ? (byte)4 : (byte)3,
            Payload = quoted.Quote(),
        };
    }

    private Outcome Receive(Frame frame) => _h.ToContainer(1, frame, cameBy: Device);

    private void Tell(string address, uint identity, uint network) =>
        _h.SetIpcache(address + (address.Contains(':', StringComparison.Ordinal) ? "/128" : "/32"), identity, network, Node);

    private void Open(uint id) => _h.SetPolicy(id, ProgramHarness.AllowAll(PolicyDirection.Egress), ProgramHarness.AllowAll(PolicyDirection.Ingress));
}
