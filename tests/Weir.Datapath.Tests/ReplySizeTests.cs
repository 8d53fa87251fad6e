// SPDX-License-Identifier: Apache-2.0
using Weir.Testing;
using Xunit;

namespace Weir.Datapath.Tests;

/// <summary>Answers of a container by way of a service that do not fit the way to the client: they arrive, whole.</summary>
public sealed class ReplySizeTests
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
                    c = t.accept()[0]
                    c.sendall(b'x' * 2000000)
                    c.close()
            def datagrams():
                while True:
                    size, source = u.recvfrom(99)
                    try:
                        u.sendto(b'y' * int(size), source)
                    except OSError:
                        pass
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
        got = 0
        while more := s.recv(65536):
            got += len(more)
        print('tcp', got)
        for size in 1450, 5000:
            u = socket.socket(family, socket.SOCK_DGRAM)
            u.settimeout(1)
            for attempt in range(5): # the first may be what tells the server of the way
                u.sendto(str(size).encode(), (address, 80))
                try:
                    print('udp', len(u.recv(65536)))
                    break
                except TimeoutError:
                    pass
        """;

    [PrivilegedTheory]
    [InlineData("192.0.2.1", false)]
    [InlineData("203.0.113.10", false)]
    [InlineData("2001:db8:2::1", false)]
    [InlineData("2001:db8:99::10", false)]
    [InlineData("192.0.2.1", true)]
    [InlineData("2001:db8:2::1", true)]
    public void Answer_LongerThanTheWay_Arrives(string frontend, bool narrowByRoute)
    {
        using var host = new TrafficHost("veth");
        host.Serve(Server);

        // The client believes that 1500 bytes reach it, as one does that is further away; its device takes 1400.
        host.Shell(host.Client, "ip link set c0 mtu 1400; ip route replace 192.0.2.0/24 dev c0 advmss 1460; ip -6 route replace 2001:db8:2::/64 dev c0 metric 1 advmss 1440");
        host.Shell(host.Host, "ethtool -K nic tso off gso off > /dev/null; " + (narrowByRoute
            ? "ip route replace 192.0.2.0/24 dev nic mtu lock 1400; ip -6 route replace 2001:db8:2::/64 dev nic metric 1 mtu lock 1400"
            : "ip link set nic mtu 1400"));

        Assert.Equal(["tcp 2000000", "udp 1450", "udp 5000"], host.Python(host.Client, Client, frontend));
    }
}
