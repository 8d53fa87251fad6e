// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using Weir.Datapath.Abi;
using Weir.Policy;
using Weir.Testing;
using Xunit;

namespace Weir.Kernel.Tests;

/// <summary>A device's packets are read twice, by XDP and by tc: what one takes for a service's, the other does. Where
/// they may differ is written here.</summary>
public sealed class ParserTests : IDisposable
{
    private const int Frames = 6_000;
    private const string Web = "10.11.0.2";
    private const string Web6 = "fd00:11::2";

    private readonly XdpHarness _xdp = new();
    private readonly ProgramHarness _tc = new(flows: 32_768);

    public void Dispose()
    {
        _xdp.Dispose();
        _tc.Dispose();
    }

    [PrivilegedTheory]
    [InlineData(11)]
    [InlineData(12)]
    public void RandomFrames_AreAServicesForBothOrForNeither(int seed)
    {
        SetUp();
        var frames = new RandomFrames(seed);
        int both = 0, neither = 0;
        for (int i = 0; i < Frames; i++)
        {
            byte[] frame = frames.Next();
            Frame.DeviceMac.CopyTo(frame, 0);
            if (!IsReadByBoth(frame))
            {
                continue;
            }

            bool byTc = _tc.FromDevice(frame).Action != ProgramHarness.Untouched;
            bool byXdp = _xdp.Run(frame).Action != XdpHarness.Pass;
            Assert.True(byTc == byXdp, $"seed {seed}, frame {i}, tc {byTc}, XDP {byXdp}: {Convert.ToHexString(frame)}");
            both += byTc ? 1 : 0;
            neither += byTc ? 0 : 1;
        }

        Assert.True(both > 100 && neither > 100, $"{both} by both, {neither} by neither");
    }

    /// <summary>What both read, and read alike: IPv4 without options, IPv6 with nothing but a fragment header, no tag,
    /// hops left, a header of TCP or UDP that is whole and fits the packet. What is later of a fragmented packet goes by
    /// what became of the first. XDP reads more headers; tc leaves it to the container's stack to refuse lengths.</summary>
    private static bool IsReadByBoth(ReadOnlySpan<byte> frame)
    {
        if (frame.Length < 54)
        {
            return false;
        }

        ushort type = BinaryPrimitives.ReadUInt16BigEndian(frame[12..]);
        ReadOnlySpan<byte> ip = frame[14..];
        if (type == 0x0800)
        {
            int length = BinaryPrimitives.ReadUInt16BigEndian(ip[2..]);
            int fragment = BinaryPrimitives.ReadUInt16BigEndian(ip[6..]) & 0x3fff;
            return ip[0] == 0x45 && ip[8] > 1 && fragment is 0 or 0x2000 && length >= 20 && length <= ip.Length
                && HasPorts(ip[9], ip[20..length], fragment != 0);
        }

        if (type != 0x86dd || ip.Length < 48 || ip[0] >> 4 != 6 || ip[7] <= 1)
        {
            return false;
        }

        int end = 40 + BinaryPrimitives.ReadUInt16BigEndian(ip[4..]);
        if (end > ip.Length)
        {
            return false;
        }

        if (ip[6] != 44)
        {
            return HasPorts(ip[6], ip[40..end], false);
        }

        int offset = BinaryPrimitives.ReadUInt16BigEndian(ip[42..]);
        return end >= 48 && offset >> 3 == 0 && HasPorts(ip[40], ip[48..end], (offset & 1) != 0);
    }

    private static bool HasPorts(byte protocol, ReadOnlySpan<byte> l4, bool more)
    {
        if (protocol == XdpCase.Tcp)
        {
            return l4.Length >= 20 && (l4[12] >> 4) * 4 is >= 20 and var length && length <= l4.Length;
        }

        return protocol == XdpCase.Udp && l4.Length >= 8
            && BinaryPrimitives.ReadUInt16BigEndian(l4[4..]) is >= 8 and var claimed && (more || claimed <= l4.Length);
    }

    private void SetUp()
    {
        _tc.AddEndpoint(1, 256, Web, Web6);
        _tc.SetPolicy(1, ProgramHarness.AllowAll(PolicyDirection.Egress), ProgramHarness.AllowAll(PolicyDirection.Ingress));
        uint id = 0;
        foreach (bool v6 in new[] { false, true })
        {
            foreach (byte protocol in new[] { XdpCase.Tcp, XdpCase.Udp })
            {
                var c = new XdpCase(v6, protocol);
                _tc.AddService(++id, c.Frontend, XdpCase.FrontendPort, protocol, v6 ? Web6 : Web, XdpCase.BackendPort, BackendFlag.Present | BackendFlag.Local);
                _xdp.AddBackend(id, c.Backend(1), XdpCase.BackendPort, c.Own);
                _xdp.AddService(c.Frontend, XdpCase.FrontendPort, protocol, ServiceMode.DsrL2, [id]);
            }
        }

        _xdp.SetSettings(0, LbFlag.Services);
    }
}
