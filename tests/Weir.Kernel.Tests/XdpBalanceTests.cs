// SPDX-License-Identifier: Apache-2.0
using Weir.Datapath.Abi;
using Weir.Linux;
using Weir.Testing;
using Xunit;

namespace Weir.Kernel.Tests;

/// <summary>Which backend a flow has while its slot changes, and with affinity.</summary>
public sealed class XdpBalanceTests : IDisposable
{
    private const ulong Second = 1_000_000_000;
    private readonly XdpHarness _h = new();

    public void Dispose() => _h.Dispose();

    [PrivilegedTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void MovedSlot_Tcp_NewFlowsGoToTheNewOne_OthersToThePrevious(bool v6)
    {
        var c = new XdpCase(v6, XdpCase.Tcp);
        uint id = c.AddService(_h, ServiceMode.Dsr, 1);
        _h.AddBackend(2, c.Backend(2), XdpCase.BackendPort, c.Own);
        _h.SetChange(id, Clock.MonotonicNs());
        _h.SetSlot(id - 1, 2, previous: 1);

        Frame old = c.Packet with { SourcePort = 1, TcpFlags = XdpCase.Ack };
        Frame opened = c.Packet with { SourcePort = 2 };
        Goes(c, 1, old);
        Goes(c, 2, opened);
        Goes(c, 2, opened with { TcpFlags = XdpCase.Ack });
        Goes(c, 1, old);
        // The change ends: whoever is left goes by the table.
        _h.SetSlot(id - 1, 2);
        Goes(c, 2, old);
    }

    [PrivilegedTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void MovedSlot_Udp_SeenSoonIsOld_SeenLateIsNew(bool v6)
    {
        var c = new XdpCase(v6, XdpCase.Udp);
        uint id = c.AddService(_h, ServiceMode.Dsr, 1);
        _h.AddBackend(2, c.Backend(2), XdpCase.BackendPort, c.Own);
        _h.SetSlot(id - 1, 2, previous: 1);
        _h.SetChange(id, Clock.MonotonicNs());
        Goes(c, 1, c.Packet with { SourcePort = 1 });

        _h.SetChange(id, Clock.MonotonicNs() - (60 * Second));
        Goes(c, 1, c.Packet with { SourcePort = 1 });
        Goes(c, 2, c.Packet with { SourcePort = 2 });
    }

    [PrivilegedTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void Affinity_OneClient_OneBackend(bool v6)
    {
        var c = new XdpCase(v6, XdpCase.Tcp);
        for (uint i = 1; i <= 4; i++)
        {
            _h.AddBackend(i, c.Backend(i), XdpCase.BackendPort, c.Own);
        }

        uint id = _h.AddService(c.Frontend, XdpCase.FrontendPort, XdpCase.Tcp, ServiceMode.Dsr, [1, 2, 3, 4], affinitySeconds: 600);
        string first = TargetOf(c, c.Packet);
        for (ushort port = 1; port < 40; port++)
        {
            Assert.Equal(first, TargetOf(c, c.Packet with { SourcePort = port }));
        }

        // A change of the table does not move the client; its backend's end does.
        uint had = Enumerable.Range(1, 4).Select(i => (uint)i).Single(i => c.Backend(i) == first);
        uint other = had == 1 ? 2u : 1u;
        for (uint slot = 0; slot < 4; slot++)
        {
            _h.SetSlot(slot, other);
        }

        Goes(c, had, c.Packet with { SourcePort = 77 });
        _h.RemoveBackend(had);
        Goes(c, other, c.Packet with { SourcePort = 78 });
        Assert.Equal(42UL, _h.Stats(id).Packets);
    }

    [PrivilegedFact]
    public void Slots_AreAllUsed()
    {
        var c = new XdpCase(false, XdpCase.Udp);
        c.AddService(_h, ServiceMode.Dsr, 1, 2, 3, 4, 5, 6, 7, 8);
        Dictionary<string, int> counts = [];
        for (ushort port = 1; port <= 800; port++)
        {
            string target = TargetOf(c, c.Packet with { SourcePort = port });
            counts[target] = counts.GetValueOrDefault(target) + 1;
        }

        Assert.Equal(8, counts.Count);
        Assert.All(counts.Values, n => Assert.InRange(n, 60, 140));
    }

    /// <summary>Plain packets take a shorter way through the program than others.</summary>
    [PrivilegedTheory]
    [InlineData(false, XdpCase.Tcp)]
    [InlineData(false, XdpCase.Udp)]
    [InlineData(true, XdpCase.Tcp)]
    [InlineData(true, XdpCase.Udp)]
    public void Flow_HasOneBackend_PlainOrNot(bool v6, byte protocol)
    {
        var c = new XdpCase(v6, protocol);
        uint id = c.AddService(_h, ServiceMode.Dsr, 1, 2, 3, 4, 5, 6, 7, 8);
        for (ushort port = 1; port <= 100; port++)
        {
            Frame plain = c.Packet with { SourcePort = port, Payload = new byte[16] };
            Assert.Equal(TargetOf(c, plain), TargetOf(c, v6 ? plain with { ExtensionHeader = 60 } : plain with { Options = [1, 1, 1, 1] }));
        }

        Assert.Equal(200UL, _h.Stats(id).Packets);
    }

    private void Goes(XdpCase c, uint backend, Frame frame) => Assert.Equal(c.Backend(backend), TargetOf(c, frame));

    private string TargetOf(XdpCase c, Frame frame)
    {
        Outcome o = _h.Run(frame.Seal());
        Assert.Equal(XdpHarness.Transmit, o.Action);
        int at = 14 + (c.V6 ? 24 : 16);
        return new System.Net.IPAddress(o.Frame.AsSpan(at, c.V6 ? 16 : 4)).ToString();
    }
}
