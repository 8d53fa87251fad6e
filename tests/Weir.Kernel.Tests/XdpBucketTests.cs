// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Datapath;
using Weir.Datapath.Abi;
using Weir.Net;
using Weir.Testing;
using Xunit;

namespace Weir.Kernel.Tests;

/// <summary>Services and backends that plain packets do not find in weir_bucket and weir_hop are served all the same, and nobody is served by
/// another's while both change.</summary>
public sealed class XdpBucketTests : IDisposable
{
    private const int Ways = (int)BucketLayout.Ways;

    private readonly XdpHarness _h = new(slots: 4096, backends: 20_000);

    public void Dispose() => _h.Dispose();

    [PrivilegedTheory]
    [InlineData(Kind.IPv4)]
    [InlineData(Kind.IPv6)]
    [InlineData(Kind.SameHash)]
    public void Services_OfOneBucket_AreAllServed_AndNobodyElse(Kind kind)
    {
        List<string> addresses = OfOneBucket(kind, Ways + 3);
        for (uint i = 1; i < addresses.Count; i++)
        {
            AddBackend(kind, i);
            _h.AddService(addresses[(int)i], 80, XdpCase.Tcp, ServiceMode.Dsr, [i]);
            Assert.Equal(XdpHarness.Pass, _h.Run(To(addresses[0])).Action);
        }

        for (uint i = 1; i < addresses.Count; i++)
        {
            Assert.Equal(i, ServedBy(addresses[(int)i]));
        }

        _h.RemoveService(addresses[1], 80, XdpCase.Tcp);
        _h.RemoveService(addresses[^1], 80, XdpCase.Tcp);
        Assert.Equal(0u, ServedBy(addresses[1]));
        Assert.Equal(0u, ServedBy(addresses[^1]));
        Assert.Equal(2u, ServedBy(addresses[2]));
        Assert.Equal((uint)Ways + 1, ServedBy(addresses[Ways + 1]));
    }

    [PrivilegedTheory]
    [InlineData(false, (uint)HopLayout.Count - 1)]
    [InlineData(false, (uint)HopLayout.Count)]
    [InlineData(false, 19_999u)]
    [InlineData(true, (uint)HopLayout.Count - 1)]
    [InlineData(true, (uint)HopLayout.Count)]
    [InlineData(true, 19_999u)]
    public void Backend_WithALargeId_IsServed(bool v6, uint id)
    {
        var c = new XdpCase(v6, XdpCase.Tcp);
        _h.AddBackend(id, c.Backend(11), 8080, c.Own);
        _h.AddService(c.Frontend, 80, XdpCase.Tcp, ServiceMode.Dsr, [id]);

        Assert.Equal(11u, ServedBy(c.Frontend));
    }

    [PrivilegedFact]
    public void OuterChecksum_OfAnyAddresses_IsRight()
    {
        var random = new Random(1);
        _h.AddService("192.0.2.80", 80, XdpCase.Tcp, ServiceMode.Dsr, [1]);
        string[] corners = ["0.0.0.1", "255.255.255.254", "255.255.0.0", "191.191.191.187", "127.255.64.64"];
        for (int i = 0; i < 3000; i++)
        {
            byte[] one = new byte[4], other = new byte[4];
            random.NextBytes(one);
            random.NextBytes(other);
            string source = i < 25 ? corners[i / 5] : new IPAddress(one).ToString();
            string backend = i < 25 ? corners[i % 5] : new IPAddress(other).ToString();
            _h.AddBackend(1, backend, 8080, source);
            byte[] frame = (Packet("192.0.2.80") with { Payload = new byte[random.Next(1000)] }).Seal();
            frame[15] = (byte)random.Next(256); // its class, of which its checksum's lower byte is less
            int sum = (frame[24] << 8 | frame[25]) - frame[15];
            sum = sum <= 0 ? sum + 0xffff : sum;
            (frame[24], frame[25]) = ((byte)(sum >> 8), (byte)sum);
            Outcome o = _h.Run(frame);
            Assert.Equal(XdpHarness.Transmit, o.Action);
            Assert.True(Checksums.Problem(o.Frame) is null, $"from {source} to {backend}: {Checksums.Problem(o.Frame)}");
        }
    }

    /// <summary>Two services of one bucket, and of IPv6 even of one key, come and go, change their slots, and are at times in weir_service alone; a third one
    /// does not change. Each packet meets its own service, whole, or none.</summary>
    /// <param name="outside">How many of four changes make it a service of weir_service alone.</param>
    [PrivilegedTheory]
    [InlineData(Kind.IPv4, 1)]
    [InlineData(Kind.IPv6, 1)]
    [InlineData(Kind.SameHash, 1)]
    [InlineData(Kind.IPv4, 4)]
    [InlineData(Kind.IPv6, 4)]
    public void Services_ChangedUnderPackets_AreNeverAnothersAndNeverHalf(Kind kind, int outside)
    {
        List<string> addresses = OfOneBucket(kind, 3);
        for (uint i = 1; i <= 8; i++)
        {
            AddBackend(kind, i);
        }

        // Slots of another run name a backend of nobody's: who has met half of an entry gets there.
        uint last = _h.AddService(addresses[2], 80, XdpCase.Tcp, ServiceMode.Dsr, [8]);
        for (uint slot = 0; slot < 64; slot++)
        {
            _h.SetSlot(1024 + slot, slot is < 32 ? 1u : 2u);
            _h.SetSlot(2048 + slot, slot is < 32 ? 3u : 4u);
        }

        using var stop = new CancellationTokenSource();
        Task writer = Task.Run(() =>
        {
            var random = new Random(1);
            while (!stop.IsCancellationRequested)
            {
                uint which = (uint)random.Next(2);
                if (random.Next(4) == 0)
                {
                    _h.RemoveService(addresses[(int)which], 80, XdpCase.Tcp);
                    continue;
                }

                // 32 slots of the one half, or of the other.
                bool high = random.Next(2) == 0;
                _h.PutService(addresses[(int)which], 80, XdpCase.Tcp, new ServiceEntry
                {
                    Slots = (1024 * (which + 1)) + (high ? 32u : 0), SlotMask = 31, FrontendId = last + 1 + which, Mode = ServiceMode.Dsr,
                    Flags = random.Next(4) < outside ? ServiceFlag.Affinity : 0,
                });
            }
        });

        byte[] output = new byte[256];
        byte[][] frames = [.. addresses.Select(To)];
        HashSet<uint>[] seen = [[], [], []];
        // On a busy machine the writer may not have had its turn by then.
        for (int i = 0; i < 60_000 || (i < 6_000_000 && seen[..2].Any(answers => answers.Count < 3)); i++)
        {
            uint action = _h.RunFast(frames[i % 3], output);
            seen[i % 3].Add(action == XdpHarness.Transmit ? NumberOf(output) : action == XdpHarness.Pass ? 0 : uint.MaxValue);
        }

        stop.Cancel();
        writer.GetAwaiter().GetResult();
        Assert.Equal([0u, 1u, 2u], seen[0].Order());
        Assert.Equal([0u, 3u, 4u], seen[1].Order());
        Assert.Equal([8], seen[2]);
    }

    private static Frame Packet(string address) => new()
    {
        Source = "203.0.113.7", Destination = address, SourcePort = 40000, DestinationPort = 80, Protocol = XdpCase.Tcp, TcpFlags = XdpCase.Ack,
    };

    private static byte[] To(string address) =>
        (Packet(address) with { Source = address.Contains(':', StringComparison.Ordinal) ? "2001:db8:1::7" : "203.0.113.7" }).Seal();

    /// <summary>Addresses whose services at port 80 of TCP are in one bucket.</summary>
    private static List<string> OfOneBucket(Kind kind, int count)
    {
        if (kind == Kind.SameHash)
        {
            return [.. SameHash.Of(IPAddress.Parse("2001:db8:2::80"), count).Select(address => address.ToString())];
        }

        List<string> addresses = [];
        int bucket = -1;
        for (int i = 0; addresses.Count < count; i++)
        {
            string address = kind == Kind.IPv6 ? $"2001:db8:{i >> 16:x}:{i & 0xffff:x}::80" : $"10.{i >> 16}.{(i >> 8) & 255}.{i & 255}";
            int found = ServiceBuckets.IndexOf(new ServiceKey { Addr = XdpHarness.Address(address), Port = 80, Protocol = XdpCase.Tcp });
            bucket = bucket < 0 ? found : bucket;
            if (found == bucket)
            {
                addresses.Add(address);
            }
        }

        return addresses;
    }

    /// <summary>To whom a packet in another one goes.</summary>
    private static IPAddress TargetOf(ReadOnlySpan<byte> frame) =>
        new(frame[12] == 0x86 ? frame.Slice(38, 16) : frame.Slice(30, 4));

    /// <summary>The backend's; their addresses end with it and ten more.</summary>
    private static uint NumberOf(ReadOnlySpan<byte> frame) => TargetOf(frame).GetAddressBytes()[^1] - 10u;

    private void AddBackend(Kind kind, uint id)
    {
        var c = new XdpCase(kind != Kind.IPv4, XdpCase.Tcp);
        _h.AddBackend(id, c.Backend(id), 8080, c.Own);
    }

    /// <summary>The number of the backend that gets a packet to the address; 0: it passes.</summary>
    private uint ServedBy(string address)
    {
        Outcome o = _h.Run(To(address));
        Assert.Null(Checksums.Problem(o.Frame));
        return o.Action == XdpHarness.Transmit ? NumberOf(o.Frame) : 0;
    }

    /// <summary>Which addresses services of one bucket have.</summary>
    public enum Kind
    {
        IPv4,
        IPv6,

        /// <summary>IPv6 addresses that the key of a service does not tell apart.</summary>
        SameHash,
    }
}
