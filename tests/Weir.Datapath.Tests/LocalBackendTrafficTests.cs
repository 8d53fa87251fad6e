// SPDX-License-Identifier: Apache-2.0
using Weir.Net;
using Weir.Testing;
using Xunit;

namespace Weir.Datapath.Tests;

/// <summary>Real connections of a client in front of the host's device to a container behind it, by way of a
/// frontend: one that is the host's own address and one that is nobody's.</summary>
public sealed class LocalBackendTrafficTests
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
        for attempt in range(400):
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

    [PrivilegedTheory]
    [InlineData("veth")]
    [InlineData("bridge")]
    [InlineData("macvlan")]
    [InlineData("tun")]
    public void Client_ReachesTheContainer_WhichSeesItsTrueAddress(string kind)
    {
        using var host = new TrafficHost(kind);
        host.Serve(Server);
        foreach (string frontend in (string[])["192.0.2.1", "203.0.113.10", "2001:db8:2::1", "2001:db8:99::10"])
        {
            string client = frontend.Contains(':', StringComparison.Ordinal) ? "2001:db8:2::9" : "192.0.2.9";

            string[] output = host.Python(host.Client, Client, frontend);

            Assert.Equal([$"tcp {client} 200000", $"udp {client} 10 {frontend} 80", $"udp {client} 4000 {frontend} 80"], output);
            host.Attach(); // again: in place of what is there
        }

        Assert.All(host.Datapath.ListConntrack(), row => Assert.NotEqual(0u, row.FrontendId));
        host.Host.Run(() => host.Datapath.DetachDevice(host.Device));
        Assert.Empty(Directory.GetFiles(host.Options.PinRoot, "link_dev_*"));
    }

    [PrivilegedTheory]
    [InlineData("tun")]
    [InlineData("bridge")]
    public void DeviceWithoutXdp_HasThePrefilter(string kind)
    {
        using var host = new TrafficHost(kind);
        host.Serve(Server);
        host.Python(host.Client, Client, "192.0.2.1");
        host.Datapath.Prefilter.Add([IpPrefix.Parse("192.0.2.9/32"), IpPrefix.Parse("2001:db8:2::/64")]);

        foreach (string frontend in (string[])["192.0.2.1", "2001:db8:2::1"])
        {
            Assert.Equal(["TimeoutError"], host.Python(host.Client, "import socket, sys\ntry: socket.create_connection((sys.argv[1], 80), timeout=1)\nexcept OSError as e: print(type(e).__name__)", frontend));
        }
    }
}
