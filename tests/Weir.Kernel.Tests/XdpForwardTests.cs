// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Net;
using Weir.Datapath.Abi;
using Weir.Testing;
using Xunit;

namespace Weir.Kernel.Tests;

/// <summary>Where a client's packets go, and every byte of them.</summary>
public sealed class XdpForwardTests : IDisposable
{
    private readonly XdpHarness _h = new();

    public static TheoryData<bool, byte> Families => new() { { false, 6 }, { false, 17 }, { true, 6 }, { true, 17 } };

    public void Dispose() => _h.Dispose();

    [PrivilegedTheory]
    [MemberData(nameof(Families))]
    public void Dsr_Known_IsEncapsulated(bool v6, byte protocol)
    {
        var c = new XdpCase(v6, protocol);
        uint id = c.AddService(_h, ServiceMode.Dsr, 1);
        Frame packet = c.Packet with { TcpFlags = XdpCase.Ack };

        foreach (byte[] frame in Shapes(packet))
        {
            Outcome o = _h.Run(frame);
            Assert.Equal((XdpHarness.Transmit, DropReason.None), (o.Action, o.Reason));
            Assert.Equal(Encapsulated(c, frame, 1), o.Frame);
            Assert.Null(Checksums.Problem(o.Frame));
        }

        Assert.Equal((ulong)Shapes(packet).Count, _h.Stats(id).Packets);
    }

    [PrivilegedTheory]
    [MemberData(nameof(Families))]
    public void BackendOfAnotherNode_ItsNodeGetsThePacketInAnother_WhateverTheMode(bool v6, byte protocol)
    {
        var c = new XdpCase(v6, protocol);
        foreach (ServiceMode mode in Enum.GetValues<ServiceMode>())
        {
            c.AddService(_h, mode, 1);
            _h.AddBackend(1, c.Backend(1), XdpCase.BackendPort, c.Own, flags: BackendFlag.Present | BackendFlag.Node, outer: c.Backend(9));
            foreach (byte[] frame in Shapes(c.Packet with { TcpFlags = XdpCase.Ack }))
            {
                Outcome o = _h.Run(frame);
                Assert.Equal((XdpHarness.Transmit, DropReason.None), (o.Action, o.Reason));
                Assert.Equal(Encapsulated(c, frame, 9), o.Frame);
            }
        }
    }

    [PrivilegedTheory]
    [MemberData(nameof(Families))]
    public void DsrL2_Known_GetsOnlyOtherMacs(bool v6, byte protocol)
    {
        var c = new XdpCase(v6, protocol);
        c.AddService(_h, ServiceMode.DsrL2, 1);

        foreach (byte[] frame in Shapes(c.Packet with { TcpFlags = XdpCase.Ack }))
        {
            Outcome o = _h.Run(frame);
            Assert.Equal((XdpHarness.Transmit, DropReason.None), (o.Action, o.Reason));
            byte[] expected = Checksums.WithTtl(frame, (byte)(v6 ? 254 : 63));
            XdpHarness.NextHopMac.CopyTo(expected, 0);
            XdpHarness.DeviceMac.CopyTo(expected, 6);
            Assert.Equal(expected, o.Frame);
        }
    }

    [PrivilegedTheory]
    [MemberData(nameof(Families))]
    public void OtherDevice_IsRedirected_TaggedOnesPass(bool v6, byte protocol)
    {
        var c = new XdpCase(v6, protocol);
        c.AddService(_h, ServiceMode.Dsr, 1);
        _h.AddBackend(1, c.Backend(1), XdpCase.BackendPort, c.Own, ifindex: 77);

        Assert.Equal(XdpHarness.Redirect, _h.Run(c.Packet.Seal()).Action);
        Untouched((c.Packet with { Vlan = 5 }).Seal());
    }

    [PrivilegedTheory]
    [MemberData(nameof(Families))]
    public void Local_PassesAndIsCountedOnce(bool v6, byte protocol)
    {
        var c = new XdpCase(v6, protocol);
        uint id = c.AddService(_h, ServiceMode.Snat, 1);
        _h.AddBackend(1, c.Backend(1), XdpCase.BackendPort, c.Own, flags: BackendFlag.Present | BackendFlag.Local);
        byte[] frame = c.Packet.Seal();

        Untouched(frame);

        Assert.Equal((1UL, (ulong)frame.Length), _h.Stats(id));
    }

    [PrivilegedTheory]
    [MemberData(nameof(Families))]
    public void LastHop_Passes(bool v6, byte protocol)
    {
        var c = new XdpCase(v6, protocol);
        foreach (ServiceMode mode in Enum.GetValues<ServiceMode>())
        {
            c.AddService(_h, mode, 1);
            Untouched(Checksums.WithTtl(c.Packet.Seal(), 1));
            Untouched(Checksums.WithTtl(c.Packet.Seal(), 0));
        }
    }

    [PrivilegedTheory]
    [MemberData(nameof(Families))]
    public void NoBackend_NoNextHop_AreDroppedWithAnEvent(bool v6, byte protocol)
    {
        var c = new XdpCase(v6, protocol);
        foreach (ServiceMode mode in Enum.GetValues<ServiceMode>())
        {
            uint id = c.AddService(_h, mode, 1);
            _h.AddBackend(1, c.Backend(1), XdpCase.BackendPort, c.Own, mac: new byte[6]);
            Dropped(DropReason.NoNextHop, id);
            _h.RemoveBackend(1);
            Dropped(DropReason.NoBackend, id);
            _h.SetSlot(id - 1, 0);
            Dropped(DropReason.NoBackend, id);
        }

        void Dropped(DropReason reason, uint id)
        {
            Outcome o = _h.Run(c.Packet.Seal());
            Assert.Equal((XdpHarness.Drop, reason), (o.Action, o.Reason));
            Event e = Assert.Single(_h.TakeEvents());
            Assert.Equal((EventType.Drop, reason, Direction.Device, id), (e.Type, e.DropReason, e.Direction, e.FrontendId));
            Assert.Equal((c.Client, c.Frontend), (e.Src.ToString(), e.Dst.ToString()));
        }
    }

    [PrivilegedTheory]
    [MemberData(nameof(Families))]
    public void NotAService_PassesUntouched(bool v6, byte protocol)
    {
        var c = new XdpCase(v6, protocol);
        uint id = c.AddService(_h, ServiceMode.Dsr, 1);
        Untouched((c.Packet with { DestinationPort = 81 }).Seal());
        Untouched((c.Packet with { DestinationPort = 61234 }).Seal());
        Untouched((c.Packet with { Destination = c.Router }).Seal());
        Untouched((c.Packet with { Protocol = protocol == 6 ? (byte)17 : (byte)6 }).Seal());
        Untouched((c.Packet with { Protocol = 132 }).Seal());
        Untouched((c.Packet with { Protocol = v6 ? (byte)58 : (byte)1, IcmpType = v6 ? (byte)128 : (byte)8 }).Seal());
        Untouched((c.Packet with { DestinationMac = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] }).Seal());
        Untouched((c.Packet with { DestinationMac = [0x01, 0, 0x5e, 0, 0, 1] }).Seal());
        Untouched((c.Packet with { EtherType = 0x0806 }).ToBytes());
        Assert.Equal(0UL, _h.Stats(id).Packets);
    }

    [PrivilegedFact]
    public void HostOnly_IsNoServiceOfDevices()
    {
        var c = new XdpCase(false, XdpCase.Tcp);
        _h.AddBackend(1, c.Backend(1), XdpCase.BackendPort, c.Own);
        uint id = _h.AddService(c.Frontend, XdpCase.FrontendPort, XdpCase.Tcp, ServiceMode.Dsr, [1], flags: ServiceFlag.HostOnly);
        Untouched(c.Packet.Seal());
        Assert.Equal(0UL, _h.Stats(id).Packets);
    }

    [PrivilegedFact]
    public void NoServices_NothingIsLookedAt()
    {
        var c = new XdpCase(false, XdpCase.Tcp);
        c.AddService(_h, ServiceMode.Dsr, 1);
        _h.SetSettings(0, 0);
        Untouched(c.Packet.Seal());
    }

    [PrivilegedFact]
    public void Trace_ForwardedPacket_IsReported()
    {
        var c = new XdpCase(false, XdpCase.Tcp);
        uint id = c.AddService(_h, ServiceMode.Dsr, 1);
        _h.SetSettings(SettingsFlag.Trace);
        _h.Run(c.Packet.Seal());
        Event e = Assert.Single(_h.TakeEvents());
        Assert.Equal((EventType.Trace, Verdict.Allow, id), (e.Type, e.Verdict, e.FrontendId));
    }

    [PrivilegedTheory]
    [InlineData(false, ServiceMode.Dsr)]
    [InlineData(false, ServiceMode.DsrL2)]
    [InlineData(false, ServiceMode.Snat)]
    [InlineData(true, ServiceMode.Dsr)]
    [InlineData(true, ServiceMode.DsrL2)]
    [InlineData(true, ServiceMode.Snat)]
    public void Fragments_FollowTheFirst(bool v6, ServiceMode mode)
    {
        var c = new XdpCase(v6, XdpCase.Udp);
        c.AddService(_h, mode, 1, 2);
        byte[] whole = (c.Packet with { Payload = [.. Enumerable.Range(0, 56).Select(i => (byte)i)] }).Seal();
        byte[] l4 = whole[(v6 ? 54 : 34)..];
        ushort more = v6 ? (ushort)1 : (ushort)0x2000;
        ushort second = v6 ? (ushort)32 : (ushort)4;
        byte[] first = (c.Packet with { Fragment = more, RawL4 = l4[..32] }).ToBytes();
        byte[] last = (c.Packet with { Fragment = second, RawL4 = l4[32..] }).ToBytes();

        Untouched(last);
        Outcome a = _h.Run(first);
        Outcome b = _h.Run(last);

        Assert.Equal((XdpHarness.Transmit, XdpHarness.Transmit), (a.Action, b.Action));
        int head = mode == ServiceMode.Dsr ? (v6 ? 40 : 20) : 0;
        int addresses = 14 + (v6 ? 8 : 12);
        Assert.Equal(a.Frame[addresses..(addresses + (v6 ? 32 : 8))], b.Frame[addresses..(addresses + (v6 ? 32 : 8))]);
        Assert.Null(Checksums.Problem(a.Frame));
        Assert.Null(Checksums.Problem(b.Frame));
        int payload = 14 + head + (v6 ? 48 : 20);
        Assert.Equal(l4[32..], b.Frame[payload..]);

        // Put together again, the datagram's checksum is right.
        var joined = new Frame
        {
            Source = new IPAddress(a.Frame.AsSpan(addresses + (head > 0 ? head : 0), v6 ? 16 : 4)).ToString(),
            Destination = new IPAddress(a.Frame.AsSpan(addresses + (v6 ? 16 : 4) + (head > 0 ? head : 0), v6 ? 16 : 4)).ToString(),
            Protocol = 17,
            RawL4 = [.. a.Frame[payload..], .. b.Frame[payload..]],
        };
        Assert.Null(Checksums.Problem(joined.ToBytes()));
    }

    /// <summary>The frame plain, with tags, with options or extension headers, and padded.</summary>
    internal static List<byte[]> Shapes(Frame packet)
    {
        bool v6 = packet.Source.Contains(':', StringComparison.Ordinal);
        byte[] plain = packet.Seal();
        byte[] tagged = (packet with { Vlan = 5 }).Seal();
        List<byte[]> shapes =
        [
            plain,
            tagged,
            [.. tagged[..12], 0x88, 0xa8, 0, 7, .. tagged[12..]],
            [.. plain, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        ];
        if (v6)
        {
            shapes.AddRange(new byte[] { 0, 60 }.Select(e => (packet with { ExtensionHeader = e }).Seal()));
            shapes.Add((packet with { ExtensionHeader = 43 }).Seal());
        }
        else
        {
            shapes.Add((packet with { Options = [1, 1, 1, 1] }).Seal());
            shapes.Add((packet with { Options = [.. Enumerable.Repeat((byte)1, 40)], Vlan = 9 }).Seal());
        }

        return shapes;
    }

    internal static byte[] Encapsulated(XdpCase c, byte[] frame, uint backend)
    {
        int link = Checksums.LinkLength(frame);
        byte[] inner = Checksums.WithTtl(frame, (byte)(c.V6 ? 254 : 63))[link..];
        byte[] source = IPAddress.Parse(c.Own).GetAddressBytes();
        byte[] target = IPAddress.Parse(c.Backend(backend)).GetAddressBytes();
        int length = c.V6 ? 40 + BinaryPrimitives.ReadUInt16BigEndian(inner.AsSpan(4)) : BinaryPrimitives.ReadUInt16BigEndian(inner.AsSpan(2));
        byte[] outer = c.V6
            ? [0x60, 0, 0, 0, (byte)(length >> 8), (byte)length, 41, 64, .. source, .. target]
            : [0x45, 0, (byte)((length + 20) >> 8), (byte)(length + 20), 0, 0, 0x40, 0, 64, 4, 0, 0, .. source, .. target];
        if (!c.V6)
        {
            BinaryPrimitives.WriteUInt16BigEndian(outer.AsSpan(10), Frame.Checksum(outer));
        }

        return [.. XdpHarness.NextHopMac, .. XdpHarness.DeviceMac, .. frame[12..link], .. outer, .. inner];
    }

    private void Untouched(byte[] frame)
    {
        Outcome o = _h.Run(frame);
        Assert.Equal((XdpHarness.Pass, DropReason.None), (o.Action, o.Reason));
        Assert.Equal(frame, o.Frame);
    }
}
