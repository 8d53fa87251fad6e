// SPDX-License-Identifier: Apache-2.0
using Weir.Datapath.Abi;
using Weir.Testing;

namespace Weir.Kernel.Tests;

/// <summary>The addresses that tests of the device's program use, of one family.</summary>
internal sealed record XdpCase(bool V6, byte Protocol)
{
    public const byte Tcp = 6;
    public const byte Udp = 17;
    public const byte Ack = 0x10;
    public const byte Syn = 2;
    public const ushort FrontendPort = 80;
    public const ushort BackendPort = 8080;

    public string Client => V6 ? "2001:db8:1::7" : "203.0.113.7";

    public string Frontend => V6 ? "2001:db8:2::80" : "192.0.2.80";

    public string Own => V6 ? "2001:db8:3::1" : "198.51.100.1";

    public string Router => V6 ? "2001:db8:9::1" : "203.0.113.1";

    /// <summary>A remote backend's address.</summary>
    public string Backend(uint id) => V6 ? $"2001:db8:3::{id + 10:x}" : $"198.51.100.{id + 10}";

    /// <summary>As the client sends it; a SYN where there is such a thing.</summary>
    public Frame Packet => new()
    {
        Source = Client,
        Destination = Frontend,
        SourcePort = 40000,
        DestinationPort = FrontendPort,
        Protocol = Protocol,
        Payload = [1, 2, 3, 4, 5],
    };

    /// <summary>What leaves by the next hop, one hop older.</summary>
    public byte[] Sent(Frame frame, byte[]? mac = null, byte[]? sourceMac = null)
    {
        Frame moved = frame with { DestinationMac = mac ?? XdpHarness.NextHopMac, SourceMac = sourceMac ?? XdpHarness.DeviceMac };
        return Checksums.WithTtl(moved.Seal(), (byte)(V6 ? 254 : 63));
    }

    /// <summary>Adds remote backends and a service with one slot for each.</summary>
    public uint AddService(XdpHarness h, ServiceMode mode, params uint[] backends)
    {
        foreach (uint id in backends)
        {
            h.AddBackend(id, Backend(id), BackendPort, Own);
        }

        return h.AddService(Frontend, FrontendPort, Protocol, mode, backends);
    }
}
