// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Weir.Datapath.Abi;
using Weir.Testing;
using Xunit;

namespace Weir.Kernel.Tests;

/// <summary>The short way of plain packets and the general one are one: the same program with and without the short
/// way gets the same frames, and does the same with each.</summary>
public sealed class XdpPlainTests : IDisposable
{
    private const int Frames = 20_000;
    private readonly XdpHarness _short = new(natEntries: 65_536);
    private readonly XdpHarness _general = new(natEntries: 65_536, plain: false);

    public void Dispose()
    {
        _short.Dispose();
        _general.Dispose();
    }

    [PrivilegedTheory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void RandomFrames_AreTreatedAlike(int seed)
    {
        SetUp(_short);
        SetUp(_general);
        var frames = new RandomFrames(seed);
        byte[] one = new byte[4096], other = new byte[4096];
        Dictionary<uint, int> actions = [];
        for (int i = 0; i < Frames; i++)
        {
            byte[] frame = frames.Next();
            (uint action, int length) = RunOne(_short, frame, one);
            (uint expected, int expectedLength) = RunOne(_general, frame, other);
            string what = string.Create(CultureInfo.InvariantCulture, $"seed {seed}, frame {i}: {Convert.ToHexString(frame)}");
            Assert.True(action == expected, $"{action}, not {expected}: {what}");
            Assert.True(one.AsSpan(0, length).SequenceEqual(other.AsSpan(0, expectedLength)), $"other bytes: {what}");
            actions[action] = actions.GetValueOrDefault(action) + 1;
        }

        // Random frames that all ended alike would prove little.
        Assert.All(new[] { XdpHarness.Drop, XdpHarness.Pass, XdpHarness.Transmit }, action => Assert.True(actions.GetValueOrDefault(action) > Frames / 50, $"action {action}: {actions.GetValueOrDefault(action)}"));
        Assert.Equal(_general.Endings(), _short.Endings());
        Assert.All(Enumerable.Range(1, 20), id => Assert.Equal(_general.Stats((uint)id), _short.Stats((uint)id)));
    }

    /// <summary>The two ways differ where what they read does: so they are two, and this tells which packets take which.</summary>
    [PrivilegedTheory]
    [InlineData(false, XdpCase.Tcp)]
    [InlineData(false, XdpCase.Udp)]
    [InlineData(true, XdpCase.Tcp)]
    [InlineData(true, XdpCase.Udp)]
    public void PlainPacket_AsksTheBucketsAlone_OthersTheHash(bool v6, byte protocol)
    {
        var c = new XdpCase(v6, protocol);
        int longest = 1280 - (v6 ? 80 : 40) - (protocol == XdpCase.Tcp ? 20 : 8);
        Frame plain = c.Packet with { Payload = new byte[longest] };
        Frame longer = c.Packet with { Payload = new byte[longest + 1] };
        Frame[] others =
        [
            plain with { Vlan = 7 },
            plain with { Fragment = (ushort)(v6 ? 1 : 0x2000) },
            v6 ? plain with { ExtensionHeader = 60 } : plain with { Options = [1, 1, 1, 1] },
        ];
        c.AddService(_short, ServiceMode.Dsr, 1);
        Assert.All(others.Append(plain).Append(longer), frame => Assert.Equal(XdpHarness.Transmit, _short.Run(frame.Seal()).Action));

        _short.RemoveFromHash(c.Frontend, XdpCase.FrontendPort, protocol);

        Assert.Equal(XdpHarness.Transmit, _short.Run(plain.Seal()).Action);
        Assert.All(others, frame => Assert.Equal(XdpHarness.Pass, _short.Run(frame.Seal()).Action));

        // One that may not fit every link: of IPv4 its service is found by the buckets all the same.
        Assert.Equal(v6 ? XdpHarness.Pass : XdpHarness.Transmit, _short.Run(longer.Seal()).Action);
        _short.SetSettings(SettingsFlag.Trace, LbFlag.Services);
        Assert.Equal(XdpHarness.Pass, _short.Run(plain.Seal()).Action);
    }

    [PrivilegedTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void PlainPacket_OfThePrefilter_IsDroppedAndTold(bool v6)
    {
        var c = new XdpCase(v6, XdpCase.Tcp);
        uint id = c.AddService(_short, ServiceMode.Dsr, 1);
        _short.AddPrefilter(c.Client);
        _short.SetSettings(SettingsFlag.Verdict, LbFlag.Services | LbFlag.PrefilterAddress);

        Outcome o = _short.Run(c.Packet.Seal());

        Assert.Equal((XdpHarness.Drop, DropReason.Prefilter), (o.Action, o.Reason));
        Event told = Assert.Single(_short.TakeEvents());
        Assert.Equal((EventType.Drop, c.Client, c.Frontend, 80), (told.Type, told.Src.ToString(), told.Dst.ToString(), told.Dport.Value));
        Assert.Equal(0UL, _short.Stats(id).Packets);
        Assert.Equal(XdpHarness.Transmit, _short.Run((c.Packet with { Source = c.Router }).Seal()).Action);
    }

    private static (uint Action, int Length) RunOne(XdpHarness h, byte[] frame, byte[] output)
    {
        Weir.Bpf.TestRunResult result = h.Program.TestRun(frame, output);
        return (result.ReturnValue, result.OutputLength);
    }

    private static void SetUp(XdpHarness h)
    {
        foreach (bool v6 in new[] { false, true })
        {
            foreach (byte protocol in new[] { XdpCase.Tcp, XdpCase.Udp })
            {
                var c = new XdpCase(v6, protocol);
                for (uint id = 1; id <= 4; id++)
                {
                    h.AddBackend(id + (v6 ? 10u : 0), c.Backend(id), XdpCase.BackendPort, c.Own);
                }

                uint first = v6 ? 11u : 1u;
                h.AddBackend(first + 4, c.Backend(5), XdpCase.BackendPort, c.Own, flags: BackendFlag.Present | BackendFlag.Local);
                h.AddBackend(first + 5, c.Backend(6), XdpCase.BackendPort, c.Own, mac: new byte[6]);
                h.AddService(c.Frontend, 80, protocol, ServiceMode.Dsr, [first, first + 1, first + 4, first + 5]);
                h.AddService(c.Frontend, 81, protocol, ServiceMode.DsrL2, [first, first + 1, first + 2, 0]);
                h.AddService(c.Frontend, 82, protocol, ServiceMode.Snat, [first, first + 1]);
                h.AddService(c.Frontend, 83, protocol, ServiceMode.Dsr, [first, first + 1], affinitySeconds: 60);
                h.AddService(c.Frontend, 84, protocol, ServiceMode.Dsr, [first, first + 1], flags: ServiceFlag.HostOnly);
            }
        }

        h.AddPrefilter("203.0.113.66");
        h.AddPrefilter("2001:db8:66::", 48);
        h.SetSettings(0, LbFlag.Services | LbFlag.Nat | LbFlag.PrefilterAddress | LbFlag.PrefilterPrefix);
    }
}
