// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Sockets;
using Weir.Datapath.Abi;
using Weir.Linux.Netlink;
using Weir.Net;
using Weir.Policy;
using Weir.Testing;

namespace Weir.Datapath.Tests;

/// <summary>A host with a container (10.210.0.7, fd77::7) that serves port 8080 as port 80 of the host's addresses and of
/// two that are nobody's, and a client in front of the host's device, which is of the kind that a test asks for.</summary>
internal sealed class TrafficHost : IDisposable
{
    /// <summary>Joins a TUN device of this namespace to one of another's.</summary>
    private const string Tunnel = """
        import ctypes, fcntl, os, select, struct, sys
        def tun(name):
            fd = os.open('/dev/net/tun', os.O_RDWR)
            fcntl.ioctl(fd, 0x400454ca, struct.pack('16sH', name.encode(), 0x1001)) # TUNSETIFF, IFF_TUN | IFF_NO_PI
            return fd
        here = tun('tun0')
        ctypes.CDLL(None).setns(os.open(sys.argv[1], os.O_RDONLY), 0)
        there = tun('tun1')
        while True:
            for fd in select.select([here, there], [], [])[0]:
                try:
                    os.write(there if fd == here else here, os.read(fd, 65536))
                except OSError: # the other one is not up yet
                    pass
        """;

    private static readonly byte[] _mac = [2, 0, 0, 0, 0, 2];
    private static readonly byte[] _gatewayMac = [2, 0, 0, 0, 0, 1];
    private readonly TestPins _pins = new();
    private readonly TestNamespace _container = new();
    private readonly TestCgroup _cgroup = new();
    private readonly int _endpoint;
    private readonly string _kind;

    /// <param name="kind">"veth", "bridge", "macvlan", or "tun", which has no Ethernet header.</param>
    internal TrafficHost(string kind)
    {
        Datapath = Host.Run(() => Datapath.Open(Options));
        int endpoint = 0;
        Host.Run(() =>
        {
            using var links = new RtnetlinkSocket();
            links.CreateVeth("nic", "c0", [2, 0, 0, 0, 1, 1], [2, 0, 0, 0, 1, 2], 1500);
            links.MoveLink(links.GetLink("c0")!.Index, Client.Descriptor);
            endpoint = links.CreateVeth("weir0", "e0", _gatewayMac, _mac, 1500);
            links.MoveLink(links.GetLink("e0")!.Index, _container.Descriptor);
        });
        Shell(Host, "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.weir0.rp_filter=0 net.ipv4.conf.weir0.accept_local=1; ip link set lo up; ip link set nic up; ip link set weir0 up; ip route add 10.210.0.7 dev weir0; ip -6 route add fd77::7 dev weir0");
        Shell(Client, "ip link set lo up; ip link set c0 up");
        Shell(_container, "ip link set lo up; ip link set e0 up; ip address add 10.210.0.7/32 dev e0; ip route add 10.210.0.1 dev e0; ip route add default via 10.210.0.1; ip address add fd77::7/128 dev e0 nodad; ip route add fd77::1 dev e0; ip route add default via fd77::1");
        (Device, ClientDevice) = MakeDevices(kind);
        Shell(Host, $"ip link set {Device} up; ip address add 192.0.2.1/24 dev {Device}; ip address add 2001:db8:2::1/64 dev {Device} nodad");
        Shell(Client, $"ip link set {ClientDevice} up; ip address add 192.0.2.9/24 dev {ClientDevice}; ip address add 2001:db8:2::9/64 dev {ClientDevice} nodad; ip route add default via 192.0.2.1; ip route add default via 2001:db8:2::1");
        _endpoint = endpoint;
        _kind = kind;
        Attach();

        uint id = 0;
        foreach (string address in new[] { "192.0.2.1", "203.0.113.10", "2001:db8:2::1", "2001:db8:99::10" })
        {
            foreach (IpProtocol protocol in new[] { IpProtocol.Tcp, IpProtocol.Udp })
            {
                AddService(++id, IPAddress.Parse(address), protocol);
            }
        }
    }

    internal TestNamespace Host { get; } = new();

    internal TestNamespace Client { get; } = new();

    internal Datapath Datapath { get; private set; }

    /// <summary>The one that has the host's addresses, 192.0.2.1 and 2001:db8:2::1.</summary>
    internal string Device { get; }

    /// <summary>The one that has the client's, 192.0.2.9 and 2001:db8:2::9.</summary>
    internal string ClientDevice { get; }

    internal DatapathOptions Options => new() { PinRoot = _pins.Root, MaxFlows = 1024, EventBytes = 65536 };

    /// <summary>The container.</summary>
    internal EndpointAttachment Endpoint => new()
    {
        Id = 7,
        Identity = new Identity(256),
        NetworkId = 3,
        Ifindex = _endpoint,
        Ipv4 = IPAddress.Parse("10.210.0.7"),
        Ipv6 = IPAddress.Parse("fd77::7"),
        Gateway4 = IPAddress.Parse("10.210.0.1"),
        Gateway6 = IPAddress.Parse("fd77::1"),
        Mac = _mac,
        GatewayMac = _gatewayMac,
    };

    /// <summary>What another agent does first.</summary>
    internal void Reopen(DatapathOptions options)
    {
        Datapath.Dispose();
        Datapath = Host.Run(() => Datapath.Open(options));
    }

    /// <summary>Attaches all programs.</summary>
    internal void Attach()
    {
        Host.Run(() => Datapath.AttachEndpoint(Endpoint));
        Datapath.ApplyPolicies(new Dictionary<ushort, IReadOnlyList<PolicyMapEntry>> { [7] = [new(0, PolicyDirection.Ingress, null, 0, 0, true, 0)] });
        Host.Run(() =>
        {
            using var links = new RtnetlinkSocket();
            Datapath.AttachDevice(Device, links.GetLink(Device)!.Index, hasEthernet: _kind != "tun", hasXdp: _kind == "veth");
        });
    }

    /// <summary>Has what is attached since other maps took the places of some take effect.</summary>
    internal void EndReplacement() => Host.Run(() => Datapath.EndReplacement());

    /// <summary>Runs a script in the container until the end of the test.</summary>
    internal void Serve(string script) => Shell(_container, $"python3 -c \"{script}\" > /dev/null 2>&1 &");

    internal string[] Python(TestNamespace place, string script, params string[] arguments) => _cgroup.Run(place, ["python3", "-c", script, .. arguments]);

    internal string[] Shell(TestNamespace place, string script) => _cgroup.Run(place, "sh", "-c", script);

    public void Dispose()
    {
        _cgroup.Dispose();
        Datapath.Dispose();
        Datapath.RemoveAll(_pins.Root);
        _pins.Dispose();
        _container.Dispose();
        Client.Dispose();
        Host.Dispose();
    }

    private (string Host, string Client) MakeDevices(string kind)
    {
        switch (kind)
        {
            case "bridge":
                Shell(Host, "ip link add br0 type bridge && ip link set nic master br0");
                return ("br0", "c0");
            case "macvlan":
                Shell(Host, "ip link add link nic name mv0 type macvlan");
                return ("mv0", "c0");
            case "tun":
                string client = $"/proc/{Environment.ProcessId}/fd/{Client.Descriptor.Number}";
                Shell(Host, $"python3 -c \"{Tunnel}\" {client} > /dev/null 2>&1 & until ip link show tun0 > /dev/null 2>&1; do sleep 0.05; done");
                Shell(Client, "until ip link show tun1 > /dev/null 2>&1; do sleep 0.05; done");
                return ("tun0", "tun1");
            default:
                return ("nic", "c0");
        }
    }

    private void AddService(uint id, IPAddress frontend, IpProtocol protocol)
    {
        IPAddress backend = IPAddress.Parse(frontend.AddressFamily == AddressFamily.InterNetwork ? "10.210.0.7" : "fd77::7");
        Datapath.Backends.Put(id, backend, 8080, BackendFlag.Present | BackendFlag.Local);
        Datapath.Services.WriteSlots(id, [(id, 0)]);
        Datapath.Services.Put(new ServiceRow(frontend, 80, protocol, id, id, 1));
    }
}
