// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using Weir.Datapath.Abi;
using Weir.Linux.Netlink;
using Weir.Testing;
using Xunit;

namespace Weir.Kernel.Tests;

/// <summary>Packets that do not fit the link to their backend once they are encapsulated.</summary>
public sealed class XdpTooBigTests : IDisposable
{
    private const int Mtu = 1500;
    private readonly XdpHarness _h = new();
    private readonly TestNamespace _namespace = new();

    public void Dispose()
    {
        _h.Dispose();
        _namespace.Dispose();
    }

    [PrivilegedTheory]
    [InlineData(false, 6)]
    [InlineData(false, 17)]
    [InlineData(true, 6)]
    [InlineData(true, 17)]
    public void Dsr_TooBig_TheClientIsTold(bool v6, byte protocol) => _namespace.Run(() =>
    {
        var c = new XdpCase(v6, protocol);
        int device = MakeDevice();
        uint id = c.AddService(_h, ServiceMode.Dsr, 1);
        _h.AddBackend(1, c.Backend(1), XdpCase.BackendPort, c.Own, (uint)device);
        int more = v6 ? 40 : 20;
        int head = (v6 ? 40 : 20) + (protocol == 6 ? 20 : 8);
        Frame fits = c.Packet with { Payload = new byte[Mtu - more - head], Fragment = v6 ? null : (ushort)0x4000 };
        Frame big = fits with { Payload = new byte[Mtu - more - head + 1] };

        Assert.Equal(XdpHarness.Redirect, _h.Run(fits.Seal()).Action);
        byte[] frame = big.Seal();
        Outcome o = _h.Run(frame);

        Assert.Equal((XdpHarness.Transmit, DropReason.TooBig), (o.Action, o.Reason));
        Assert.Null(Checksums.Problem(o.Frame));
        Assert.Equal([.. Frame.ContainerMac, .. Frame.GatewayMac, .. frame[12..14]], o.Frame[..14]);
        int icmp = 14 + (v6 ? 40 : 20);
        Assert.Equal(v6 ? [2, 0] : new byte[] { 3, 4 }, o.Frame[icmp..(icmp + 2)]);
        Assert.Equal((uint)(Mtu - more), v6
            ? BinaryPrimitives.ReadUInt32BigEndian(o.Frame.AsSpan(icmp + 4))
            : BinaryPrimitives.ReadUInt16BigEndian(o.Frame.AsSpan(icmp + 6)));
        int size = v6 ? 16 : 4;
        int addresses = 14 + (v6 ? 8 : 12);
        Assert.Equal(XdpHarness.Address(c.Frontend), XdpHarness.Address(new System.Net.IPAddress(o.Frame.AsSpan(addresses, size)).ToString()));
        Assert.Equal(XdpHarness.Address(c.Client), XdpHarness.Address(new System.Net.IPAddress(o.Frame.AsSpan(addresses + size, size)).ToString()));
        byte[] quote = o.Frame[(icmp + 8)..];
        Assert.Equal(frame[14..(14 + quote.Length)], quote);
        Assert.Equal(DropReason.TooBig, Assert.Single(_h.TakeEvents()).DropReason);
        Assert.Equal(2UL, _h.Stats(id).Packets);
    });

    [PrivilegedFact]
    public void Dsr_TooBig_FromNobodyInParticular_IsDropped() => _namespace.Run(() =>
    {
        var c = new XdpCase(false, XdpCase.Udp);
        c.AddService(_h, ServiceMode.Dsr, 1);
        _h.AddBackend(1, c.Backend(1), XdpCase.BackendPort, c.Own, (uint)MakeDevice());
        foreach (string source in new[] { "0.0.0.0", "224.0.0.1", "255.255.255.255", "127.0.0.1" })
        {
            Outcome o = _h.Run((c.Packet with { Source = source, Payload = new byte[1470] }).Seal());
            Assert.Equal((XdpHarness.Drop, DropReason.TooBig), (o.Action, o.Reason));
        }
    });

    private static int MakeDevice()
    {
        using var links = new RtnetlinkSocket();
        return links.CreateVeth("weirtb0", "weirtb1", [2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2], Mtu);
    }
}
