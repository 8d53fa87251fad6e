// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>Published ports from sockets of this machine: in which network namespaces they get backends, and what
/// becomes of them when a backend goes.</summary>
[Collection(SharedHost.Name)]
public sealed class SocketNamespaceTests : IDisposable
{
    private readonly DockerHost _host;
    private readonly string _network;
    private readonly List<string> _containers = [];

    public SocketNamespaceTests(DockerHost host)
    {
        _host = host;
        _network = host.MakeNetwork();
    }

    public void Dispose()
    {
        _host.Sandbox.Run(["ip", "netns", "delete", "vpn"]);
        if (_containers.Count > 0)
        {
            _host.Remove([.. _containers]);
        }

        _host.Docker("network", "rm", _network);
    }

    /// <summary>As VPN software and other engines make them: a way to the host, and none to containers.</summary>
    [PrivilegedFact]
    public void NamespaceThatReachesTheHostOnly_ReachesAPublishedPort()
    {
        string web = Run(_host.RunServer("web", _network, "-p", "8086:80"));
        _host.Sandbox.Shell($"""
            ip netns add vpn
            ip link add vpn0 type veth peer name up0 netns vpn
            ip address add 10.99.0.1/30 dev vpn0
            ip link set vpn0 up
            ip -n vpn link set lo up
            ip -n vpn address add 10.99.0.2/30 dev up0
            ip -n vpn link set up0 up
            ip -n vpn route add {DockerHost.HostAddress} via 10.99.0.1
            """);
        foreach (string address in new[] { DockerHost.HostAddress, "10.99.0.1" })
        {
            CommandResult last = Fetch(address);
            Wait.Until(() => last.Succeeded || (last = Fetch(address)).Succeeded, 8, () => last.All);
            Assert.Equal($"hello from {web}", last.Output.Trim());
        }

        CommandResult Fetch(string address) =>
            _host.Sandbox.Run(["ip", "netns", "exec", "vpn", "timeout", "2", "busybox", "wget", "-qO-", $"http://{address}:8086/"]);
    }

    [PrivilegedFact]
    public void ContainersFirstConnection_IsServed()
    {
        Run(_host.RunServer("web", _network, "-p", "8086:80"));
        Wait.Until(() => _host.Sandbox.Run(["timeout", "2", "busybox", "wget", "-qO-", "http://127.0.0.1:8086/"]).Succeeded, 8, () => "the port does not answer");
        for (int i = 0; i < 5; i++)
        {
            // Nothing but the socket hook leads a container's packets from the host's address to another container.
            CommandResult first = _host.TryDocker("run", "--rm", "--network", _network, "weir-busybox", "timeout", "2", "wget", "-qO-", $"http://{DockerHost.HostAddress}:8086/");
            Assert.True(first.Succeeded, first.All);
        }
    }

    [PrivilegedTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void ConnectedUdpSocket_FindsTheRecreatedContainer(bool fromHost)
    {
        string client = Run(_host.RunClient("client", _network));
        string address = fromHost ? "127.0.0.1" : DockerHost.HostAddress;
        string first = Run(_host.RunClient("echo", _network, "-p", "5140:53/udp"));
        using BackgroundCommand server = Serve(first);
        using BackgroundCommand sender = fromHost
            ? _host.Sandbox.Start("python3", "-uc", Sender, address, "5140")
            : _host.Sandbox.Start("nsenter", "-t", _host.PidOf(client), "-n", "python3", "-uc", Sender, address, "5140");
        sender.WaitFor($"answer {first}", 10);

        _host.Remove(first);
        _containers.Remove(first);
        Wait.Until(
            () => sender.Output.Contains("ECONNABORTED", StringComparison.Ordinal) || sender.Output.Contains("EDESTADDRREQ", StringComparison.Ordinal),
            10,
            () => $"nobody told it:\n{sender.Output}");
        string second = Run(_host.RunClient("echo", _network, "-p", "5140:53/udp"));
        using BackgroundCommand again = Serve(second);
        sender.WaitFor($"answer {second}", 10);
    }

    /// <summary>A program like a logger: connected once, it sends on, and connects anew when that fails.</summary>
    private const string Sender = """
        import errno, socket, sys, time
        s = None
        while True:
            try:
                if s is None:
                    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                    s.settimeout(0.2)
                    s.connect((sys.argv[1], int(sys.argv[2])))
                s.send(b"hello")
                print("answer", s.recv(99).decode())
            except TimeoutError:
                pass
            except OSError as e:
                print(errno.errorcode[e.errno])
                s.close()
                s = None
            time.sleep(0.1)
        """;

    private const string Server = """
        import socket, sys
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("0.0.0.0", 53)); print("ready", flush=True)
        while True:
            s.sendto(sys.argv[1].encode(), s.recvfrom(99)[1])
        """;

    private BackgroundCommand Serve(string container)
    {
        BackgroundCommand server = _host.Sandbox.Start("nsenter", "-t", _host.PidOf(container), "-n", "python3", "-c", Server, container);
        server.WaitFor("ready");
        return server;
    }

    private string Run(string name)
    {
        _containers.Add(name);
        return name;
    }
}
