// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>By which ways published ports are reached: devices of all kinds, addresses that come and go, other networks.</summary>
[Collection(ServiceHost.Name)]
public sealed class DeviceTests : IDisposable
{
    /// <summary>Joins a TUN device of this namespace to one of another's.</summary>
    private const string Tunnel = """
        import ctypes, fcntl, os, select, struct
        def tun(name):
            fd = os.open('/dev/net/tun', os.O_RDWR)
            fcntl.ioctl(fd, 0x400454ca, struct.pack('16sH', name.encode(), 0x1001)) # TUNSETIFF, IFF_TUN | IFF_NO_PI
            return fd
        here = tun('tun0')
        ctypes.CDLL(None).setns(os.open('/run/netns/elsewhere', os.O_RDONLY), 0)
        there = tun('up0')
        print('ready', flush=True)
        while True:
            for fd in select.select([here, there], [], [])[0]:
                try:
                    os.write(there if fd == here else here, os.read(fd, 65536))
                except OSError: # the other one is not up yet
                    pass
        """;

    private readonly DockerHost _host;
    private readonly string _network;
    private readonly string _web;

    public DeviceTests(DockerHost host)
    {
        _host = host;
        _network = host.MakeNetwork();
        _web = host.RunServer("web", _network, "-p", "8080:80", "-l", "published=web");
        Shell("ip netns add elsewhere; ip -n elsewhere link set lo up");
    }

    public void Dispose()
    {
        Shell("ip netns del elsewhere; ip link del br1 2> /dev/null || true");
        _host.Remove(_web);
        _host.Docker("network", "rm", _network);
    }

    [PrivilegedFact]
    public void HostsAddressOnABridge_IsServed()
    {
        Shell("ip link add br1 type bridge; ip link add port0 type veth peer name up0 netns elsewhere; ip link set port0 master br1 up; ip address add 192.0.2.1/24 dev br1; ip address add 2001:db8:9::1/64 dev br1 nodad; ip link set br1 up");
        Shell("ip -n elsewhere address add 192.0.2.2/24 dev up0; ip -n elsewhere address add 2001:db8:9::2/64 dev up0 nodad; ip -n elsewhere link set up0 up");
        MustAnswer("elsewhere", "192.0.2.1:8080");
        MustAnswer("elsewhere", "[2001:db8:9::1]:8080");
        string devices = Devices();
        Assert.Contains("br1 (tc only: ", devices, StringComparison.Ordinal);
        Assert.DoesNotContain("port0", devices, StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void DeviceWithoutEthernet_IsServed()
    {
        using BackgroundCommand tunnel = _host.Sandbox.Start("python3", "-c", Tunnel);
        tunnel.WaitFor("ready");
        Shell("ip address add 192.0.2.1/24 dev tun0; ip address add 2001:db8:9::1/64 dev tun0 nodad; ip link set tun0 up");
        Shell("ip -n elsewhere address add 192.0.2.2/24 dev up0; ip -n elsewhere address add 2001:db8:9::2/64 dev up0 nodad; ip -n elsewhere link set up0 up");
        MustAnswer("elsewhere", "192.0.2.1:8080");
        MustAnswer("elsewhere", "[2001:db8:9::1]:8080");
        Assert.Contains("tun0 (tc only: no Ethernet header)", Devices(), StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void Addresses_ComeAndGo()
    {
        Shell("ip address add 198.51.100.50/24 dev world0");
        MustAnswer("world", "198.51.100.50:8080");
        Shell("ip address del 198.51.100.50/24 dev world0; ip route add local 198.51.100.50 dev lo; ip -n world route replace 198.51.100.50 via 198.51.100.1");
        MustAnswer("world", "198.51.100.50:8080");
        Assert.Contains("198.51.100.255/32", _host.Weir("ip", "list").OrFail().Output, StringComparison.Ordinal); // its network's broadcast address is the host's, too
        Shell("ip route del local 198.51.100.50 dev lo; ip -n world route del 198.51.100.50");
        Wait.Until(() => !_host.Weir("service", "list").OrFail().Output.Contains("198.51.100.50", StringComparison.Ordinal), 30, Devices);
    }

    [PrivilegedFact]
    public void WayThatIsNotServed_IsRefusedAtOnce()
    {
        string ipv4Only = _host.MakeNetwork("--no-ipv6");
        string web = _host.RunServer("old", ipv4Only, "-p", "8081:80");
        try
        {
            MustAnswer("world", $"{DockerHost.HostAddress}:8081", web);
            MustBeRefused("[2001:db8:100::1]:8081");

            // A network whose addresses are all the host's: no frontend is any of them.
            Shell("ip route replace local 203.0.113.0/24 dev lo; ip -n world route replace 203.0.113.0/24 via 198.51.100.1");
            MustBeRefused("203.0.113.5:8080");
        }
        finally
        {
            Shell("ip route del local 203.0.113.0/24 dev lo; ip -n world route del 203.0.113.0/24 || true");
            _host.Remove(web);
            _host.Docker("network", "rm", ipv4Only);
        }
    }

    [PrivilegedFact]
    public void OtherNetworks_ReachThePort_AndNothingElse()
    {
        string other = _host.MakeNetwork();
        string closed = _host.MakeNetwork("--internal");
        string client = _host.RunClient("client", other);
        string prisoner = _host.RunClient("prisoner", closed);
        try
        {
            foreach (string address in (string[])[DockerHost.HostAddress, "[2001:db8:100::1]"])
            {
                CommandResult result = _host.Exec(client, "timeout", "3", "wget", "-qO-", $"http://{address}:8080/");
                Assert.Equal($"hello from {_web}", result.Output.Trim());
                Assert.False(_host.Exec(prisoner, "timeout", "1", "wget", "-qO-", $"http://{address}:8080/").Succeeded);
            }

            _host.MustNotReach(client, _host.AddressOf(_web, _network));
            Assert.Equal($"hello from {_web}", _host.Exec(_web, "timeout", "3", "wget", "-qO-", $"http://{DockerHost.HostAddress}:8080/").Output.Trim());
            _host.Apply("networks.yaml", """
                apiVersion: cilium.io/v2
                kind: CiliumNetworkPolicy
                metadata: {name: networks}
                spec:
                  endpointSelector: {matchLabels: {published: web}}
                  ingress:
                    - fromEntities: [world]
                """);
            Assert.False(_host.Exec(client, "timeout", "1", "wget", "-qO-", $"http://{DockerHost.HostAddress}:8080/").Succeeded);
        }
        finally
        {
            _host.DeletePolicies();
            _host.Remove(client, prisoner);
            _host.Docker("network", "rm", other, closed);
        }
    }

    [PrivilegedFact]
    public void DockersBridge_ReachesThePort()
    {
        string client = _host.RunClient("bridged", "bridge");
        try
        {
            CommandResult last = Ask();
            Wait.Until(() => last.Succeeded || (last = Ask()).Succeeded, 8, () => last.All + Devices());
            Assert.Equal($"hello from {_web}", last.Output.Trim());
            Assert.Contains("docker0 (", Devices(), StringComparison.Ordinal);

            CommandResult Ask() => _host.Exec(client, "timeout", "2", "wget", "-qO-", $"http://{DockerHost.HostAddress}:8080/");
        }
        finally
        {
            _host.Remove(client);
        }
    }

    [PrivilegedFact]
    public void NarrowUplink_DoesNotStallAnswers()
    {
        _host.Exec(_web, "sh", "-c", "dd if=/dev/zero of=/www/big bs=100000 count=20 2> /dev/null").OrFail();

        // The client believes that 1500 bytes reach it, as one does that is further away.
        Shell("ip link set world0 mtu 1400; ip -n world link set up0 mtu 1400; ip -n world route replace 198.51.100.0/24 dev up0 advmss 1460; ip -n world -6 route replace 2001:db8:100::/64 dev up0 metric 1 advmss 1440; ethtool -K world0 tso off gso off > /dev/null");
        try
        {
            foreach (string address in (string[])[DockerHost.HostAddress, "[2001:db8:100::1]"])
            {
                CommandResult result = _host.Sandbox.RunElsewhere("world", "sh", "-c", $"timeout 10 busybox wget -qO- http://{address}:8080/big | wc -c");
                Assert.Equal("2000000", result.Output.Trim());
            }
        }
        finally
        {
            Shell("ip -n world -6 route del 2001:db8:100::/64 dev up0 metric 1; ip link set world0 mtu 1500; ip -n world link set up0 mtu 1500; ip -n world route replace 198.51.100.0/24 dev up0; ethtool -K world0 tso on gso on > /dev/null");
        }
    }

    private void Shell(string script) => _host.Sandbox.Shell(script);

    private string Devices() => _host.Weir("status").OrFail().Output.Split('\n').First(line => line.StartsWith("Devices", StringComparison.Ordinal));

    private CommandResult From(string place, string where) => _host.Sandbox.RunElsewhere(place, "timeout", "2", "busybox", "wget", "-qO-", $"http://{where}/");

    /// <summary>A new device or address is served within moments; one that only a route tells of, within seconds.</summary>
    private void MustAnswer(string place, string where, string? who = null)
    {
        CommandResult last = From(place, where);
        Wait.Until(() => last.Succeeded || (last = From(place, where)).Succeeded, 12, () => last.All + Devices());
        Assert.Equal($"hello from {who ?? _web}", last.Output.Trim());
    }

    private void MustBeRefused(string where)
    {
        CommandResult result = From("world", where);
        Assert.Contains("refused", result.All, StringComparison.Ordinal);
    }
}
