// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using Weir.Datapath.Abi;
using Weir.Testing;
using Xunit;
using Xunit.Abstractions;

namespace Weir.Kernel.Tests;

/// <summary>Broken packets: none is an error of the program, none reaches a backend.</summary>
public sealed class XdpRobustnessTests(ITestOutputHelper output) : IDisposable
{
    private readonly XdpHarness _h = new();

    [PrivilegedFact]
    public void Drops_AreReportedSoManyASecond_AndCountedAll()
    {
        var c = new XdpCase(false, XdpCase.Tcp);
        c.AddService(_h, ServiceMode.Snat, 1);
        byte[] stray = (c.Packet with { TcpFlags = XdpCase.Ack }).Seal();
        byte[] left = new byte[stray.Length + 128];
        int events = 0;
        for (int i = 0; i < 20_000; i++)
        {
            Assert.Equal(XdpHarness.Drop, _h.RunFast(stray, left));
            events += i % 100 == 99 ? _h.TakeEvents().Count : 0;
        }

        // Test runs may meet two CPUs, and the end of some seconds.
        Assert.InRange(events, 2000, 16_000);
        Assert.Equal(20_000 - events, (int)_h.Lost());
        Assert.Contains("CtInvalid=20000", _h.Endings(), StringComparison.Ordinal);
    }

    public void Dispose() => _h.Dispose();

    [PrivilegedTheory]
    [InlineData(false, 6)]
    [InlineData(false, 17)]
    [InlineData(true, 6)]
    [InlineData(true, 17)]
    public void Truncated_AtEveryByte_IsNeverForwarded(bool v6, byte protocol)
    {
        var c = new XdpCase(v6, protocol);
        foreach (ServiceMode mode in Enum.GetValues<ServiceMode>())
        {
            c.AddService(_h, mode, 1);
            List<byte[]> frames = XdpForwardTests.Shapes(c.Packet with { Payload = [] });
            frames.RemoveAt(3); // padded: cut padding breaks nothing
            foreach (byte[] frame in frames)
            {
                Assert.Equal(XdpHarness.Transmit, _h.Run(frame).Action);
                for (int length = 14; length < frame.Length; length++)
                {
                    Outcome o = _h.Run(frame[..length]);
                    Assert.Equal(XdpHarness.Pass, o.Action);
                    Assert.Equal(frame[..length], o.Frame);
                }
            }
        }
    }

    [PrivilegedTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void ContradictoryHeaders_AreNeverForwarded(bool v6)
    {
        var c = new XdpCase(v6, XdpCase.Tcp);
        c.AddService(_h, ServiceMode.Dsr, 1);
        byte[] good = c.Packet.Seal();
        int l4 = v6 ? 54 : 34;
        List<byte[]> bad =
        [
            (c.Packet with { LengthError = 1 }).ToBytes(),
            (c.Packet with { LengthError = -10 }).ToBytes(),
            With(good, 14, v6 ? (byte)0x50 : (byte)0x55),
            With(good, l4 + 12, 0x40),
            With(good, l4 + 12, 0xf0),
        ];
        if (v6)
        {
            bad.Add((c.Packet with { Source = "::ffff:203.0.113.7" }).ToBytes());
            byte[] routed = (c.Packet with { ExtensionHeader = 43 }).Seal();
            bad.Add(With(routed, 57, 1));
        }
        else
        {
            bad.Add(With(good, 14, 0x44));
            bad.Add(With(good, 14, 0x4f));
        }

        var udp = new XdpCase(v6, XdpCase.Udp);
        udp.AddService(_h, ServiceMode.Dsr, 1);
        bad.Add(With(udp.Packet.Seal(), l4 + 5, 7));
        bad.Add(With(udp.Packet.Seal(), l4 + 5, 200));
        foreach (byte[] frame in bad)
        {
            Outcome o = _h.Run(frame);
            Assert.Equal(XdpHarness.Pass, o.Action);
            Assert.Equal(frame, o.Frame);
        }
    }

    [PrivilegedFact]
    public void Random_ChangedBytes_NeverForwardedUnlessWellFormed()
    {
        int seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        List<byte[]> seeds = [];
        foreach ((bool v6, byte protocol) in new[] { (false, (byte)6), (false, (byte)17), (true, (byte)6), (true, (byte)17) })
        {
            var c = new XdpCase(v6, protocol);
            c.AddService(_h, (ServiceMode)(protocol == 6 ? random.Next(3) : 0), 1, 2);
            seeds.AddRange(XdpForwardTests.Shapes(c.Packet));
            seeds.Add(new Frame
            {
                Source = c.Router, Destination = c.Frontend, Protocol = v6 ? (byte)58 : (byte)1, IcmpType = v6 ? (byte)2 : (byte)3,
                Payload = c.Packet.Reply().Seal()[14..],
            }.Seal());
        }

        for (int i = 0; i < 5_000; i++)
        {
            byte[] frame = [.. seeds[random.Next(seeds.Count)]];
            for (int n = random.Next(1, 4); n > 0; n--)
            {
                frame[random.Next(frame.Length)] = (byte)random.Next(256);
            }

            if (random.Next(4) == 0)
            {
                frame = frame[..random.Next(14, frame.Length + 1)];
            }

            Outcome o = _h.Run(frame);
            string what = $"seed {seed}, packet {i}: {Convert.ToHexString(frame)} gave {o.Action}";
            Assert.True(o.Action is XdpHarness.Drop or XdpHarness.Pass or XdpHarness.Transmit, what);
            if (o.Action == XdpHarness.Transmit)
            {
                Assert.True(IsForAFrontend(frame), what);
            }
            else
            {
                Assert.True(o.Frame.AsSpan().SequenceEqual(frame), what);
            }
        }
    }

    /// <summary>Judged apart from the program: whole, unicast, alive, and to a frontend's address.</summary>
    private static bool IsForAFrontend(byte[] frame)
    {
        int l3 = Checksums.LinkLength(frame);
        if ((frame[0] & 1) != 0 || frame.Length < l3 + 20)
        {
            return false;
        }

        bool v6 = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(l3 - 2)) == 0x86dd;
        int length = v6 ? 40 + BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(l3 + 4)) : BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(l3 + 2));
        var destination = new System.Net.IPAddress(frame.AsSpan(l3 + (v6 ? 24 : 16), v6 ? 16 : 4));
        byte ttl = frame[l3 + (v6 ? 7 : 8)];
        return frame[l3] >> 4 == (v6 ? 6 : 4) && l3 + length <= frame.Length && ttl > 1
            && destination.ToString() == new XdpCase(v6, XdpCase.Tcp).Frontend;
    }

    private static byte[] With(byte[] frame, int at, byte value)
    {
        byte[] changed = [.. frame];
        changed[at] = value;
        return changed;
    }
}
