// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>Services whose backends are other machines: namespaces, each behind a link of its own.</summary>
[Collection(ServiceHost.Name)]
public sealed class RemoteBackendTests : IDisposable
{
    private const string Vip = "203.0.113.20";
    private readonly DockerHost _host;

    public RemoteBackendTests(DockerHost host)
    {
        _host = host;
        host.RouteWorldTo("203.0.113.0/24", "2001:db8:113::/48");
        MakeMachine(1);
        MakeMachine(2);
        // A device of hardware sums up what it sends; between veths nobody would.
        host.Sandbox.Shell("ip netns exec world ethtool -K up0 tx off gro on");
    }

    public void Dispose()
    {
        _host.Weir("service", "delete", "--all");
        _host.Sandbox.Shell("for i in 1 2; do ip netns pids b$i | xargs -r kill; ip netns delete b$i; done");
    }

    [PrivilegedFact]
    public void Snat_RequestsAndRepliesPassTheDevice()
    {
        Update("--frontend", $"{Vip}:80/tcp", "--backends", "192.0.2.2:80,192.0.2.6:80");
        Assert.Equal(["b1", "b2"], Enumerable.Range(0, 30).Select(_ => FromWorld()).Distinct().Order());
        Assert.Contains("active", List(), StringComparison.Ordinal);

        // A large answer and an upload, segment by segment.
        string big = _host.Sandbox.RunElsewhere("world", "bash", "-c", $"timeout 10 busybox wget -qO- http://{Vip}/big | wc -c").OrFail().Output;
        Assert.Equal("3000000", big.Trim());
    }

    [PrivilegedFact]
    public void UnreachableBackend_GetsNothing_AndIsShown()
    {
        Update("--frontend", $"{Vip}:80/tcp", "--backends", "192.0.2.2:80,192.0.2.3:80,10.99.0.1:80");
        Assert.All(Enumerable.Range(0, 10), _ => Assert.Equal("b1", FromWorld()));
        Assert.Equal(2, List().Split("unreachable").Length - 1);
    }

    [PrivilegedTheory]
    [InlineData("dsr", 4)]
    [InlineData("dsr-l2", 6)]
    public void DirectServerReturn_IsOnTheWireAsItShould(string mode, int protocol)
    {
        Update("--frontend", $"{Vip}:80/tcp", "--backends", "192.0.2.2:80", "--mode", mode);
        using BackgroundCommand capture = _host.Sandbox.Start("ip", "netns", "exec", "b1", "python3", "-c", Capture);
        capture.WaitFor("ready");
        _host.Sandbox.RunElsewhere("world", "timeout", "1", "busybox", "wget", "-qO-", $"http://{Vip}/");
        string outer = protocol == 4 ? "192.0.2.1 192.0.2.2 4 " : "";
        capture.WaitFor($"{outer}{DockerHost.WorldAddress} {Vip} 6 80");
    }

    [PrivilegedFact]
    public void DirectServerReturn_OfAnotherPort_IsRefused()
    {
        CommandResult result = _host.Weir("service", "update", "--name", "far", "--frontend", $"{Vip}:80/tcp", "--backends", "192.0.2.2:8080", "--mode", "dsr");
        Assert.Equal(2, result.ExitCode);
        Assert.Contains("8080", result.Error, StringComparison.Ordinal);
    }

    private const string Capture = """
        import socket
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800)); print("ready", flush=True)
        def show(ip):
            text = f"{socket.inet_ntoa(ip[12:16])} {socket.inet_ntoa(ip[16:20])} {ip[9]}"
            head = (ip[0] & 15) * 4
            return text + " " + (show(ip[head:]) if ip[9] == 4 else str(int.from_bytes(ip[head + 2:head + 4], "big")))
        while True:
            print(show(s.recv(2048)[14:]), flush=True)
        """;

    /// <summary>Namespace bN with 192.0.2.(4N-2)/30, the host has the address before it.</summary>
    private void MakeMachine(int n) => _host.Sandbox.Shell($"""
        ip netns add b{n}
        ip link add bk{n} type veth peer name eth0 netns b{n}
        ip link set bk{n} addrgenmode none
        ip address add 192.0.2.{(4 * n) - 3}/30 dev bk{n}
        ip link set bk{n} up
        ip -n b{n} link set lo up
        ip -n b{n} address add 192.0.2.{(4 * n) - 2}/30 dev eth0
        ip -n b{n} link set eth0 up
        ip -n b{n} route add default via 192.0.2.{(4 * n) - 3}
        ip netns exec b{n} ethtool -K eth0 tx off gro on
        mkdir -p /run/b{n}; echo hello from b{n} > /run/b{n}/index.html; head -c 3000000 /dev/zero > /run/b{n}/big
        ip netns exec b{n} busybox httpd -p 80 -h /run/b{n}
        """);

    private void Update(params string[] flags) => _host.Weir(["service", "update", "--name", "far", .. flags]).OrFail();

    private string List() => _host.Weir("service", "list").OrFail().Output;

    private string FromWorld() => _host.Sandbox.RunElsewhere("world", "timeout", "3", "busybox", "wget", "-qO-", $"http://{Vip}/") is { Succeeded: true } result
        ? result.Output.Trim().Replace("hello from ", "", StringComparison.Ordinal)
        : "";
}
