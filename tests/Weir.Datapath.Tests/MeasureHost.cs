// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Datapath.Abi;
using Weir.Linux;
using Weir.Linux.Netlink;
using Weir.Net;
using Weir.Policy;
using Weir.Testing;

namespace Weir.Datapath.Tests;

/// <summary>A host with two containers that may do everything, "web" (7: 10.210.0.7, fd77::7) and "api" (8: 10.210.0.8, fd77::8), and
/// somebody outside (192.0.2.9). Scripts have what it takes to be either end of a connection.</summary>
internal sealed class MeasureHost : IDisposable
{
    private const string Prelude = """
        import errno, os, socket, struct, sys, threading, time
        def family(a): return socket.AF_INET6 if ':' in a else socket.AF_INET
        def listen(a, port):
            s = socket.socket(family(a), socket.SOCK_STREAM)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((a, port)); s.listen(1000)
            return s
        def connect(a, port, wait=5):
            s = socket.socket(family(a), socket.SOCK_STREAM); s.settimeout(wait)
            s.connect((a, port))
            return s
        def whole(s, n):
            got = 0
            while got < n:
                part = s.recv(65536)
                if not part: break
                got += len(part)
            return got
        def until_closed(s):
            while s.recv(65536): pass
            s.close()
        def reset(s):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)); s.close()

        """;

    private readonly TestPins _pins = new();
    private readonly TestCgroup _cgroup = new();

    internal MeasureHost()
    {
        Datapath = Host.Run(() => Datapath.Open(Options));
        Shell(Host, "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.conf.default.accept_local=1; ip link set lo up; ip address add 10.210.0.1/32 dev lo");
        Host.Run(() =>
        {
            using var links = new RtnetlinkSocket();
            links.CreateVeth("nic", "c0", [2, 0, 0, 0, 9, 1], [2, 0, 0, 0, 9, 2], 1500);
            links.MoveLink(links.GetLink("c0")!.Index, Outside.Descriptor);
        });
        Shell(Host, "ip link set nic up; ip address add 192.0.2.1/24 dev nic");
        Shell(Outside, "ip link set lo up; ip link set c0 up; ip address add 192.0.2.9/24 dev c0; ip route add default via 192.0.2.1");
        Add(7, Web);
        Add(8, Api);
        Datapath.ApplyPolicies(new Dictionary<ushort, IReadOnlyList<PolicyMapEntry>> { [7] = Everything, [8] = Everything });
        Host.Run(() =>
        {
            using var links = new RtnetlinkSocket();
            Datapath.AttachDevice("nic", links.GetLink("nic")!.Index, hasEthernet: true, hasXdp: false);
        });
        KnowNamespaces(web: true, api: true);
        SetMeasuring(true);
    }

    internal static IReadOnlyList<PolicyMapEntry> Everything { get; } = [new(0, PolicyDirection.Ingress, null, 0, 0, true, 0), new(0, PolicyDirection.Egress, null, 0, 0, true, 0)];

    internal TestNamespace Host { get; } = new();

    internal TestNamespace Outside { get; } = new();

    internal TestNamespace Web { get; } = new();

    internal TestNamespace Api { get; } = new();

    internal Datapath Datapath { get; private set; }

    internal string PinRoot => _pins.Root;

    private DatapathOptions Options => new() { PinRoot = _pins.Root, Cgroup = _cgroup.Folder, MaxFlows = 8192, EventBytes = 512 * 1024 };

    internal void SetMeasuring(bool on) => Host.Run(() => Datapath.SetMeasuring(on));

    /// <summary>As when the agent ends and another begins.</summary>
    internal void Reopen()
    {
        Datapath.Dispose();
        Datapath = Host.Run(() => Datapath.Open(Options));
    }

    internal void KnowNamespaces(bool web, bool api)
    {
        Dictionary<ulong, NamespaceRow> known = [];
        if (web)
        {
            known[Web.Run(NetworkNamespace.CurrentCookie)] = new(7, IPAddress.Parse("10.210.0.7"), IPAddress.Parse("fd77::7"));
        }

        if (api)
        {
            known[Api.Run(NetworkNamespace.CurrentCookie)] = new(8, IPAddress.Parse("10.210.0.8"), IPAddress.Parse("fd77::8"));
        }

        Datapath.Namespaces.Set(known, areAll: true);
    }

    internal string[] Python(TestNamespace place, string script) => _cgroup.Run(place, "python3", "-c", Prelude + script);

    internal string[] Shell(TestNamespace place, string script) => _cgroup.Run(place, "sh", "-c", script);

    /// <summary>Runs a script until the end of the test, and returns once it listens on port 80 of that family.</summary>
    internal void Serve(TestNamespace place, string script, string address = "10.210.0.8")
    {
        string file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        File.WriteAllText(file, Prelude + script);
        Shell(place, $"python3 {file} > {file}.log 2>&1 & for i in $(seq 200); do ss -Hltn src '[{address}]:80' 2>/dev/null | grep -q . && break; sleep 0.05; done; rm -f {file}");
    }

    /// <summary>Connections that ended, as many as are expected; then no more for a while.</summary>
    internal List<TcpEvent> Ended(int count)
    {
        List<TcpEvent> ended = [];
        void Note(in TcpEvent e) => ended.Add(e);
        for (int i = 0; i < 100 && ended.Count < count; i++)
        {
            Datapath.ReadEvents((in Event _) => { }, TimeSpan.FromMilliseconds(100), Note);
        }

        Datapath.ReadEvents((in Event _) => { }, TimeSpan.FromMilliseconds(300), Note);
        return ended;
    }

    public void Dispose()
    {
        _cgroup.Dispose();
        Datapath.Dispose();
        Datapath.RemoveAll(_pins.Root);
        _pins.Dispose();
        Web.Dispose();
        Api.Dispose();
        Outside.Dispose();
        Host.Dispose();
    }

    private void Add(ushort id, TestNamespace place)
    {
        byte[] mac = [2, 0, 0, 0, 0, (byte)id], gateway = [2, 0, 0, 0, 1, (byte)id];
        int index = 0;
        Host.Run(() =>
        {
            using var links = new RtnetlinkSocket();
            index = links.CreateVeth($"weir{id}", "e0", gateway, mac, 1500);
            links.MoveLink(links.GetLink("e0")!.Index, place.Descriptor);
        });
        Shell(Host, $"ip link set weir{id} up; ip route add 10.210.0.{id} dev weir{id}; ip -6 route add fd77::{id} dev weir{id}; ip neighbour add 10.210.0.{id} lladdr 02:00:00:00:00:0{id} dev weir{id}");
        Shell(place, $"ip link set lo up; ip link set e0 up; ip address add 10.210.0.{id}/32 dev e0; ip route add 10.210.0.1 dev e0; ip route add default via 10.210.0.1; ip address add fd77::{id}/128 dev e0 nodad; ip route add fd77::1 dev e0; ip route add default via fd77::1");
        Host.Run(() => Datapath.AttachEndpoint(new EndpointAttachment
        {
            Id = id,
            Identity = new Identity(256u + id),
            NetworkId = 3,
            Ifindex = index,
            Ipv4 = IPAddress.Parse($"10.210.0.{id}"),
            Ipv6 = IPAddress.Parse($"fd77::{id}"),
            Gateway4 = IPAddress.Parse("10.210.0.1"),
            Gateway6 = IPAddress.Parse("fd77::1"),
            Mac = mac,
            GatewayMac = gateway,
        }));
        Datapath.SetRouted(id, true);
    }
}
