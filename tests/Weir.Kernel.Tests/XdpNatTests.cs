// SPDX-License-Identifier: Apache-2.0
using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Testing;
using Xunit;

namespace Weir.Kernel.Tests;

/// <summary>SNAT both ways.</summary>
public sealed class XdpNatTests : IDisposable
{
    private readonly XdpHarness _h = new();

    public static TheoryData<bool, byte> Families => XdpForwardTests.Families;

    public void Dispose() => _h.Dispose();

    [PrivilegedTheory]
    [MemberData(nameof(Families))]
    public void RoundTrip_EveryByteIsRight(bool v6, byte protocol)
    {
        var c = new XdpCase(v6, protocol);
        c.AddService(_h, ServiceMode.Snat, 1);

        Outcome open = _h.Run(c.Packet.Seal());
        ushort port = PortOf(c);
        Frame forward = c.Packet with { Source = c.Own, Destination = c.Backend(1), SourcePort = port, DestinationPort = XdpCase.BackendPort };
        Assert.Equal((XdpHarness.Transmit, DropReason.None), (open.Action, open.Reason));
        Assert.Equal(c.Sent(forward), open.Frame);

        Frame answer = c.Packet.Reply() with { Sequence = 5000, Acknowledgement = 1001 };
        Frame atBackend = forward with { SourceMac = XdpHarness.NextHopMac, DestinationMac = XdpHarness.DeviceMac };
        Outcome reply = _h.Run((atBackend.Reply() with { Sequence = 5000, Acknowledgement = 1001 }).Seal());
        Assert.Equal((XdpHarness.Transmit, DropReason.None), (reply.Action, reply.Reason));
        Assert.Equal(c.Sent(answer, Frame.ContainerMac, Frame.GatewayMac), reply.Frame);

        foreach (byte[] frame in XdpForwardTests.Shapes(c.Packet with { TcpFlags = XdpCase.Ack, Acknowledgement = 5001 }))
        {
            Outcome o = _h.Run(frame);
            Assert.Equal(XdpHarness.Transmit, o.Action);
            Assert.Null(Checksums.Problem(o.Frame));
        }

        Outcome data = _h.Run((atBackend.Reply(XdpCase.Ack) with { Sequence = 5001, Acknowledgement = 1001 }).Seal());
        Assert.Equal((XdpHarness.Transmit, DropReason.None), (data.Action, data.Reason));
        Assert.Equal(c.Sent(answer with { TcpFlags = XdpCase.Ack, Sequence = 5001 }, Frame.ContainerMac, Frame.GatewayMac), data.Frame);
        Assert.Equal(port, PortOf(c));
        Assert.Empty(_h.NatOpen.ToList());
    }

    /// <summary>While flows are taken over from another version's maps: a backend's answer that found no flow would go to the stack, which
    /// resets what it does not know.</summary>
    [PrivilegedTheory]
    [MemberData(nameof(Families))]
    public void TakingOver_TcpWaitsBothWays_AndAllElseGoesOn(bool v6, byte protocol)
    {
        var c = new XdpCase(v6, protocol);
        c.AddService(_h, ServiceMode.Snat, 1);
        _h.Run(c.Packet.Seal());
        Frame answer = (c.Packet with { Source = c.Own, Destination = c.Backend(1), SourcePort = PortOf(c), DestinationPort = XdpCase.BackendPort,
            SourceMac = XdpHarness.NextHopMac, DestinationMac = XdpHarness.DeviceMac }).Reply() with { Acknowledgement = 1001 };
        int flows = _h.NatOpen.ToList().Count;
        (uint, DropReason) expected = protocol == XdpCase.Tcp ? (XdpHarness.Drop, DropReason.TakingOver) : (XdpHarness.Transmit, DropReason.None);

        _h.SetSettings(0, takingOver: true);
        foreach (Frame frame in (Frame[])[c.Packet, c.Packet with { SourcePort = 4711 }, answer])
        {
            Outcome o = _h.Run(frame.Seal());
            Assert.Equal(expected, (o.Action, o.Reason));
        }

        Assert.Equal(flows, _h.NatOpen.ToList().Count);
        _h.SetSettings(0);
        Assert.Equal(XdpHarness.Transmit, _h.Run(answer.Seal()).Action);
    }

    [PrivilegedFact]
    public void UdpWithoutChecksum_StaysWithout()
    {
        var c = new XdpCase(false, XdpCase.Udp);
        c.AddService(_h, ServiceMode.Snat, 1);
        Outcome o = _h.Run(c.Packet.ToBytes());
        Assert.Equal(XdpHarness.Transmit, o.Action);
        Assert.Equal(new byte[2], o.Frame[40..42]);
        Assert.Null(Checksums.Problem(o.Frame));
    }

    [PrivilegedTheory]
    [InlineData(0x10)]
    [InlineData(0x12)]
    [InlineData(0x04)]
    [InlineData(0x01)]
    [InlineData(0x00)]
    public void Tcp_OnlySynOpens(byte flags)
    {
        var c = new XdpCase(false, XdpCase.Tcp);
        c.AddService(_h, ServiceMode.Snat, 1);
        Outcome o = _h.Run((c.Packet with { TcpFlags = flags }).Seal());
        Assert.Equal((XdpHarness.Drop, DropReason.CtInvalid), (o.Action, o.Reason));
        Assert.Empty(_h.Nat.ToList());
        Assert.Empty(_h.NatOpen.ToList());
    }

    [PrivilegedFact]
    public void KnownFlow_StaysWithItsBackend_NewOnesGoByTheTable()
    {
        var c = new XdpCase(false, XdpCase.Tcp);
        uint id = c.AddService(_h, ServiceMode.Snat, 1);
        _h.AddBackend(2, c.Backend(2), XdpCase.BackendPort, c.Own);
        _h.Run(c.Packet.Seal());
        _h.SetSlot(id - 1, 2);

        Assert.Equal(c.Backend(1), Target(_h.Run((c.Packet with { TcpFlags = XdpCase.Ack }).Seal())));
        Assert.Equal(c.Backend(2), Target(_h.Run(c.Packet.Seal())));
        Assert.Equal(c.Backend(2), Target(_h.Run((c.Packet with { TcpFlags = XdpCase.Ack }).Seal())));
        _h.RemoveBackend(2);
        _h.SetSlot(id - 1, 1);
        Assert.Equal(DropReason.NoBackend, _h.Run((c.Packet with { TcpFlags = XdpCase.Ack }).Seal()).Reason);
    }

    [PrivilegedFact]
    public void Client_WithAnotherMac_IsAnsweredThere()
    {
        var c = new XdpCase(true, XdpCase.Udp);
        c.AddService(_h, ServiceMode.Snat, 1);
        _h.Run(c.Packet.Seal());
        byte[] moved = [2, 9, 9, 9, 9, 9];
        _h.Run((c.Packet with { SourceMac = moved }).Seal());

        Outcome o = _h.Run(ReplyTo(c, PortOf(c)).Seal());

        Assert.Equal(moved, o.Frame[..6]);
    }

    [PrivilegedFact]
    public void Reply_OfNobody_Passes()
    {
        var c = new XdpCase(false, XdpCase.Tcp);
        c.AddService(_h, ServiceMode.Snat, 1);
        _h.Run(c.Packet.Seal());
        ushort port = PortOf(c);
        foreach (Frame frame in new[]
        {
            ReplyTo(c, (ushort)(port == 65535 ? 65534 : port + 1)),
            ReplyTo(c, port) with { SourcePort = 1 },
            ReplyTo(c, port) with { Source = c.Backend(2) },
            ReplyTo(c, port) with { Protocol = 17 },
        })
        {
            byte[] bytes = frame.Seal();
            Outcome o = _h.Run(bytes);
            Assert.Equal((XdpHarness.Pass, DropReason.None), (o.Action, o.Reason));
            Assert.Equal(bytes, o.Frame);
        }
    }

    [PrivilegedFact]
    public void Hint_WhoseEntryIsGone_IsVoid()
    {
        var c = new XdpCase(false, XdpCase.Tcp);
        c.AddService(_h, ServiceMode.Snat, 1);
        _h.Run(c.Packet.Seal());
        BpfMap<NatKey, NatEntry> nat = _h.NatOpen;
        nat.Remove(nat.ToList().Single().Key);

        Assert.Equal(DropReason.CtInvalid, _h.Run((c.Packet with { TcpFlags = XdpCase.Ack }).Seal()).Reason);
        Assert.Equal(XdpHarness.Transmit, _h.Run(c.Packet.Seal()).Action);
        Assert.Equal(XdpHarness.Transmit, _h.Run((c.Packet with { TcpFlags = XdpCase.Ack }).Seal()).Action);
    }

    [PrivilegedTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void Ports_AllTaken_OnlyEndedFlowsGiveTheirs(bool ended)
    {
        var c = new XdpCase(false, XdpCase.Tcp);
        using var h = new XdpHarness(natEntries: 32768);
        c.AddService(h, ServiceMode.Snat, 1);
        TakePorts(h, c, ended);

        Outcome o = h.Run(c.Packet.Seal());

        Assert.Equal(ended ? DropReason.None : DropReason.NatNoPort, o.Reason);
        Assert.Equal(ended ? XdpHarness.Transmit : XdpHarness.Drop, o.Action);
    }

    [PrivilegedTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void Syn_SentAgain_IsOfTheSameFlow_AndAnotherIsNot(bool v6)
    {
        var c = new XdpCase(v6, XdpCase.Tcp);
        using var h = new XdpHarness(natEntries: 32768);
        c.AddService(h, ServiceMode.Snat, 1);
        int l4 = v6 ? 54 : 34;
        byte[] sent = h.Run(c.Packet.Seal()).Frame;

        Assert.Equal(sent, h.Run(c.Packet.Seal()).Frame);
        Assert.Single(h.NatOpen.ToList());

        Frame other = c.Packet with { Sequence = c.Packet.Sequence + 7 };
        byte[] otherSent = h.Run(other.Seal()).Frame;
        Assert.NotEqual(sent[l4..(l4 + 2)], otherSent[l4..(l4 + 2)]);
        Assert.Equal(2, h.NatOpen.ToList().Count);

        // Where no port is left, those that have one go on.
        TakePorts(h, c, ended: false);
        Assert.Equal(otherSent, h.Run(other.Seal()).Frame);
        Assert.Equal(DropReason.NatNoPort, h.Run(c.Packet.Seal()).Reason);
    }

    [PrivilegedFact]
    public void ManyFlows_HaveAPortEach()
    {
        var c = new XdpCase(false, XdpCase.Udp);
        c.AddService(_h, ServiceMode.Snat, 1);
        HashSet<ushort> ports = [];
        for (ushort i = 0; i < 500; i++)
        {
            Outcome o = _h.Run((c.Packet with { SourcePort = (ushort)(2000 + i) }).Seal());
            Assert.True(ports.Add((ushort)(o.Frame[34] << 8 | o.Frame[35])));
        }

        Assert.All(ports, p => Assert.InRange(p, (int)NatPorts.FirstPort, (int)NatPorts.LastPort));
    }

    /// <summary>Fills the ports with flows of others, ended long ago or alive.</summary>
    private static void TakePorts(XdpHarness h, XdpCase c, bool ended)
    {
        BpfMap<NatKey, NatEntry> nat = h.Nat;
        var key = new NatKey
        {
            Src = XdpHarness.Address(c.Backend(1)), Dst = XdpHarness.Address(c.Own), Sport = XdpCase.BackendPort,
            Protocol = XdpCase.Tcp, Direction = NatDirection.Reverse,
        };
        ulong now = (ulong)(Environment.TickCount64 * 1_000_000);
        for (int port = (int)NatPorts.FirstPort; port <= (int)NatPorts.LastPort; port++)
        {
            key.Dport = (ushort)port;
            nat.Set(key, new NatEntry
            {
                Addr = XdpHarness.Address("203.0.113.99"), FrontendId = 1, LastNs = ended ? 0 : now,
                Flags = (ushort)(ended ? NatFlag.ClientRst : 0),
            });
        }
    }

    private static Frame ReplyTo(XdpCase c, ushort port) => new()
    {
        Source = c.Backend(1),
        Destination = c.Own,
        SourcePort = XdpCase.BackendPort,
        DestinationPort = port,
        Protocol = c.Protocol,
        TcpFlags = 0x12,
    };

    private static string Target(Outcome o) => new System.Net.IPAddress(o.Frame.AsSpan(30, 4)).ToString();

    private ushort PortOf(XdpCase c) =>
        _h.Nat.ToList().Concat(_h.NatOpen.ToList()).Concat(_h.NatUdp.ToList()).Single(e => e.Key.Direction == NatDirection.Reverse && e.Value.Addr == XdpHarness.Address(c.Client)).Key.Dport;
}
