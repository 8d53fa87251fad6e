// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>docker run -p on weir networks.</summary>
[Collection(ServiceHost.Name)]
public sealed class PublishedPortTests : IDisposable
{
    private const string HostAddress6 = "2001:db8:100::1";
    private readonly DockerHost _host;
    private readonly string _network;
    private readonly List<string> _containers = [];

    public PublishedPortTests(DockerHost host)
    {
        _host = host;
        _network = host.MakeNetwork();
    }

    public void Dispose()
    {
        _host.DeletePolicies();
        if (_containers.Count > 0)
        {
            _host.Remove([.. _containers]);
        }

        _host.Docker("network", "rm", _network);
    }

    [PrivilegedFact]
    public void Port_IsReachedOnEveryAddress_AndGoneWithTheContainer()
    {
        string web = Server("-p", "8080:80");
        MustAnswer(web, () => FromWorld($"{DockerHost.HostAddress}:8080"));
        MustAnswer(web, () => FromWorld($"[{HostAddress6}]:8080"));
        MustAnswer(web, () => FromHost("127.0.0.1:8080"));
        MustAnswer(web, () => FromHost("[::1]:8080"));
        MustAnswer(web, () => FromHost($"{DockerHost.HostAddress}:8080"));
        string client = Run(_host.RunClient("client", _network));
        MustAnswer(web, () => _host.Exec(client, "timeout", "2", "wget", "-qO-", $"http://{DockerHost.HostAddress}:8080/"));
        Assert.False(_host.Exec(client, "timeout", "2", "wget", "-qO-", "http://127.0.0.1:8080/").Succeeded); // its own loopback
        Assert.Contains($"docker/{web}/8080/tcp", _host.Weir("service", "list").OrFail().Output, StringComparison.Ordinal);

        _host.Remove(web);
        _containers.Remove(web);
        Assert.False(FromWorld($"{DockerHost.HostAddress}:8080").Succeeded);
        Assert.False(FromHost("127.0.0.1:8080").Succeeded);
        Assert.DoesNotContain("docker/", _host.Weir("service", "list").OrFail().Output, StringComparison.Ordinal);
        Server("-p", "8080:80");
    }

    /// <summary>Netfilter gives a container's connection the port that it has, although it is published: the answers are the container's all the same.</summary>
    [PrivilegedFact]
    public void ContainersOwnPort_MayBeAPublishedOne()
    {
        string web = Server("-p", "40123:80");
        string client = Run(_host.RunClient("client", _network, "--sysctl", "net.ipv4.ip_local_port_range=40123 40124"));
        for (int i = 0; i < 2; i++)
        {
            Assert.Contains("hello from the world", _host.Exec(client, "timeout", "5", "wget", "-qO-", $"http://{DockerHost.WorldAddress}/").OrFail().Output, StringComparison.Ordinal);
        }

        MustAnswer(web, () => FromWorld($"{DockerHost.HostAddress}:40123"));
    }

    [PrivilegedFact]
    public void RangeAndHostAddress_AreAsAsked()
    {
        string web = Server("-p", "8100-8102:80", "-p", "127.0.0.1:8200:80");
        MustAnswer(web, () => FromWorld($"{DockerHost.HostAddress}:8100"));
        string second = Server("-p", "8100-8102:80");
        MustAnswer(second, () => FromWorld($"{DockerHost.HostAddress}:8101"));
        MustAnswer(web, () => FromHost("127.0.0.1:8200"));
        Assert.False(FromWorld($"{DockerHost.HostAddress}:8200").Succeeded);
    }

    [PrivilegedFact]
    public void TakenPort_IsRefused_AndSaysSo()
    {
        Server("-p", "8080:80");
        CommandResult again = _host.TryDocker("run", "--rm", "--network", _network, "-p", "8080:80", "weir-busybox", "true");
        Assert.False(again.Succeeded);
        Assert.Contains("8080/tcp is in use", again.Error, StringComparison.Ordinal);
        using BackgroundCommand other = _host.Sandbox.Start("busybox", "httpd", "-f", "-p", "8090", "-h", "/run/world");
        Wait.Until(() => FromHost("127.0.0.1:8090").Succeeded, 5, () => other.Output);
        Assert.False(_host.TryDocker("run", "--rm", "--network", _network, "-p", "8090:80", "weir-busybox", "true").Succeeded);
    }

    [PrivilegedFact]
    public void UdpPort_AnswersFromTheHostsAddress()
    {
        string echo = Run(_host.RunClient("echo", _network, "-p", "5353:53/udp"));
        using BackgroundCommand server = _host.Sandbox.Start("nsenter", "-t", _host.PidOf(echo), "-n", "python3", "-c", UdpServer);
        server.WaitFor("ready");
        string answer = _host.Sandbox.RunElsewhere("world", "python3", "-c", UdpClient, DockerHost.HostAddress, "5353").OrFail().Output;
        Assert.Equal($"{DockerHost.HostAddress}:5353 hello from {DockerHost.WorldAddress}", answer.Trim());
        answer = _host.Sandbox.Run(["python3", "-c", UdpClient, "127.0.0.1", "5353"]).OrFail().Output;
        Assert.StartsWith("127.0.0.1:5353 hello", answer, StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void Policy_HoldsForWhoComesThroughThePort()
    {
        string web = Server("-p", "8080:80", "-l", "port=web");
        MustAnswer(web, () => FromWorld($"{DockerHost.HostAddress}:8080"));
        _host.Apply("port.yaml", """
            apiVersion: cilium.io/v2
            kind: CiliumNetworkPolicy
            metadata: {name: port}
            spec:
              endpointSelector: {matchLabels: {port: web}}
              ingress:
                - fromCIDR: [198.51.100.77/32]
            """);
        Assert.False(FromWorld($"{DockerHost.HostAddress}:8080").Succeeded);
    }

    [PrivilegedFact]
    public void AgentRestarted_PortsGoOn()
    {
        string web = Server("-p", "8080:80");
        _host.Agent.Kill();
        MustAnswer(web, () => FromWorld($"{DockerHost.HostAddress}:8080"));
        _host.Agent.Start();
        MustAnswer(web, () => FromWorld($"{DockerHost.HostAddress}:8080"));
        CommandResult again = _host.TryDocker("run", "--rm", "--network", _network, "-p", "8080:80", "weir-busybox", "true");
        Assert.Contains("8080/tcp is in use", again.Error, StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void TwoNetworks_ThePortIsWhereTheGatewayIs_AndMovesWithIt()
    {
        string second = _host.MakeNetwork(), bridge = _host.Name("bridge");
        _host.Docker("network", "create", bridge);
        string web = Run(_host.Name("web"));
        try
        {
            _host.Docker("create", "--name", web, "--network", _network, "-p", "8080:80", "-p", "81", "weir-busybox", "sh", "-c", $"echo hello from {web} > /www/index.html; exec httpd -f -p 80 -h /www");
            _host.Docker("network", "connect", second, web);
            _host.Docker("start", web);
            MustAnswer(web, () => FromWorld($"{DockerHost.HostAddress}:8080"));
            Assert.Equal(2, _host.Weir("service", "list").OrFail().Output.Split('\n').Count(line => line.StartsWith($"docker/{web}/", StringComparison.Ordinal)));

            _host.Docker("network", "disconnect", _network, web);
            MustAnswer(web, () => FromWorld($"{DockerHost.HostAddress}:8080"));
            _host.Docker("network", "connect", bridge, web);
            MustAnswer(web, () => FromWorld($"{DockerHost.HostAddress}:8080"));
            _host.Docker("restart", "-t", "0", web);
            MustAnswer(web, () => FromWorld($"{DockerHost.HostAddress}:8080"));
            _host.Docker("network", "disconnect", second, web);
            Assert.DoesNotContain("docker/", _host.Weir("service", "list").OrFail().Output, StringComparison.Ordinal);
            MustAnswer(web, () => FromWorld($"{DockerHost.HostAddress}:8080"));
            _host.Docker("network", "connect", _network, web);
            MustAnswer(web, () => FromWorld($"{DockerHost.HostAddress}:8080"));
        }
        finally
        {
            _host.Remove(web);
            _containers.Remove(web);
            _host.Docker("network", "rm", second, bridge);
        }
    }

    [PrivilegedFact]
    public void ThousandsOfPorts_AreServedAll_OrRefused()
    {
        string echo = Run(_host.RunClient("echo", _network, "-p", "20000-21999:20000-21999/udp"));
        Assert.Equal(2000, Ports(echo));
        CommandResult more = _host.TryDocker("run", "--rm", "--network", _network, "-p", "22000-31999:22000-31999/udp", "weir-busybox", "true");
        Assert.False(more.Succeeded);
        Assert.Contains("do not fit", more.Error, StringComparison.Ordinal);
        Assert.Equal(2000, Ports(echo));

        int Ports(string container) => _host.Weir("service", "list").OrFail().Output.Split('\n').Count(line => line.StartsWith($"docker/{container}/", StringComparison.Ordinal));
    }

    private const string UdpServer = """
        import socket
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("0.0.0.0", 53)); print("ready", flush=True)
        while True:
            data, peer = s.recvfrom(2048); s.sendto(data + b" from " + peer[0].encode(), peer)
        """;

    private const string UdpClient = """
        import socket, sys
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(3); s.sendto(b"hello", (sys.argv[1], int(sys.argv[2])))
        data, peer = s.recvfrom(2048); print(f"{peer[0]}:{peer[1]} {data.decode()}")
        """;

    private string Run(string name)
    {
        _containers.Add(name);
        return name;
    }

    private string Server(params string[] flags) => Run(_host.RunServer("web", _network, flags));

    private CommandResult FromWorld(string where) => _host.Sandbox.RunElsewhere("world", "timeout", "2", "busybox", "wget", "-qO-", $"http://{where}/");

    private CommandResult FromHost(string where) => _host.Sandbox.Run(["timeout", "2", "busybox", "wget", "-qO-", $"http://{where}/"]);

    /// <summary>A server needs a moment to listen.</summary>
    private static void MustAnswer(string who, Func<CommandResult> ask)
    {
        CommandResult last = ask();
        Wait.Until(() => last.Succeeded || (last = ask()).Succeeded, 8, () => last.All);
        Assert.Equal($"hello from {who}", last.Output.Trim());
    }
}
