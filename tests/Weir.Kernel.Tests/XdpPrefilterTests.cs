// SPDX-License-Identifier: Apache-2.0
using Weir.Datapath.Abi;
using Weir.Testing;
using Xunit;

namespace Weir.Kernel.Tests;

/// <summary>Sources that are dropped at the device.</summary>
public sealed class XdpPrefilterTests : IDisposable
{
    private const LbFlag Both = LbFlag.PrefilterAddress | LbFlag.PrefilterPrefix;
    private readonly XdpHarness _h = new();

    public void Dispose() => _h.Dispose();

    [PrivilegedTheory]
    [InlineData("203.0.113.7", null, "203.0.113.7", true)]
    [InlineData("203.0.113.7", null, "203.0.113.8", false)]
    [InlineData("203.0.112.0", 23, "203.0.113.7", true)]
    [InlineData("203.0.112.0", 24, "203.0.113.7", false)]
    [InlineData("0.0.0.0", 0, "203.0.113.7", true)]
    [InlineData("0.0.0.0", 0, "2001:db8:1::7", false)]
    [InlineData("2001:db8:1::7", null, "2001:db8:1::7", true)]
    [InlineData("2001:db8:1::7", null, "2001:db8:1::8", false)]
    [InlineData("2001:db8::", 32, "2001:db8:1::7", true)]
    [InlineData("2001:db8::", 48, "2001:db8:1::7", false)]
    public void Source_IsDroppedWhateverItSends(string address, int? bits, string source, bool dropped)
    {
        _h.AddPrefilter(address, bits);
        _h.SetSettings(0, Both);
        bool v6 = source.Contains(':', StringComparison.Ordinal);
        Frame frame = new XdpCase(v6, XdpCase.Tcp).Packet with { Source = source };

        foreach (Frame each in new[]
        {
            frame, frame with { Protocol = 17 }, frame with { Protocol = 47 }, frame with { Vlan = 3 }, frame with { LengthError = 9 },
            frame with { Protocol = v6 ? (byte)58 : (byte)1 }, v6 ? frame with { ExtensionHeader = 43 } : frame with { Options = [1, 1, 1, 1] },
            frame with { Fragment = 8 }, frame with { DestinationMac = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] },
        })
        {
            Outcome o = _h.Run(each.ToBytes());
            Assert.Equal(dropped ? (XdpHarness.Drop, DropReason.Prefilter) : (XdpHarness.Pass, DropReason.None), (o.Action, o.Reason));
            Assert.Equal(each.ToBytes(), o.Frame);
        }

        Assert.Empty(_h.TakeEvents());
    }

    [PrivilegedFact]
    public void Prefilter_ComesBeforeServices_AndOnlyWhenAsked()
    {
        var c = new XdpCase(false, XdpCase.Tcp);
        c.AddService(_h, ServiceMode.Dsr, 1);
        _h.AddPrefilter(c.Client);
        _h.AddPrefilter(c.Client, 24);
        _h.SetSettings(0);
        Assert.Equal(XdpHarness.Transmit, _h.Run(c.Packet.Seal()).Action);
        _h.SetSettings(0, LbFlag.Services | LbFlag.PrefilterAddress);
        Assert.Equal(DropReason.Prefilter, _h.Run(c.Packet.Seal()).Reason);
        _h.SetSettings(0, LbFlag.Services | LbFlag.PrefilterPrefix);
        Assert.Equal(DropReason.Prefilter, _h.Run(c.Packet.Seal()).Reason);
    }

    [PrivilegedTheory]
    [InlineData(SettingsFlag.Trace)]
    [InlineData(SettingsFlag.Verdict)]
    public void Drop_WhileSomebodyListens_IsReported(SettingsFlag flags)
    {
        var c = new XdpCase(true, XdpCase.Udp);
        _h.AddPrefilter(c.Client);
        _h.SetSettings(flags, Both);
        _h.Run(c.Packet.Seal());
        Event e = Assert.Single(_h.TakeEvents());
        Assert.Equal((EventType.Drop, DropReason.Prefilter, c.Client), (e.Type, e.DropReason, e.Src.ToString()));
    }
}
