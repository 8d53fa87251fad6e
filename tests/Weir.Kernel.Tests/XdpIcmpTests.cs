// SPDX-License-Identifier: Apache-2.0
using Weir.Datapath.Abi;
using Weir.Testing;
using Xunit;

namespace Weir.Kernel.Tests;

/// <summary>ICMP errors about services' packets reach whom they concern.</summary>
public sealed class XdpIcmpTests : IDisposable
{
    private readonly XdpHarness _h = new();

    public static TheoryData<bool, byte> Families => XdpForwardTests.Families;

    public void Dispose() => _h.Dispose();

    [PrivilegedTheory]
    [MemberData(nameof(Families))]
    public void Dsr_ErrorGoesToTheFlowsBackend(bool v6, byte protocol)
    {
        var c = new XdpCase(v6, protocol);
        c.AddService(_h, ServiceMode.Dsr, 1, 2, 3, 4);
        for (ushort port = 1000; port < 1016; port++)
        {
            Frame packet = c.Packet with { SourcePort = port };
            byte[] sent = _h.Run(packet.Seal()).Frame;
            byte[] error = Error(c, packet.Reply().Seal()[14..], c.Frontend).Seal();

            Outcome o = _h.Run(error);

            Assert.Equal(XdpHarness.Transmit, o.Action);
            int target = 14 + (v6 ? 24 : 16);
            Assert.Equal(sent[target..(target + (v6 ? 16 : 4))], o.Frame[target..(target + (v6 ? 16 : 4))]);
            byte[] inner = Checksums.WithTtl(error, (byte)(v6 ? 254 : 63))[14..];
            Assert.Equal(inner, o.Frame[^inner.Length..]);
        }
    }

    [PrivilegedTheory]
    [MemberData(nameof(Families))]
    public void BackendOfAnotherNode_ItsNodeGetsTheError(bool v6, byte protocol)
    {
        var c = new XdpCase(v6, protocol);
        c.AddService(_h, ServiceMode.Snat, 1);
        _h.AddBackend(1, c.Backend(1), XdpCase.BackendPort, c.Own, flags: BackendFlag.Present | BackendFlag.Node, outer: c.Backend(9));
        byte[] sent = _h.Run(c.Packet.Seal()).Frame;
        byte[] error = Error(c, c.Packet.Reply().Seal()[14..], c.Frontend).Seal();

        Outcome o = _h.Run(error);

        Assert.Equal((XdpHarness.Transmit, DropReason.None), (o.Action, o.Reason));
        int outer = 14 + (v6 ? 8 : 12); // both its addresses
        Assert.Equal(sent[outer..(14 + (v6 ? 40 : 20))], o.Frame[outer..(14 + (v6 ? 40 : 20))]);
        byte[] inner = Checksums.WithTtl(error, (byte)(v6 ? 254 : 63))[14..];
        Assert.Equal(inner, o.Frame[^inner.Length..]);
    }

    [PrivilegedTheory]
    [MemberData(nameof(Families))]
    public void Local_ErrorPasses(bool v6, byte protocol)
    {
        var c = new XdpCase(v6, protocol);
        foreach (ServiceMode mode in Enum.GetValues<ServiceMode>())
        {
            c.AddService(_h, mode, 1);
            _h.AddBackend(1, c.Backend(1), XdpCase.BackendPort, c.Own, flags: BackendFlag.Present | BackendFlag.Local);
            Untouched(Error(c, c.Packet.Reply().Seal()[14..], c.Frontend).Seal());
        }
    }

    [PrivilegedTheory]
    [MemberData(nameof(Families))]
    public void Snat_ErrorFromTheClientsSide_IsTheBackends(bool v6, byte protocol)
    {
        var c = new XdpCase(v6, protocol);
        c.AddService(_h, ServiceMode.Snat, 1);
        _h.Run(c.Packet.Seal());
        Frame atBackend = Forwarded(c);
        foreach (int length in Lengths(v6, protocol))
        {
            byte[] quote = c.Packet.Reply().Seal()[14..][..length];
            byte[] expected = atBackend.Reply().Seal()[14..][..length];

            Outcome o = _h.Run(Error(c, quote, c.Frontend).Seal());

            Assert.Equal((XdpHarness.Transmit, DropReason.None), (o.Action, o.Reason));
            Assert.Null(Checksums.Problem(o.Frame));
            Assert.Equal(c.Sent(Error(c, expected, c.Backend(1)) with { Source = c.Own }), o.Frame);
        }
    }

    [PrivilegedTheory]
    [MemberData(nameof(Families))]
    public void Snat_ErrorFromTheBackendsSide_IsTheClients(bool v6, byte protocol)
    {
        var c = new XdpCase(v6, protocol);
        c.AddService(_h, ServiceMode.Snat, 1);
        _h.Run(c.Packet.Seal());
        Frame atBackend = Forwarded(c);
        foreach (int length in Lengths(v6, protocol))
        {
            byte[] quote = atBackend.Seal()[14..][..length];
            byte[] expected = c.Packet.Seal()[14..][..length];

            Outcome o = _h.Run(Error(c, quote, c.Own).Seal());

            Assert.Equal((XdpHarness.Transmit, DropReason.None), (o.Action, o.Reason));
            Assert.Null(Checksums.Problem(o.Frame));
            Assert.Equal(c.Sent(Error(c, expected, c.Client) with { Source = c.Frontend }, Frame.ContainerMac, Frame.GatewayMac), o.Frame);
        }
    }

    [PrivilegedTheory]
    [MemberData(nameof(Families))]
    public void Error_OfNoServicesFlow_PassesUntouched(bool v6, byte protocol)
    {
        var c = new XdpCase(v6, protocol);
        c.AddService(_h, ServiceMode.Snat, 1);
        _h.Run(c.Packet.Seal());
        byte[] quote = c.Packet.Reply().Seal()[14..];
        // Not for the one who sent what is quoted; another port; another flow; echo; cut before the ports.
        Untouched(Error(c, quote, c.Router).Seal());
        Untouched(Error(c, (c.Packet with { DestinationPort = 81 }).Reply().Seal()[14..], c.Frontend).Seal());
        Untouched(Error(c, (c.Packet with { SourcePort = 9 }).Reply().Seal()[14..], c.Frontend).Seal());
        Untouched((Error(c, quote, c.Frontend) with { IcmpType = v6 ? (byte)128 : (byte)8 }).Seal());
        Untouched(Error(c, quote[..(v6 ? 47 : 27)], c.Frontend).Seal());
    }

    [PrivilegedTheory]
    [MemberData(nameof(Families))]
    public void Error_ThatCannotBeTrue_IsDropped(bool v6, byte protocol)
    {
        var c = new XdpCase(v6, protocol);
        _h.AddLocal(c.Backend(9));
        _h.AddHostAddress(c.Own);
        foreach (ServiceMode mode in Enum.GetValues<ServiceMode>())
        {
            c.AddService(_h, mode, 1);
            _h.Run(c.Packet.Seal());
            byte[] quote = c.Packet.Reply().Seal()[14..];
            Frame error = Error(c, quote, c.Frontend);
            Assert.Equal(XdpHarness.Transmit, _h.Run(error.Seal()).Action);
            // From the host itself, one of its containers, nobody in particular, the one it is for; with freight.
            string[] forged = [c.Own, c.Backend(9), v6 ? "ff02::1" : "224.0.0.1", v6 ? "::" : "0.0.0.0", c.Frontend];
            Assert.All(forged, source => Refused((error with { Source = source }).Seal()));
            int most = v6 ? 1280 - 48 : 576 - 28;
            Assert.Equal(XdpHarness.Transmit, _h.Run(Error(c, [.. quote, .. new byte[most - quote.Length]], c.Frontend).Seal()).Action);
            Refused(Error(c, [.. quote, .. new byte[most + 1 - quote.Length]], c.Frontend).Seal());
        }
    }

    [PrivilegedTheory]
    [MemberData(nameof(Families))]
    public void Snat_ErrorAboutAFlowThatIsOver_IsNotBelieved(bool v6, byte protocol)
    {
        var c = new XdpCase(v6, protocol);
        c.AddService(_h, ServiceMode.Snat, 1);
        _h.Run(c.Packet.Seal());
        byte[] atFrontend = Error(c, c.Packet.Reply().Seal()[14..], c.Frontend).Seal();
        byte[] atOwn = Error(c, Forwarded(c).Seal()[14..], c.Own).Seal();
        foreach (var nat in new[] { _h.NatOpen, _h.NatUdp })
        {
            foreach ((NatKey key, NatEntry entry) in nat.ToList().Where(e => e.Key.Direction == NatDirection.Reverse))
            {
                nat.Set(key, entry with { LastNs = entry.LastNs - 181_000_000_000, Port = 1 });
            }
        }

        Refused(atFrontend);
        Untouched(atOwn);
    }

    [PrivilegedFact]
    public void Snat_ErrorAboutASynNotSent_IsNobodys()
    {
        var c = new XdpCase(false, XdpCase.Tcp);
        c.AddService(_h, ServiceMode.Snat, 1);
        _h.Run((c.Packet with { Sequence = 1_000_000 }).Seal());
        Frame atBackend = Forwarded(c);
        Assert.Equal(XdpHarness.Transmit, _h.Run(Error(c, (atBackend with { Sequence = 1_000_000 }).Seal()[14..], c.Own).Seal()).Action);
        Untouched(Error(c, (atBackend with { Sequence = 999_999 }).Seal()[14..], c.Own).Seal());
    }

    [PrivilegedFact]
    public void Errors_AreSentOnSoManyASecond()
    {
        var c = new XdpCase(false, XdpCase.Udp);
        c.AddService(_h, ServiceMode.Dsr, 1);
        byte[] error = Error(c, c.Packet.Reply().Seal()[14..], c.Frontend).Seal();
        byte[] output = new byte[error.Length + 128];
        // Test runs may meet two CPUs, and the end of a second.
        int sent = Enumerable.Range(0, 10_000).Count(_ => _h.RunFast(error, output) == XdpHarness.Transmit);
        Assert.InRange(sent, 1000, 6000);
    }

    private static int[] Lengths(bool v6, byte protocol)
    {
        int head = v6 ? 40 : 20;
        return protocol == 6 ? [head + 8, head + 19, head + 20, head + 25] : [head + 8, head + 13];
    }

    /// <summary>"Fragmentation needed" or "packet too big", from a router.</summary>
    private static Frame Error(XdpCase c, byte[] quote, string to) => new()
    {
        Source = c.Router,
        Destination = to,
        Protocol = c.V6 ? (byte)58 : (byte)1,
        IcmpType = c.V6 ? (byte)2 : (byte)3,
        IcmpCode = c.V6 ? (byte)0 : (byte)4,
        SourcePort = 0,
        Payload = quote,
    };

    private Frame Forwarded(XdpCase c)
    {
        ushort port = _h.NatOpen.ToList().Concat(_h.NatUdp.ToList()).Single(e => e.Key.Direction == NatDirection.Reverse).Key.Dport;
        return c.Packet with { Source = c.Own, Destination = c.Backend(1), SourcePort = port, DestinationPort = XdpCase.BackendPort };
    }

    private void Refused(byte[] frame)
    {
        Outcome o = _h.Run(frame);
        Assert.Equal((XdpHarness.Drop, DropReason.IcmpUnrelated), (o.Action, o.Reason));
    }

    private void Untouched(byte[] frame)
    {
        Outcome o = _h.Run(frame);
        Assert.Equal((XdpHarness.Pass, DropReason.None), (o.Action, o.Reason));
        Assert.Equal(frame, o.Frame);
    }
}
