// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Sockets;
using Weir.Datapath.Abi;
using Weir.Linux;
using Weir.Net;
using Weir.Policy;
using Weir.Testing;
using Xunit;

namespace Weir.Datapath.Tests;

/// <summary>Real connections between containers of two hosts.</summary>
public sealed class TwoHostsTrafficTests
{
    private const string Server = """
        import socket, threading
        def serve(family):
            t, u = socket.socket(family, socket.SOCK_STREAM), socket.socket(family, socket.SOCK_DGRAM)
            for s in t, u:
                if family == socket.AF_INET6: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                s.bind(('', 8080))
            t.listen()
            def stream(c, source):
                data = b''
                while len(data) < 2000000:
                    more = c.recv(1 << 20)
                    if not more:
                        return
                    data += more
                c.sendall(source[0].encode() + b' ' + data)
                c.close()
            def streams():
                while True:
                    threading.Thread(target=stream, args=t.accept()).start()
            def datagrams():
                while True:
                    data, source = u.recvfrom(65536)
                    u.sendto(source[0].encode() + b' ' + data, source)
            return [threading.Thread(target=w) for w in (streams, datagrams)]
        for t in serve(socket.AF_INET) + serve(socket.AF_INET6):
            t.start()
        """;

    /// <summary>Sends two megabytes and gets them back, then datagrams: one, and one in fragments.</summary>
    private const string Client = """
        import socket, sys, time
        address = sys.argv[1]
        family = socket.AF_INET6 if ':' in address else socket.AF_INET
        for attempt in range(20):
            s = socket.socket(family, socket.SOCK_STREAM)
            s.settimeout(2)
            if s.connect_ex((address, 8080)) == 0:
                break
            s.close()
            time.sleep(0.1)
        s.settimeout(10)
        s.sendall(b'x' * 2000000)
        data = b''
        while more := s.recv(1 << 20):
            data += more
        print('tcp', data.split()[0].decode(), len(data.split()[1]))
        u = socket.socket(family, socket.SOCK_DGRAM)
        u.settimeout(10)
        for size in 10, 4000:
            u.sendto(b'y' * size, (address, 8080))
            data, source = u.recvfrom(65536)
            print('udp', data.split()[0].decode(), len(data.split()[1]))
        """;

    /// <summary>What becomes of a connection's first packet.</summary>
    private const string Connect = """
        import socket, sys, time
        begun = time.monotonic()
        try:
            socket.create_connection((sys.argv[1], 8080), timeout=1).close()
            print('connected')
        except OSError as e:
            print(type(e).__name__, 'at once' if time.monotonic() - begun < 0.9 else 'late')
        """;

    /// <summary>What becomes of a datagram.</summary>
    private const string Ask = """
        import errno, socket, sys
        u = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
        u.settimeout(2)
        u.connect((sys.argv[1], 8080))
        try:
            u.send(b'x')
            print('answered' if u.recv(100) else '')
        except OSError as e:
            print(errno.errorcode.get(e.errno, type(e).__name__))
        """;

    /// <summary>Sends a datagram to port 8080 in a VXLAN packet with these outer addresses and number.</summary>
    private const string Forge = """
        import socket, struct, sys
        outer_source, outer, vni, source, destination = sys.argv[1:6]
        def checksum(b):
            total = sum(struct.unpack('!%dH' % (len(b) // 2), b))
            while total >> 16:
                total = (total & 0xffff) + (total >> 16)
            return ~total & 0xffff
        def ipv4(source, destination, data):
            head = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(data), 1, 0, 64, 17, 0, socket.inet_aton(source), socket.inet_aton(destination))
            return head[:10] + struct.pack('!H', checksum(head)) + head[12:] + data
        inner = ipv4(source, destination, struct.pack('!HHHH', 4000, 8080, 12, 0) + b'evil')
        vxlan = struct.pack('!II', 0x08000000, int(vni) << 8) + bytes(12) + b'\x08\x00' + inner
        s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        s.sendto(ipv4(outer_source, outer, struct.pack('!HHHH', 40000, 8472, 8 + len(vxlan), 0) + vxlan), (outer, 0))
        """;

    public static TheoryData<string, bool> Ways
    {
        get
        {
            TheoryData<string, bool> data = [];
            foreach (string way in (string[])["direct", "direct at the device", "overlay", "overlay over IPv6"])
            {
                data.Add(way, false);
                data.Add(way, true);
            }

            return data;
        }
    }

    [PrivilegedTheory]
    [MemberData(nameof(Ways))]
    public void ContainersReachEachOther_ByTheirOwnAddressesAndIdentities(string way, bool v6)
    {
        using TwoHosts hosts = Make(way);
        hosts.A.Allow(Rule(PolicyDirection.Egress, hosts.B.Identity));
        hosts.B.Allow(Rule(PolicyDirection.Ingress, hosts.A.Identity));
        hosts.Serve(hosts.B.Container, Server);

        string[] output = hosts.Python(hosts.A.Container, Client, hosts.B.Address(v6));

        string client = hosts.A.Address(v6);
        Assert.Equal([$"tcp {client} 2000000", $"udp {client} 10", $"udp {client} 4000"], output);
        Assert.All(hosts.A.Datapath.ListConntrack(), row => Assert.Equal((hosts.A.Identity, hosts.B.Identity), (row.SourceIdentity.Value, row.DestinationIdentity.Value)));
        Assert.All(hosts.B.Datapath.ListConntrack(), row => Assert.Equal((hosts.A.Identity, hosts.B.Identity), (row.SourceIdentity.Value, row.DestinationIdentity.Value)));
    }

    [PrivilegedTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void ByTheOverlay_NoStackForwardsAnything(bool v6)
    {
        using TwoHosts hosts = Make("overlay");
        hosts.Serve(hosts.B.Container, Server);

        hosts.Python(hosts.A.Container, Client, hosts.B.Address(v6));

        Assert.Equal((0ul, 0ul), (hosts.A.Forwarded(v6), hosts.B.Forwarded(v6)));
    }

    [PrivilegedTheory]
    [InlineData(0, 1)]
    [InlineData(1, 0)]
    public void AtADevice_ThatDoesNotLeadToTheNode_TheStackDecides(int rpFilter, int flows)
    {
        using TwoHosts hosts = Make("direct at the device");
        using var stranger = new TestNamespace();
        hosts.B.Place.Run(() =>
        {
            using var links = new Linux.Netlink.RtnetlinkSocket();
            links.CreateVeth("side", "side0", [2, 0, 0, 0, 2, 1], [2, 0, 0, 0, 2, 2], TwoHosts.WireMtu);
            links.MoveLink(links.GetLink("side0")!.Index, stranger.Descriptor);
        });
        hosts.Shell(hosts.B.Place, $"sysctl -qw net.ipv4.conf.side.rp_filter={rpFilter}; ip address add 198.51.100.1/24 dev side; ip link set side up");
        hosts.Shell(stranger, "ip link set side0 up; ip address add 198.51.100.9/24 dev side0; ip route add default via 198.51.100.1; ip address add 10.40.1.2/32 dev side0");
        hosts.B.AttachDevice("side");

        hosts.Python(stranger, "import socket, sys\ns = socket.socket(type=socket.SOCK_DGRAM)\ns.bind((sys.argv[1], 0))\ns.sendto(b'x', (sys.argv[2], 8080))", hosts.A.Address(false), hosts.B.Address(false));

        SpinWait.SpinUntil(() => hosts.B.Datapath.ListConntrack().Count > 0, TimeSpan.FromSeconds(flows > 0 ? 20 : 1));
        Assert.Equal(flows, hosts.B.Datapath.ListConntrack().Count);
    }

    [PrivilegedTheory]
    [MemberData(nameof(Ways))]
    public void WhoIsDenied_HearsSoAtOnce_WhicheverHostDenies(string way, bool v6)
    {
        using TwoHosts hosts = Make(way);
        hosts.Serve(hosts.B.Container, Server);
        hosts.Python(hosts.A.Container, Client, hosts.B.Address(v6));

        hosts.B.Allow(Rule(PolicyDirection.Ingress, hosts.A.Identity + 1));
        Assert.Equal(["ConnectionRefusedError at once"], hosts.Python(hosts.A.Container, Connect, hosts.B.Address(v6)));
        Assert.Equal([v6 ? "EACCES" : "EHOSTUNREACH"], hosts.Python(hosts.A.Container, Ask, hosts.B.Address(v6)));
        Assert.NotEqual(0ul, hosts.B.Dropped(DropReason.PolicyDenied));
        Assert.Equal(0ul, hosts.A.Dropped(DropReason.PolicyDenied));

        hosts.B.Allow(Rule(PolicyDirection.Ingress, hosts.A.Identity));
        hosts.A.Allow(Rule(PolicyDirection.Egress, hosts.B.Identity + 1));
        Assert.Equal(["ConnectionRefusedError at once"], hosts.Python(hosts.A.Container, Connect, hosts.B.Address(v6)));
        Assert.NotEqual(0ul, hosts.A.Dropped(DropReason.PolicyDenied));
    }

    [PrivilegedTheory]
    [InlineData("overlay", false)]
    [InlineData("overlay", true)]
    [InlineData("overlay over IPv6", false)]
    [InlineData("overlay over IPv6", true)]
    public void WhatDoesNotFitTheOverlay_ItsSenderIsTold(string way, bool v6)
    {
        using var hosts = new TwoHosts(overlay: true, way.EndsWith("IPv6", StringComparison.Ordinal), containerMtu: TwoHosts.WireMtu);
        hosts.Serve(hosts.B.Container, Server);

        string[] output = hosts.Python(hosts.A.Container, Client, hosts.B.Address(v6));

        Assert.Equal($"tcp {hosts.A.Address(v6)} 2000000", output[0]);
        Assert.NotEqual(0ul, hosts.A.Dropped(DropReason.TooBig));
    }

    [PrivilegedTheory]
    [InlineData("direct", false)]
    [InlineData("direct", true)]
    [InlineData("overlay", false)]
    [InlineData("overlay", true)]
    public void Host_ReachesTheOthersContainer_AsANode_WhereARuleSaysSo(string way, bool v6)
    {
        using TwoHosts hosts = Make(way);
        hosts.B.Allow(Rule(PolicyDirection.Ingress, Identity.RemoteNode.Value));
        hosts.Serve(hosts.B.Container, Server);

        Assert.Equal($"tcp {hosts.A.HostAddress(v6)} 2000000", hosts.Python(hosts.A.Place, Client, hosts.B.Address(v6))[0]);
        hosts.B.Allow(Rule(PolicyDirection.Ingress, 0, rule: 0));
        Assert.StartsWith("TimeoutError", hosts.Python(hosts.A.Place, Connect, hosts.B.Address(v6))[0], StringComparison.Ordinal);
        Assert.NotEqual(0ul, hosts.B.Dropped(DropReason.NotRouted));
    }

    [PrivilegedFact]
    public void Overlay_BelievesNodesOnly_AndNoNodeOfAnothersEndpoint()
    {
        using TwoHosts hosts = Make("overlay");
        (string a, string b) = (hosts.A.HostAddress(false), hosts.B.HostAddress(false));
        string[] inner = [hosts.A.Address(false), hosts.B.Address(false)];
        hosts.Shell(hosts.A.Place, "ip address add 192.0.2.77/24 dev wire");

        Send("192.0.2.77", hosts.A.Identity, inner);
        Assert.Equal(1ul, hosts.B.Dropped(DropReason.NotANode));
        Send(a, hosts.A.Identity + 1, inner);
        Assert.Equal(1ul, hosts.B.Dropped(DropReason.ForeignEndpoint));

        // For the host itself, and for a reserved identity, or one of another's address.
        Send(a, Identity.RemoteNode.Value, inner);
        Send(a, Identity.Host.Value, ["10.40.1.77", inner[1]]);
        Send(a, 300, ["10.40.1.77", inner[1]]);
        Assert.Equal(4ul, hosts.B.Dropped(DropReason.ForeignEndpoint));
        Send(a, hosts.A.Identity, [inner[1], inner[1]]);
        Assert.Equal(1ul, hosts.B.Dropped(DropReason.SpoofedEndpoint));

        // Whose range nobody has said.
        Send(a, hosts.A.Identity, ["10.40.1.77", inner[1]]);
        Assert.Equal(1ul, hosts.B.Dropped(DropReason.NetworkIsolated));
        Assert.Empty(hosts.B.Datapath.ListConntrack());

        Send(a, hosts.A.Identity, inner);
        Assert.Single(hosts.B.Datapath.ListConntrack());

        void Send(string from, uint vni, string[] ends)
        {
            ulong before = Total();
            hosts.Python(hosts.A.Place, Forge, from, b, $"{vni}", ends[0], ends[1]);
            Assert.True(SpinWait.SpinUntil(() => Total() > before, TimeSpan.FromSeconds(20)), $"nothing came of what {from} sent");
        }

        ulong Total() => hosts.B.Datapath.Metrics().Aggregate(0UL, (sum, row) => sum + row.Packets);
    }

    /// <summary>Reverse path filters ask for the device that the route leads out by, which is another.</summary>
    [PrivilegedTheory]
    [InlineData("overlay", false)]
    [InlineData("overlay over IPv6", true)]
    public void Node_AnswersAnEcho_ByTheOverlay_ThatIsBetweenTheNodesThemselves(string way, bool v6)
    {
        using TwoHosts hosts = Make(way);
        foreach (TestNamespace place in (TestNamespace[])[hosts.A.Place, hosts.B.Place])
        {
            hosts.Shell(place, "sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.icmp_echo_ignore_all=1 net.ipv6.icmp.echo_ignore_all=1");
        }

        (IPAddress a, IPAddress b) = (IPAddress.Parse(hosts.A.HostAddress(v6)), IPAddress.Parse(hosts.B.HostAddress(v6)));
        Assert.InRange(Ask(a, b)!.Value, TimeSpan.FromTicks(1), TimeSpan.FromSeconds(2));
        Assert.InRange(Ask(a, b)!.Value, TimeSpan.FromTicks(1), TimeSpan.FromSeconds(2));

        // Not from another address, nor to one that is no node's.
        hosts.Shell(hosts.A.Place, $"ip address add {(v6 ? "2001:db8:2::77/64 dev wire nodad" : "192.0.2.77/24 dev wire")}");
        Assert.Throws<SocketException>(() => Ask(IPAddress.Parse(v6 ? "2001:db8:2::77" : "192.0.2.77"), b));
        Assert.Equal(1ul, hosts.A.Dropped(DropReason.InvalidSourceIp));
        Assert.Throws<SocketException>(() => Ask(a, IPAddress.Parse(v6 ? "2001:db8:2::88" : "192.0.2.88")));
        Assert.Equal(1ul, hosts.A.Dropped(DropReason.NoNode));
        if (!v6)
        {
            hosts.Python(hosts.A.Place, Forge, $"{a}", $"{b}", $"{Identity.RemoteNode.Value}", "192.0.2.77", $"{b}");
            Assert.True(SpinWait.SpinUntil(() => hosts.B.Dropped(DropReason.ForeignEndpoint) == 1, TimeSpan.FromSeconds(20)));
        }

        hosts.Shell(hosts.B.Place, "ip link set wire down");
        Assert.Null(Ask(a, b));

        TimeSpan? Ask(IPAddress from, IPAddress to)
        {
            ulong asked = Clock.MonotonicNs();
            hosts.A.Place.Run(() => LinkEcho.Send(hosts.A.Overlay, from, to, asked));
            return SpinWait.SpinUntil(() => hosts.A.Datapath.AnswerOf(2).Asked == asked, TimeSpan.FromSeconds(5)) ? TimeSpan.FromMicroseconds((hosts.A.Datapath.AnswerOf(2).AnsweredNs - asked) / 1000.0) : null;
        }
    }

    [PrivilegedTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void SenderThatIsNotKnownYet_HasTheIdentityThatCame_AndTheNetworkOfItsRange(bool v6)
    {
        using TwoHosts hosts = Make("overlay");
        hosts.B.Datapath.RemoveIpcache(IpPrefix.Parse(hosts.A.Address(v6) + (v6 ? "/128" : "/32")));
        hosts.B.Datapath.SetIpcache([new IpcacheRow(IpPrefix.Parse(v6 ? "fd40::/16" : "10.40.0.0/16"), v6 ? Identity.WorldIpv6 : Identity.WorldIpv4, hosts.B.Network)]);
        hosts.B.Allow(Rule(PolicyDirection.Ingress, hosts.A.Identity));
        hosts.Serve(hosts.B.Container, Server);

        Assert.Equal($"tcp {hosts.A.Address(v6)} 2000000", hosts.Python(hosts.A.Container, Client, hosts.B.Address(v6))[0]);

        // Its flow is judged again by what came, not as the world's, until it is known.
        ConntrackRow flow = hosts.B.Datapath.ListConntrack().First(row => row.Protocol == IpProtocol.Udp);
        Assert.Equal((CtFlag.Overlay, hosts.A.Identity), (flow.Flags & CtFlag.Overlay, flow.SourceIdentity.Value));
        hosts.B.Allow(Rule(PolicyDirection.Ingress, hosts.A.Identity, rule: 6));
        Assert.Equal($"tcp {hosts.A.Address(v6)} 2000000", hosts.Python(hosts.A.Container, Client, hosts.B.Address(v6))[0]);
    }

    [PrivilegedFact]
    public void Container_CannotSpeakToTheOverlaysPort()
    {
        using TwoHosts hosts = Make("overlay");
        string[] inner = [hosts.A.Address(false), hosts.B.Address(false)];

        hosts.Python(hosts.A.Container, Forge, inner[0], hosts.B.HostAddress(false), $"{hosts.A.Identity}", inner[0], inner[1]);
        hosts.Python(hosts.A.Container, Forge, inner[0], hosts.A.HostAddress(false), $"{hosts.A.Identity}", inner[0], inner[1]);

        Assert.Equal(2ul, hosts.A.Dropped(DropReason.OverlayPort));
        Assert.Empty(hosts.B.Datapath.ListConntrack());
    }

    [PrivilegedTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void Stack_SendsForAContainer_WhatTheProxySends_AndNothingElse(bool v6)
    {
        const string Send = """
            import socket, sys
            source, destination, mark = sys.argv[1:]
            s = socket.socket(socket.AF_INET6 if ':' in source else socket.AF_INET, socket.SOCK_DGRAM)
            s.setsockopt(socket.SOL_SOCKET, 36, int(mark)) # SO_MARK
            if ':' in source:
                s.setsockopt(socket.IPPROTO_IPV6, 75, 1) # IPV6_TRANSPARENT
            else:
                s.setsockopt(socket.SOL_IP, 19, 1) # IP_TRANSPARENT
            s.bind((source, 0))
            s.sendto(b'x', (destination, 8080))
            """;
        using TwoHosts hosts = Make("overlay");
        hosts.B.Allow(Rule(PolicyDirection.Ingress, hosts.A.Identity));
        string[] ends = [hosts.A.Address(v6), hosts.B.Address(v6)];

        hosts.Python(hosts.A.Place, Send, ends[0], ends[1], "0");
        Assert.True(SpinWait.SpinUntil(() => hosts.A.Dropped(DropReason.InvalidSourceIp) == 1, TimeSpan.FromSeconds(20)));
        Assert.Empty(hosts.B.Datapath.ListConntrack());

        hosts.Python(hosts.A.Place, Send, ends[0], ends[1], $"{(int)ProxyMark.MarkFromProxy}");
        Assert.True(SpinWait.SpinUntil(() => hosts.B.Datapath.ListConntrack().Count == 1, TimeSpan.FromSeconds(20)));
        Assert.Equal(hosts.A.Identity, hosts.B.Datapath.ListConntrack()[0].SourceIdentity.Value);
    }

    [PrivilegedFact]
    public void Overlay_IsFoundByTheNextAgent_AndTakenOff()
    {
        using TwoHosts hosts = Make("overlay");
        Assert.True(hosts.A.Place.Run(() => hosts.A.Datapath.IsOverlayWhole(hosts.A.Overlay)));
        using (Datapath next = hosts.A.Place.Run(() => Datapath.Open(hosts.A.Options)))
        {
            Assert.True(hosts.A.Place.Run(() => next.IsOverlayWhole(hosts.A.Overlay)));
            hosts.A.Place.Run(() => next.SetOverlay(hosts.A.Overlay));
            hosts.A.Place.Run(() => next.SetOverlay(0));
        }

        Assert.False(hosts.A.Place.Run(() => hosts.A.Datapath.IsOverlayWhole(hosts.A.Overlay)));
        Assert.Empty(Directory.GetFiles(hosts.A.Options.PinRoot, "link_overlay*"));
    }

    private static TwoHosts Make(string way) => new(
        overlay: way.StartsWith("overlay", StringComparison.Ordinal), outerIpv6: way.EndsWith("IPv6", StringComparison.Ordinal), atDevice: way.EndsWith("device", StringComparison.Ordinal));

    private static PolicyMapEntry Rule(PolicyDirection direction, uint peer, uint rule = 5) => new(peer, direction, null, 0, 0, true, rule);
}
