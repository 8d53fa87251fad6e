// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Weir.Datapath.Abi;
using Weir.Testing;
using Xunit;

namespace Weir.Datapath.Tests;

/// <summary>What containers of two hosts send each other by the hosts' routes, past both hosts' stacks, whatever becomes of routes,
/// devices and neighbours meanwhile.</summary>
public sealed class DirectTrafficTests
{
    /// <summary>Gives back what it gets, with the time to live that a datagram came with.</summary>
    private const string Server = """
        import socket, struct, sys, threading
        def stream(c):
            while data := c.recv(1 << 20):
                c.sendall(data)
        def streams(t):
            while True:
                threading.Thread(target=stream, args=t.accept()[:1]).start()
        def datagrams(u):
            while True:
                data, more, _, source = u.recvmsg(65536, 64)
                u.sendto(b'%d %d' % (struct.unpack('i', more[0][2])[0], len(data)), source)
        for family in socket.AF_INET, socket.AF_INET6:
            u = socket.socket(family, socket.SOCK_DGRAM)
            if family == socket.AF_INET6:
                u.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                u.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
            else:
                u.setsockopt(socket.IPPROTO_IP, 12, 1) # IP_RECVTTL
            u.bind(('', 8080))
            threading.Thread(target=datagrams, args=(u,)).start()
            threading.Thread(target=streams, args=(socket.create_server(('', 8080), family=family),)).start()
        open(sys.argv[1] + '/ready', 'w')
        """;

    /// <summary>One connection and one socket for datagrams. For each step that is named in the file "step" it writes down what
    /// came back: half a megabyte, and the answers to a small datagram, to one in fragments, and to one with one hop to go.</summary>
    private const string Client = """
        import errno, os, socket, sys, time
        address, folder = sys.argv[1:]
        v6 = ':' in address
        hops = (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS) if v6 else (socket.IPPROTO_IP, socket.IP_TTL)
        family = socket.AF_INET6 if v6 else socket.AF_INET
        while not os.path.exists(folder + '/ready'):
            time.sleep(0.02)
        s = socket.create_connection((address, 8080), timeout=20)
        u = socket.socket(family, socket.SOCK_DGRAM)
        u.settimeout(1)
        u.setsockopt(*((socket.IPPROTO_IPV6, 25) if v6 else (socket.IPPROTO_IP, 11)), 1) # IPV6_RECVERR, IP_RECVERR
        u.connect((address, 8080))
        def talk():
            s.sendall(b'x' * 500000)
            got = 0
            while got < 500000:
                got += len(s.recv(1 << 20))
            return str(got)
        def ask(data, ttl=64):
            u.setsockopt(*hops, ttl)
            for attempt in range(20):
                try:
                    u.send(data)
                    return u.recv(100).decode()
                except OSError as e:
                    answer = errno.errorcode.get(e.errno, type(e).__name__)
                    # The first ones learn what fits, and the kernel bounds how often it sends errors.
                    if answer not in ('EMSGSIZE', 'TimeoutError'):
                        break
            return answer
        done = ''
        while True:
            step = open(folder + '/step').read() if os.path.exists(folder + '/step') else ''
            if step == done:
                time.sleep(0.02)
                continue
            answers = [talk(), ask(b'x'), ask(b'y' * 4000), ask(b'x', 1)]
            with open(folder + '/now', 'w') as f:
                f.write('\n'.join(answers))
            os.rename(folder + '/now', folder + '/' + step + '.done')
            done = step
        """;

    [PrivilegedTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void OfAFlow_TheStackMeets_ItsFirstPacketAlone(bool v6)
    {
        using var hosts = new TwoHosts(overlay: false, atDevice: true);
        using var conversation = new Conversation(hosts, v6);

        Assert.Equal(["500000", "63 1", "63 4000", "EHOSTUNREACH"], conversation.Step("first"));

        (ulong a, ulong b) = (hosts.A.Forwarded(v6), hosts.B.Forwarded(v6));
        Assert.Equal(["500000", "63 1", "63 4000", "EHOSTUNREACH"], conversation.Step("second"));
        Assert.Equal((a, b), (hosts.A.Forwarded(v6), hosts.B.Forwarded(v6)));
        Assert.Equal(0ul, b);
    }

    /// <summary>Which sees one direction of a flow takes it for no connection at all.</summary>
    [PrivilegedTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void Firewall_ThatDropsWhatItDoesNotKnow_DropsNothing(bool v6)
    {
        using var hosts = new TwoHosts(overlay: false, atDevice: true);
        foreach (TwoHosts.OneHost host in (TwoHosts.OneHost[])[hosts.A, hosts.B])
        {
            hosts.Shell(host.Place, $"{(v6 ? "ip6tables" : "iptables")} -A FORWARD -m conntrack --ctstate INVALID -j DROP");
        }

        using var conversation = new Conversation(hosts, v6);

        Assert.Equal(["500000", "63 1", "63 4000", "EHOSTUNREACH"], conversation.Step("first"));
    }

    [PrivilegedTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void LivingFlow_FollowsRoutesDevicesAndNeighbours(bool v6)
    {
        using var hosts = new TwoHosts(overlay: false, atDevice: true);
        using var router = new TestNamespace();
        using var conversation = new Conversation(hosts, v6);
        string family = v6 ? "-6" : "-4";
        Behind(hosts, router, hosts.A, 1);
        Behind(hosts, router, hosts.B, 2);
        Assert.Equal(["500000", "63 1", "63 4000", "EHOSTUNREACH"], conversation.Step("first"));

        // One direction by a router, whose device has no programs yet: its packets are the stack's.
        Lead(hosts.A, hosts.B, 1);
        Assert.Equal(["500000", "61 1", "61 4000", "EHOSTUNREACH"], conversation.Step("moved"));
        Lead(hosts.B, hosts.A, 2);
        hosts.A.AttachDevice("side");
        hosts.B.AttachDevice("side");
        Assert.Equal(["500000", "62 1", "62 4000", "EHOSTUNREACH"], conversation.Step("back"));

        // By what comes in by the device, the rest is past the stack again; nobody's MAC is known any more.
        (ulong a, ulong b) = (hosts.A.Forwarded(v6), hosts.B.Forwarded(v6));
        foreach (TestNamespace place in (TestNamespace[])[hosts.A.Place, hosts.B.Place, router])
        {
            hosts.Shell(place, "ip neighbour flush nud reachable; ip neighbour flush nud stale; ip neighbour flush nud delay");
        }

        Assert.Equal(["500000", "62 1", "62 4000", "EHOSTUNREACH"], conversation.Step("asked"));
        Assert.Equal((a, b), (hosts.A.Forwarded(v6), hosts.B.Forwarded(v6)));

        // Narrower at the host, and narrower still behind the router.
        hosts.Shell(hosts.A.Place, "ip link set side mtu 1400");
        hosts.Shell(router, "ip link set side2 mtu 1300");
        Assert.Equal(["500000", "62 1", "62 4000", "EHOSTUNREACH"], conversation.Step("narrow"));
        Assert.NotEqual(0ul, hosts.A.Dropped(DropReason.TooBig));

        // Its route goes with the device, and comes back elsewhere.
        hosts.Shell(hosts.A.Place, "ip link set side down");
        hosts.Shell(hosts.A.Place, $"ip {family} route replace {hosts.B.Range(v6)} via {hosts.B.HostAddress(v6)}");
        hosts.Shell(hosts.B.Place, $"ip {family} route replace {hosts.A.Range(v6)} via {hosts.A.HostAddress(v6)}");
        Assert.Equal(["500000", "63 1", "63 4000", "EHOSTUNREACH"], conversation.Step("up"));

        void Lead(TwoHosts.OneHost from, TwoHosts.OneHost to, byte number) =>
            hosts.Shell(from.Place, $"ip {family} route replace {to.Range(v6)} via {(v6 ? $"2001:db8:9:{number}::9" : $"198.51.{number}.9")}");
    }

    /// <summary>Only the stack encrypts by them, and asks them whether a packet may come as it does.</summary>
    [PrivilegedTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void WhereTheKernelHasIpsecPolicies_TheStackHasAll(bool v6)
    {
        using var hosts = new TwoHosts(overlay: false, atDevice: true);
        using var conversation = new Conversation(hosts, v6);
        conversation.Step("before");
        ulong before = hosts.A.Forwarded(v6);

        hosts.Shell(hosts.A.Place, "ip xfrm policy add src 198.51.1.0/24 dst 198.51.2.0/24 dir out action allow");
        Assert.True(Follow());
        Assert.Equal(["500000", "63 1", "63 4000", "EHOSTUNREACH"], conversation.Step("with"));
        ulong with = hosts.A.Forwarded(v6);
        Assert.InRange(with, before + 10, ulong.MaxValue);

        Assert.Null(Follow());
        hosts.Shell(hosts.A.Place, "ip xfrm policy flush");
        Assert.False(Follow());
        Assert.Equal(["500000", "63 1", "63 4000", "EHOSTUNREACH"], conversation.Step("after"));
        Assert.Equal(with, hosts.A.Forwarded(v6));

        bool? Follow() => hosts.A.Place.Run(() => hosts.A.Datapath.FollowIpsec());
    }

    /// <summary>Joins a host to the router by a device "side".</summary>
    private static void Behind(TwoHosts hosts, TestNamespace router, TwoHosts.OneHost host, byte number)
    {
        host.Place.Run(() =>
        {
            using var links = new Linux.Netlink.RtnetlinkSocket();
            links.CreateVeth("side", $"side{number}", [2, 0, 0, 1, number, 1], [2, 0, 0, 1, number, 9], TwoHosts.WireMtu);
            links.MoveLink(links.GetLink($"side{number}")!.Index, router.Descriptor);
        });
        hosts.Shell(
            host.Place,
            $"sysctl -qw net.ipv4.conf.side.rp_filter=0; ip address add 198.51.{number}.1/24 dev side; ip address add 2001:db8:9:{number}::1/64 dev side nodad; ip link set side up");
        hosts.Shell(
            router,
            $"sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.side{number}.rp_filter=0; ip link set lo up; "
            + $"ip address add 198.51.{number}.9/24 dev side{number}; ip address add 2001:db8:9:{number}::9/64 dev side{number} nodad; ip link set side{number} up; "
            + $"ip route add {host.Range(false)} via 198.51.{number}.1; ip route add {host.Range(true)} via 2001:db8:9:{number}::1");
    }

    /// <summary>A connection and a socket for datagrams that stay the same from step to step.</summary>
    private sealed class Conversation : IDisposable
    {
        private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("weir-test");

        internal Conversation(TwoHosts hosts, bool v6)
        {
            Start(hosts, hosts.B.Container, "server", Server, "");
            Start(hosts, hosts.A.Container, "client", Client, hosts.B.Address(v6));
        }

        private void Start(TwoHosts hosts, TestNamespace place, string name, string script, string arguments)
        {
            File.WriteAllText(Path.Combine(_folder.FullName, name), script);
            hosts.Shell(place, $"cd {_folder.FullName}; python3 {name} {arguments} . > {name}.errors 2>&1 &");
        }

        internal string[] Step(string name)
        {
            string done = Path.Combine(_folder.FullName, name + ".done");
            File.WriteAllText(Path.Combine(_folder.FullName, "next"), name);
            File.Move(Path.Combine(_folder.FullName, "next"), Path.Combine(_folder.FullName, "step"), overwrite: true);
            Assert.True(
                SpinWait.SpinUntil(() => File.Exists(done), TimeSpan.FromSeconds(30)),
                $"step '{name}' did not end: {string.Concat(_folder.GetFiles("*.errors").Select(file => File.ReadAllText(file.FullName)))}");
            return File.ReadAllLines(done);
        }

        public void Dispose() => _folder.Delete(recursive: true);
    }
}
