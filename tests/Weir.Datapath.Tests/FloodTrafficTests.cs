// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Datapath.Abi;
using Weir.Linux;
using Weir.Linux.Netlink;
using Weir.Net;
using Weir.Policy;
using Weir.Testing;
using Xunit;

namespace Weir.Datapath.Tests;

/// <summary>Somebody floods, from outside or from inside; meanwhile others open real connections.</summary>
public sealed class FloodTrafficTests : IDisposable
{
    /// <summary>Sends as many frames as this machine carries to the datapath until it is killed: TCP SYNs, SYNs with resets,
    /// UDP or echo requests, each of another port, from one source or from many. What the kernel drops from the queue of a CPU
    /// before any program sees it, others' packets among it, tells that it was too many: then it slows down.</summary>
    private const string Flood = """
        import os, socket, struct, sys, time
        device, kind, source, target, port, source_mac, target_mac = sys.argv[1:8]
        out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        out.bind((device, 0))
        def sum16(data):
            total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
            while total >> 16:
                total = (total & 0xffff) + (total >> 16)
            return ~total & 0xffff
        def frame(number, flags, seq):
            a = socket.inet_aton(source) if source != 'any' else bytes([198, 18, number >> 8 & 255, number & 255])
            b = socket.inet_aton(target)
            sport = 1024 + number % 60000
            if kind == 'udp':
                protocol, l4 = 17, struct.pack('!HHHH', sport, int(port), 12, 0) + b'weir'
            elif kind == 'icmp':
                protocol, l4 = 1, struct.pack('!BBHHH', 8, 0, 0, number & 0xffff, 1)
                l4 = l4[:2] + struct.pack('!H', sum16(l4)) + l4[4:]
            else:
                protocol, l4 = 6, struct.pack('!HHIIBBHHH', sport, int(port), seq, 0, 5 << 4, flags, 1000, 0, 0)
                l4 = l4[:16] + struct.pack('!H', sum16(a + b + struct.pack('!HH', 6, len(l4)) + l4)) + l4[18:]
            ip = struct.pack('!BBHHHBBH', 0x45, 0, 20 + len(l4), 1, 0, 64, protocol, 0) + a + b
            ip = ip[:10] + struct.pack('!H', sum16(ip)) + ip[12:]
            return bytes.fromhex(target_mac + source_mac + '0800') + ip + l4
        frames = []
        for number in range(50000):
            frames.append(frame(number, 2, 7))
            if kind == 'reset':
                frames.append(frame(number, 4, 8))
        def overflows():
            with open('/proc/net/softnet_stat') as rows:
                return sum(int(row.split()[1], 16) for row in rows)
        seen, pause = overflows(), 0.002
        while True:
            for number, f in enumerate(frames):
                try:
                    out.send(f)
                except OSError:
                    pass
                if number % 100 == 0:
                    now = overflows()
                    pause = min(pause * 2 + 0.0005, 0.05) if now > seen else pause * 0.99
                    seen = now
                    time.sleep(pause)
        """;

    /// <summary>Opens connections one after another, each anew, and counts the answers.</summary>
    private const string Connect = """
        import socket, sys, time
        address, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
        good = 0
        for _ in range(count):
            s = socket.socket()
            s.settimeout(8)
            try:
                s.connect((address, port))
                s.sendall(b'x')
                good += s.recv(10) == b'x'
            except OSError:
                pass
            s.close()
            time.sleep(0.005)
        print(good)
        """;

    private const string Serve = """
        import socket, sys, threading
        t = socket.socket()
        t.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        t.bind(('', 8080))
        t.listen(512)
        def answer(c):
            with c:
                c.settimeout(10)
                try:
                    c.sendall(c.recv(10))
                except OSError:
                    pass
        while True:
            c, _ = t.accept()
            threading.Thread(target=answer, args=(c,)).start()
        """;

    private const int Flows = 4096;
    private static readonly string[] _containers = ["10.210.0.7", "10.210.0.8", "10.210.0.9"];

    private readonly TestPins _pins = new();
    private readonly TestNamespace _host = new();
    private readonly TestNamespace _outside = new();
    private readonly TestNamespace[] _places = [new(), new(), new()];
    private readonly TestCgroup _cgroup = new();
    private readonly TestCgroup _flooders = new();
    private readonly Datapath _datapath;

    public FloodTrafficTests()
    {
        _datapath = _host.Run(() => Datapath.Open(new DatapathOptions { PinRoot = _pins.Root, MaxFlows = Flows, EventBytes = 65536 }));
        int device = 0;
        int[] links = new int[_places.Length];
        _host.Run(() =>
        {
            using var socket = new RtnetlinkSocket();
            device = socket.CreateVeth("nic", "c0", [2, 0, 0, 0, 1, 1], [2, 0, 0, 0, 1, 2], 1500);
            socket.MoveLink(socket.GetLink("c0")!.Index, _outside.Descriptor);
            for (int i = 0; i < _places.Length; i++)
            {
                links[i] = socket.CreateVeth($"weir{i}", $"e{i}", GatewayMac(i), Mac(i), 1500);
                socket.MoveLink(socket.GetLink($"e{i}")!.Index, _places[i].Descriptor);
            }
        });
        Shell(_host, "ip link set lo up; ip link set nic up; ip address add 192.0.2.1/24 dev nic; ip route add default via 192.0.2.9");
        // Answers to forged sources end here. Were they on the host's own segment, its neighbour table would be what overflows.
        Shell(_outside, "ip link set lo up; ip link set c0 up; ip address add 192.0.2.9/24 dev c0; ip route add default via 192.0.2.1; ip route add blackhole 198.18.0.0/15; ip route add blackhole 203.0.113.0/24");
        for (int i = 0; i < _places.Length; i++)
        {
            Shell(_host, $"ip link set weir{i} up");
            Shell(_places[i], $"ip link set lo up; ip link set e{i} up; ip address add {_containers[i]}/32 dev e{i}; ip route add 10.210.0.1 dev e{i}; ip route add default via 10.210.0.1");
            var attachment = new EndpointAttachment
            {
                Id = (ushort)(7 + i),
                Identity = new Identity(256 + (uint)i),
                NetworkId = 3,
                Ifindex = links[i],
                Ipv4 = IPAddress.Parse(_containers[i]),
                Gateway4 = IPAddress.Parse("10.210.0.1"),
                Mac = Mac(i),
                GatewayMac = GatewayMac(i),
            };
            _host.Run(() => _datapath.AttachEndpoint(attachment));
        }

        PolicyMapEntry[] all = [new(0, PolicyDirection.Ingress, null, 0, 0, true, 0), new(0, PolicyDirection.Egress, null, 0, 0, true, 0)];
        _datapath.ApplyPolicies(Enumerable.Range(7, _places.Length).ToDictionary(id => (ushort)id, IReadOnlyList<PolicyMapEntry> (_) => all));
        _host.Run(() => _datapath.AttachDevice("nic", device));
        _datapath.Backends.Put(1, IPAddress.Parse(_containers[1]), 8080, BackendFlag.Present | BackendFlag.Local);
        _datapath.Services.WriteSlots(1, [(1, 0)]);
        _datapath.Services.Put(new ServiceRow(IPAddress.Parse("192.0.2.1"), 80, IpProtocol.Tcp, 1, 1, 1));
        Shell(_places[0], $"python3 -c \"{Serve}\" > /dev/null 2>&1 &");
        Shell(_places[1], $"python3 -c \"{Serve}\" > /dev/null 2>&1 &");
    }

    public void Dispose()
    {
        _flooders.Dispose();
        _cgroup.Dispose();
        _datapath.Dispose();
        Datapath.RemoveAll(_pins.Root);
        _pins.Dispose();
        Array.ForEach(_places, place => place.Dispose());
        _outside.Dispose();
        _host.Dispose();
    }

    [PrivilegedFact]
    public void SynsOfForgedSources_AtAPublishedPort_StopNobody()
    {
        Start(_outside, "c0", "tcp", "any", "192.0.2.1", 80, "020000000102", "020000000101");
        WaitForFlood(Direction.Ingress);

        // To another than the one whose sockets are flooded: that is its own stack's to bear.
        Assert.InRange(Connections(_places[2], _containers[0], 8080, 200), 198, 200);
        Assert.InRange(Connections(_outside, "192.0.2.1", 80, 50), 40, 50);
        Assert.DoesNotContain(_datapath.Metrics(), row => row.Reason is DropReason.CtTableFull or DropReason.CtEndpointLimit or DropReason.CtOutsideLimit);
    }

    [PrivilegedTheory]
    [InlineData("tcp")]
    [InlineData("reset")]
    [InlineData("udp")]
    [InlineData("icmp")]
    public void OneContainer_ThatFloods_StopsNobody(string kind)
    {
        Start(_places[0], "e0", kind, _containers[0], "203.0.113.5", 9, Hex(Mac(0)), Hex(GatewayMac(0)));
        WaitForFlood(Direction.Egress);

        Assert.InRange(Connections(_places[2], _containers[1], 8080, 200), 198, 200);
        Assert.InRange(Connections(_outside, "192.0.2.1", 80, 50), 40, 50);
    }

    private static byte[] Mac(int i) => [2, 0, 0, 0, 2, (byte)i];

    private static byte[] GatewayMac(int i) => [2, 0, 0, 0, 3, (byte)i];

    private static string Hex(byte[] mac) => Convert.ToHexString(mac);

    private int Connections(TestNamespace place, string address, int port, int count) =>
        int.Parse(_cgroup.Run(place, "python3", "-c", Connect, address, $"{port}", $"{count}").Single(), System.Globalization.CultureInfo.InvariantCulture);

    private void Start(TestNamespace place, string device, string kind, string source, string target, int port, string mac, string to) =>
        _flooders.Run(place, "sh", "-c", $"python3 -c \"{Flood}\" {device} {kind} {source} {target} {port} {mac} {to} > /dev/null 2>&1 &");

    /// <summary>Until more packets have come than the table has room for.</summary>
    private void WaitForFlood(Direction direction) => Assert.True(SpinWait.SpinUntil(
        () => _datapath.Metrics().Where(row => row.Direction == direction).Sum(row => (long)row.Packets) > 4 * Flows,
        TimeSpan.FromMinutes(1)));

    private string[] Shell(TestNamespace place, string script) => _cgroup.Run(place, "sh", "-c", script);
}
