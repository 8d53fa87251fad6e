// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Linux.Netlink;
using Weir.Net;
using Weir.Testing;
using Xunit;

namespace Weir.Datapath.Tests;

/// <summary>A service of two hosts: whichever of them a client's packet comes in at, the one that has the backend serves it.</summary>
public sealed class HandOverTrafficTests
{
    private const string Vip4 = "203.0.113.10";
    private const string Vip6 = "2001:db8:99::10";

    /// <summary>Says who it is that speaks, and answers what he says, to the byte.</summary>
    private const string Server = """
        import socket, threading
        def serve(family):
            t, u = socket.socket(family, socket.SOCK_STREAM), socket.socket(family, socket.SOCK_DGRAM)
            for s in t, u:
                if family == socket.AF_INET6: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                s.bind(('', 8080))
            t.listen()
            def stream(c, source):
                c.sendall(source[0].encode() + b'\\n')
                while data := c.recv(1 << 20):
                    c.sendall(data)
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

    /// <summary>Keeps one connection through moves of its packets between the hosts, both ways, small and large.</summary>
    private const string Client = """
        import os, socket, subprocess, sys, threading, time
        address, moves = sys.argv[1], sys.argv[2:]
        family = socket.AF_INET6 if ':' in address else socket.AF_INET
        for attempt in range(30):
            s = socket.socket(family, socket.SOCK_STREAM)
            s.settimeout(2)
            if s.connect_ex((address, 80)) == 0:
                break
            s.close()
            time.sleep(0.1)
        s.settimeout(15)
        f = s.makefile('rb')
        print('tcp from', f.readline().decode().strip(), flush=True)
        def echo(size):
            data = os.urandom(size)
            sender = threading.Thread(target=s.sendall, args=(data,))
            sender.start()
            same = f.read(size) == data
            sender.join()
            print('echo', size, same, flush=True)
        echo(10)
        echo(1500000)
        for move in moves:
            subprocess.run(move, shell=True, check=True)
            echo(10)
            echo(1500000)
        u = socket.socket(family, socket.SOCK_DGRAM)
        u.settimeout(10)
        for size in 10, 4000:
            u.sendto(b'y' * size, (address, 80))
            data, source = u.recvfrom(65536)
            print('udp', data.split()[0].decode(), len(data.split()[1]), source[0], flush=True)
        """;

    private const string Refused = """
        import socket, sys, time
        begun = time.monotonic()
        try:
            socket.create_connection((sys.argv[1], 80), timeout=2).close()
            print('connected')
        except OSError as e:
            print(type(e).__name__, 'at once' if time.monotonic() - begun < 1.5 else 'late')
        """;

    [PrivilegedTheory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void LiveConnection_SurvivesItsPacketsMovingBetweenHosts_AndTheBackendSeesTheClient(bool overlay, bool v6)
    {
        using var hosts = new TwoHosts(overlay, containerMtu: TwoHosts.WireMtu, atDevice: true);
        using var client = new TestNamespace();
        Front(hosts, client);
        Serve(hosts, v6, ServiceMode.Snat);
        hosts.Serve(hosts.B.Container, Server);

        string[] output = hosts.Python(client, Client, v6 ? Vip6 : Vip4, Route("cb", v6), Route("ca", v6));

        string from = v6 ? "2001:db8:9::9" : "198.51.100.9";
        string[] echoes = ["echo 10 True", "echo 1500000 True"];
        Assert.Equal([$"tcp from {from}", .. echoes, .. echoes, .. echoes, $"udp {from} 10 {(v6 ? Vip6 : Vip4)}", $"udp {from} 4000 {(v6 ? Vip6 : Vip4)}"], output);
        // The host that hands over keeps no flow, and the other's policy sees who the client is.
        Assert.Empty(hosts.A.Datapath.ListConntrack());
        Assert.All(hosts.B.Datapath.ListConntrack(), row => Assert.Equal(v6 ? Identity.WorldIpv6 : Identity.WorldIpv4, row.SourceIdentity));
        hosts.B.Allow(new Policy.PolicyMapEntry(70_999, Policy.PolicyDirection.Ingress, null, 0, 5, true, 0));
        Assert.Equal(["TimeoutError late"], hosts.Python(client, Refused, v6 ? Vip6 : Vip4)); // the world hears nothing
        hosts.B.Datapath.SetDenyAnswer(TwoHosts.OneHost.Endpoint, DenyAnswer.All);
        Assert.Equal(["ConnectionRefusedError at once"], hosts.Python(client, Refused, v6 ? Vip6 : Vip4));
    }

    [PrivilegedFact]
    public void WhatIsHandedOver_IsBelievedOfNodesOnly_AndGoesNoFurther()
    {
        const string Forge = """
            import socket, struct, sys
            outer_source, outer, source, destination = sys.argv[1:5]
            def checksum(b):
                total = sum(struct.unpack('!%dH' % (len(b) // 2), b))
                while total >> 16:
                    total = (total & 0xffff) + (total >> 16)
                return ~total & 0xffff
            def ipv4(source, destination, protocol, data):
                head = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(data), 1, 0, 64, protocol, 0, socket.inet_aton(source), socket.inet_aton(destination))
                return head[:10] + struct.pack('!H', checksum(head)) + head[12:] + data
            inner = ipv4(source, destination, 17, struct.pack('!HHHH', 4000, 80, 12, 0) + b'evil')
            s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
            s.sendto(ipv4(outer_source, outer, 4, inner), (outer, 0))
            """;
        using var hosts = new TwoHosts(overlay: false, atDevice: true);
        using var client = new TestNamespace();
        Front(hosts, client);
        Serve(hosts, v6: false, ServiceMode.Snat);
        hosts.Shell(hosts.A.Place, "ip address add 192.0.2.77/24 dev wire");
        (string a, string b) = (hosts.A.HostAddress(false), hosts.B.HostAddress(false));

        hosts.Python(hosts.A.Place, Forge, "192.0.2.77", b, "198.51.100.9", Vip4); // no node's address
        hosts.Python(hosts.A.Place, Forge, a, b, "198.51.100.9", "203.0.113.99"); // no service
        hosts.Python(hosts.A.Place, Forge, a, b, hosts.B.Address(false), Vip4); // its own container
        Assert.True(SpinWait.SpinUntil(() => hosts.B.Dropped(DropReason.NoBackend) == 1 && hosts.B.Dropped(DropReason.SpoofedEndpoint) == 1, TimeSpan.FromSeconds(20)));
        Assert.Empty(hosts.B.Datapath.ListConntrack());

        // Where the tables differ, nobody sends it round.
        hosts.B.Datapath.Backends.SetFlags(1, BackendFlag.Present | BackendFlag.Node);
        hosts.Python(hosts.A.Place, Forge, a, b, "198.51.100.9", Vip4);
        Assert.True(SpinWait.SpinUntil(() => hosts.B.Dropped(DropReason.NoBackend) == 2, TimeSpan.FromSeconds(20)));

        hosts.B.Datapath.Backends.SetFlags(1, BackendFlag.Present | BackendFlag.Local);
        hosts.Python(hosts.A.Place, Forge, a, b, "198.51.100.9", Vip4);
        Assert.True(SpinWait.SpinUntil(() => hosts.B.Datapath.ListConntrack().Count == 1, TimeSpan.FromSeconds(20)));
    }

    /// <summary>Puts a client in front of both hosts, by a link to each: its way to the service goes by the first.</summary>
    private static void Front(TwoHosts hosts, TestNamespace client)
    {
        foreach ((TwoHosts.OneHost host, string name, byte number) in ((TwoHosts.OneHost, string, byte)[])[(hosts.A, "ca", 1), (hosts.B, "cb", 2)])
        {
            host.Place.Run(() =>
            {
                using var links = new RtnetlinkSocket();
                links.CreateVeth("front", name, [2, 0, 0, 0, 3, number], [2, 0, 0, 0, 4, number], TwoHosts.WireMtu);
                links.MoveLink(links.GetLink(name)!.Index, client.Descriptor);
            });
            hosts.Shell(host.Place, $"ip link set front up; ip address add 10.9.{number}.1/24 dev front; ip address add 2001:db8:9:{number}::1/64 dev front nodad; ip route add 198.51.100.9 via 10.9.{number}.9; ip -6 route add 2001:db8:9::9 via 2001:db8:9:{number}::9; sysctl -qw net.ipv4.conf.front.rp_filter=0");
            hosts.Shell(client, $"ip link set lo up; ethtool -K {name} tx off gro on; ip link set {name} up; ip address add 10.9.{number}.9/24 dev {name}; ip address add 2001:db8:9:{number}::9/64 dev {name} nodad");
            host.AttachDevice("front");
            // The way back is this one, whatever way it came.
        }

        hosts.Shell(client, $"sysctl -qw net.ipv4.conf.all.rp_filter=0; sysctl -qw net.ipv4.conf.ca.rp_filter=0; sysctl -qw net.ipv4.conf.cb.rp_filter=0; ip address add 198.51.100.9/32 dev lo; ip -6 address add 2001:db8:9::9/128 dev lo nodad; {Route("ca", false)}; {Route("ca", true)}");
    }

    private static string Route(string device, bool v6)
    {
        string number = device == "ca" ? "1" : "2";
        return v6
            ? $"ip -6 route replace {Vip6} via 2001:db8:9:{number}::1 dev {device} src 2001:db8:9::9"
            : $"ip route replace {Vip4} via 10.9.{number}.1 dev {device} src 198.51.100.9";
    }

    /// <summary>A service on both hosts whose backend is B's container.</summary>
    private static void Serve(TwoHosts hosts, bool v6, ServiceMode mode)
    {
        IPAddress backend = IPAddress.Parse(hosts.B.Address(v6));
        IPAddress node = IPAddress.Parse(hosts.B.HostAddress(v6));
        hosts.A.Place.Run(() =>
        {
            using var links = new RtnetlinkSocket();
            var hop = new NextHop(links.GetLink("wire")!.Index, [2, 0, 0, 0, 1, 2], [2, 0, 0, 0, 1, 1], IPAddress.Parse(hosts.A.HostAddress(v6)), node);
            hosts.A.Datapath.Backends.Put(1, backend, 8080, BackendFlag.Present | BackendFlag.Node, hop);
            hosts.A.Datapath.AttachXdp("front", links.GetLink("front")!.Index, XdpMode.Generic);
        });
        hosts.B.Datapath.Backends.Put(1, backend, 8080, BackendFlag.Present | BackendFlag.Local);
        foreach (TwoHosts.OneHost host in (TwoHosts.OneHost[])[hosts.A, hosts.B])
        {
            host.Datapath.Services.WriteSlots(1, [(1, 0)]);
            host.Datapath.Services.Put(new ServiceRow(IPAddress.Parse(v6 ? Vip6 : Vip4), 80, IpProtocol.Tcp, 1, 1, 1, mode));
            host.Datapath.Services.Put(new ServiceRow(IPAddress.Parse(v6 ? Vip6 : Vip4), 80, IpProtocol.Udp, 2, 1, 1, mode));
        }
    }
}
