// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Datapath.Abi;
using Weir.Linux.Netlink;
using Weir.Net;
using Weir.Policy;
using Weir.Testing;
using Xunit;

namespace Weir.Datapath.Tests;

/// <summary>Real connections of a client in front of the host's device to a container behind it, by way of a
/// frontend: one that is the host's own address and one that is nobody's.</summary>
public sealed class LocalBackendTrafficTests : IDisposable
{
    private const string Server = """
        import socket, threading
        def serve(family, address):
            t, u = socket.socket(family, socket.SOCK_STREAM), socket.socket(family, socket.SOCK_DGRAM)
            for s in t, u:
                s.bind((address, 8080))
            t.listen()
            def streams():
                while True:
                    c, source = t.accept()
                    data = b''
                    while len(data) < 200000:
                        data += c.recv(65536)
                    c.sendall(source[0].encode() + b' ' + data)
                    c.close()
            def datagrams():
                while True:
                    data, source = u.recvfrom(65536)
                    u.sendto(source[0].encode() + b' ' + data, source)
            return [threading.Thread(target=w) for w in (streams, datagrams)]
        for t in serve(socket.AF_INET, '10.210.0.7') + serve(socket.AF_INET6, 'fd77::7'):
            t.start()
        """;

    private const string Client = """
        import socket, sys, time
        address = sys.argv[1]
        family = socket.AF_INET6 if ':' in address else socket.AF_INET
        for attempt in range(100):
            s = socket.socket(family, socket.SOCK_STREAM)
            s.settimeout(5)
            if s.connect_ex((address, 80)) == 0:
                break
            s.close()
            time.sleep(0.05)
        s.sendall(b'x' * 200000)
        data = b''
        while more := s.recv(65536):
            data += more
        print('tcp', data.split()[0].decode(), len(data.split()[1]))
        u = socket.socket(family, socket.SOCK_DGRAM)
        u.settimeout(5)
        for size in 10, 4000:
            u.sendto(b'y' * size, (address, 80))
            data, source = u.recvfrom(65536)
            print('udp', data.split()[0].decode(), len(data.split()[1]), source[0], source[1])
        """;

    private static readonly byte[] _mac = [2, 0, 0, 0, 0, 2];
    private static readonly byte[] _gatewayMac = [2, 0, 0, 0, 0, 1];
    private readonly TestPins _pins = new();
    private readonly TestNamespace _host = new();
    private readonly TestNamespace _client = new();
    private readonly TestNamespace _container = new();
    private readonly TestCgroup _cgroup = new();
    private readonly Datapath _datapath;

    public LocalBackendTrafficTests()
    {
        _datapath = _host.Run(() => Datapath.Open(Options));
        int device = 0;
        int endpoint = 0;
        _host.Run(() =>
        {
            using var links = new RtnetlinkSocket();
            device = links.CreateVeth("nic", "c0", [2, 0, 0, 0, 1, 1], [2, 0, 0, 0, 1, 2], 1500);
            links.MoveLink(links.GetLink("c0")!.Index, _client.Descriptor);
            endpoint = links.CreateVeth("weir0", "e0", _gatewayMac, _mac, 1500);
            links.MoveLink(links.GetLink("e0")!.Index, _container.Descriptor);
        });
        Shell(_host, "ip link set lo up; ip link set nic up; ip link set weir0 up; ip address add 192.0.2.1/24 dev nic; ip address add 2001:db8:2::1/64 dev nic nodad");
        Shell(_client, "ip link set lo up; ip link set c0 up; ip address add 192.0.2.9/24 dev c0; ip address add 2001:db8:2::9/64 dev c0 nodad; ip route add default via 192.0.2.1; ip route add default via 2001:db8:2::1");
        Shell(_container, "ip link set lo up; ip link set e0 up; ip address add 10.210.0.7/32 dev e0; ip route add 10.210.0.1 dev e0; ip route add default via 10.210.0.1; ip address add fd77::7/128 dev e0 nodad; ip route add fd77::1 dev e0; ip route add default via fd77::1");
        _host.Run(() => _datapath.AttachEndpoint(new EndpointAttachment
        {
            Id = 7,
            Identity = new Identity(256),
            NetworkId = 3,
            Ifindex = endpoint,
            Ipv4 = IPAddress.Parse("10.210.0.7"),
            Ipv6 = IPAddress.Parse("fd77::7"),
            Gateway4 = IPAddress.Parse("10.210.0.1"),
            Gateway6 = IPAddress.Parse("fd77::1"),
            Mac = _mac,
            GatewayMac = _gatewayMac,
        }));
        _datapath.ApplyPolicies(new Dictionary<ushort, IReadOnlyList<PolicyMapEntry>> { [7] = [new(0, PolicyDirection.Ingress, null, 0, 0, true, 0)] });
        _host.Run(() => _datapath.AttachDevice("nic", device));
        _host.Run(() => _datapath.AttachDevice("nic", device));
        uint id = 0;
        foreach (string address in new[] { "192.0.2.1", "203.0.113.10", "2001:db8:2::1", "2001:db8:99::10" })
        {
            foreach (IpProtocol protocol in new[] { IpProtocol.Tcp, IpProtocol.Udp })
            {
                AddService(++id, IPAddress.Parse(address), protocol);
            }
        }
    }

    private DatapathOptions Options => new() { PinRoot = _pins.Root, MaxFlows = 1024, EventBytes = 65536 };

    public void Dispose()
    {
        _cgroup.Dispose();
        _datapath.Dispose();
        Datapath.RemoveAll(_pins.Root);
        _pins.Dispose();
        _container.Dispose();
        _client.Dispose();
        _host.Dispose();
    }

    [PrivilegedTheory]
    [InlineData("192.0.2.1", "192.0.2.9")]
    [InlineData("203.0.113.10", "192.0.2.9")]
    [InlineData("2001:db8:2::1", "2001:db8:2::9")]
    [InlineData("2001:db8:99::10", "2001:db8:2::9")]
    public void Client_ReachesTheContainer_WhichSeesItsTrueAddress(string frontend, string client)
    {
        Shell(_container, $"python3 -c \"{Server}\" > /dev/null 2>&1 &");

        string[] output = _cgroup.Run(_client, "python3", "-c", Client, frontend);

        Assert.Equal([$"tcp {client} 200000", $"udp {client} 10 {frontend} 80", $"udp {client} 4000 {frontend} 80"], output);
        Assert.All(_datapath.ListConntrack(), row => Assert.NotEqual(0u, row.FrontendId));
        _host.Run(() => _datapath.DetachDevice("nic"));
        Assert.Empty(Directory.GetFiles(_pins.Root, "link_dev_*"));
    }

    private string[] Shell(TestNamespace place, string script) => _cgroup.Run(place, "sh", "-c", script);

    private void AddService(uint id, IPAddress frontend, IpProtocol protocol)
    {
        IPAddress backend = IPAddress.Parse(frontend.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork ? "10.210.0.7" : "fd77::7");
        _datapath.Backends.Put(id, backend, 8080, BackendFlag.Present | BackendFlag.Local);
        _datapath.Services.WriteSlots(id, [(id, 0)]);
        _datapath.Services.Put(new ServiceRow(frontend, 80, protocol, id, id, 1));
    }
}
