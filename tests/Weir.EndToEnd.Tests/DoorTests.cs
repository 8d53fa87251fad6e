// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>Who comes to a container from outside: by published ports, and by its own address.</summary>
public sealed class DoorTests : IClassFixture<ClosedHost>, IDisposable
{
    private const string HostAddress6 = "2001:db8:100::1";
    private readonly DockerHost _host;
    private readonly string _network;
    private readonly List<string> _containers = [];

    public DoorTests(ClosedHost host)
    {
        _host = host.Machine;
        _network = _host.MakeNetwork();
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
    public void NewInstallation_ClosesPublishedPorts_ToOutsidersAlone()
    {
        string web = Server("-p", "8080:80");
        MustAnswer(web, () => FromHost("127.0.0.1:8080"));
        MustAnswer(web, () => FromHost($"{DockerHost.HostAddress}:8080"));
        MustAnswer(web, () => FromHost($"[{HostAddress6}]:8080"));
        string client = Run(_host.RunClient("client", _network));
        MustAnswer(web, () => _host.Exec(client, "timeout", "2", "wget", "-qO-", $"http://{DockerHost.HostAddress}:8080/"));
        MustBeClosed();

        string list = _host.Weir("publish", "list").OrFail().Output;
        Assert.Matches($@"{web} +\*:8080/tcp +80 +this host, its containers", list);
        Assert.Contains("published-ports: closed", list, StringComparison.Ordinal);
        string status = _host.Weir("status").OrFail().Output;
        Assert.Matches(@"Published ports +closed", status);
        Assert.Matches(@"Open to the world +no published port", status);
        Assert.Matches(@"Health +ok", status);
    }

    [PrivilegedFact]
    public void UdpPort_IsClosed_UntilAllowed()
    {
        string echo = Run(_host.RunClient("echo", _network, "-p", "5353:53/udp"));
        using BackgroundCommand server = _host.Sandbox.Start("nsenter", "-t", _host.PidOf(echo), "-n", "python3", "-c", UdpServer);
        server.WaitFor("ready");
        Assert.StartsWith("hello", _host.Sandbox.Run(["python3", "-c", UdpClient, "127.0.0.1", "5353"]).OrFail().Output, StringComparison.Ordinal);
        Assert.False(UdpFromWorld(DockerHost.HostAddress).Succeeded);
        Assert.False(UdpFromWorld(HostAddress6).Succeeded);

        CommandResult wrong = _host.Weir("publish", "allow", echo, "5353");
        Assert.Equal((2, true), (wrong.ExitCode, wrong.Error.Contains("write 5353/udp", StringComparison.Ordinal)));
        _host.Weir("publish", "allow", echo, "5353/udp").OrFail();
        Assert.Equal($"hello from {DockerHost.WorldAddress}", UdpFromWorld(DockerHost.HostAddress).OrFail().Output.Trim());
        Assert.Equal($"hello from {DockerHost.WorldAddress6}", UdpFromWorld(HostAddress6).OrFail().Output.Trim());
        _host.Weir("publish", "deny", echo, "5353/udp").OrFail();
        Assert.False(UdpFromWorld(DockerHost.HostAddress).Succeeded);
    }

    [PrivilegedFact]
    public void RefusedPacket_NamesTheCommandThatOpens_AndDenyEndsWhatCameIn()
    {
        string web = Server("-p", "8080:80", "-p", "9000:9000");
        MustAnswer(web, () => FromHost("127.0.0.1:8080"));
        MustBeClosed();
        string drops = _host.Weir("monitor", "--type", "drop", "--last", "50", "--no-follow").OrFail().Output;
        string allow4 = $"weir publish allow {web} 8080 --from {DockerHost.WorldAddress}/32";
        Assert.Contains("not published", drops, StringComparison.Ordinal);
        Assert.Contains(allow4, drops, StringComparison.Ordinal);
        Assert.Contains($"weir publish allow {web} 8080 --from {DockerHost.WorldAddress6}/128", drops, StringComparison.Ordinal);

        _host.Weir(allow4.Split(' ')[1..]).OrFail();
        MustAnswer(web, () => FromWorld($"{DockerHost.HostAddress}:8080"));
        Assert.False(FromWorld($"[{HostAddress6}]:8080").Succeeded);
        Assert.Matches($@"{web} +\*:8080/tcp +80 +{DockerHost.WorldAddress}/32 +weir publish allow", _host.Weir("publish", "list").OrFail().Output);

        _host.Weir("publish", "allow", web, "9000", "--from", "198.51.100.0/24,2001:db8:100::/64").OrFail();
        using var flow = new WorldEcho(_host, DockerHost.HostAddress, 9000);
        flow.MustLive();
        _host.Weir("publish", "deny", web, "9000", "--from", "2001:db8:100::/64").OrFail();
        flow.MustLive();
        _host.Weir("publish", "deny", web, "9000").OrFail();
        flow.MustStall();
    }

    [PrivilegedFact]
    public void Label_OpensWhatItSays_AndAWrongOneNothing()
    {
        string web = Server("-p", "8080:80", "-p", "8081:80", "-l", $"weir.publish=8080:{DockerHost.WorldAddress},8081:[2001:db8:100::]/64");
        MustAnswer(web, () => FromWorld($"{DockerHost.HostAddress}:8080"));
        MustAnswer(web, () => FromWorld($"[{HostAddress6}]:8081"));
        Assert.False(FromWorld($"[{HostAddress6}]:8080").Succeeded);
        Assert.False(FromWorld($"{DockerHost.HostAddress}:8081").Succeeded);

        string open = Server("-p", "8082:80", "-l", "weir.publish=world");
        MustAnswer(open, () => FromWorld($"{DockerHost.HostAddress}:8082"));
        Assert.Matches($@"Open to the world +8082/tcp \({open}\)", _host.Weir("status").OrFail().Output);

        // An image's author is not whoever runs it.
        _host.Sandbox.Shell("printf 'FROM weir-busybox\\nLABEL weir.publish=world\\n' | docker build -q -t labelled -");
        string name = Run(_host.Name("image"));
        _host.Docker("run", "-d", "--name", name, "--network", _network, "-p", "8084:80", "labelled", "sh", "-c", $"echo hello from {name} > /www/index.html; exec httpd -f -p 80 -h /www");
        MustAnswer(name, () => FromHost("127.0.0.1:8084"));
        Assert.False(FromWorld($"{DockerHost.HostAddress}:8084").Succeeded);
        Assert.Contains($"label weir.publish of {name} opens nothing: image labelled has it", _host.Weir("status").OrFail().Output, StringComparison.Ordinal);

        string wrong = Server("-p", "8083:80", "-l", "weir.publish=8083:everybody");
        MustAnswer(wrong, () => FromHost("127.0.0.1:8083"));
        Assert.False(FromWorld($"{DockerHost.HostAddress}:8083").Succeeded);
        Assert.Contains($"label weir.publish of {wrong} opens nothing", _host.Weir("status").OrFail().Output, StringComparison.Ordinal);
        Assert.Contains("\"8083:everybody\" is no entry", _host.Weir("endpoint", "get", wrong).OrFail().Output, StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void PolicysRule_OpensThePort_AndTheOwnAddress()
    {
        string web = Server("-p", "8080:80", "-l", "door=web");
        string address = _host.AddressOf(web, _network);
        RouteWorldTo(address);
        MustAnswer(web, () => FromHost("127.0.0.1:8080"));
        MustBeClosed();
        Assert.False(FromWorld(address).Succeeded);
        Assert.Contains("not routed", _host.Weir("monitor", "--type", "drop", "--last", "50", "--no-follow").OrFail().Output, StringComparison.Ordinal);

        _host.Apply("door.yaml", Policy($"{DockerHost.WorldAddress}/32"));
        MustAnswer(web, () => FromWorld($"{DockerHost.HostAddress}:8080"));
        MustAnswer(web, () => FromWorld(address));
        Assert.False(FromWorld($"[{HostAddress6}]:8080").Succeeded);
        Assert.Matches($@"{web} +\*:8080/tcp +80 +{DockerHost.WorldAddress}/32 +policy door.* at /run/door.yaml", _host.Weir("publish", "list").OrFail().Output);

        _host.Apply("door.yaml", Policy("198.51.100.77/32"));
        _host.Weir("publish", "allow", web, "8080").OrFail();
        Assert.False(FromWorld($"{DockerHost.HostAddress}:8080").Succeeded);
        Assert.Contains("but policy denies it", _host.Weir("publish", "list").OrFail().Output, StringComparison.Ordinal);
        _host.Weir("publish", "deny", web, "8080").OrFail();
    }

    [PrivilegedFact]
    public void Allowance_SurvivesAgentDockerAndContainer()
    {
        string web = Server("-p", "8080:80", "-p", "8081:80", "--restart", "always");
        _host.Weir("publish", "allow", web, "8080", "--from", $"{DockerHost.WorldAddress}/32").OrFail();
        MustAnswer(web, () => FromWorld($"{DockerHost.HostAddress}:8080"));

        _host.Agent.Kill();
        MustAnswer(web, () => FromWorld($"{DockerHost.HostAddress}:8080"));
        MustStayClosed();
        _host.Agent.Start();
        MustAnswer(web, () => FromWorld($"{DockerHost.HostAddress}:8080"));
        MustStayClosed();

        _host.RestartDocker();
        MustAnswer(web, () => FromWorld($"{DockerHost.HostAddress}:8080"));
        MustStayClosed();

        _host.Remove(web);
        Assert.Contains($"allowed, but not published now: 8080/tcp of {web}", _host.Weir("publish", "list").OrFail().Output, StringComparison.Ordinal);
        _host.Docker("run", "-d", "--name", web, "--network", _network, "-p", "8080:80", "-p", "8081:80", "weir-busybox", "sh", "-c", $"echo hello from {web} > /www/index.html; exec httpd -f -p 80 -h /www");
        MustAnswer(web, () => FromWorld($"{DockerHost.HostAddress}:8080"));
        MustStayClosed();
        _host.Weir("publish", "deny", web, "8080").OrFail();

        void MustStayClosed()
        {
            Assert.False(FromWorld($"[{HostAddress6}]:8080").Succeeded);
            Assert.False(FromWorld($"{DockerHost.HostAddress}:8081").Succeeded);
        }
    }

    [PrivilegedFact]
    public void RoutedNetwork_LetsOutsidersToItsContainers_AndOthersDoNot()
    {
        string routed = _host.MakeNetwork("-o", "weir.routed=true");
        string open = Run(_host.RunServer("open", routed));
        string closed = Server();
        string openAddress = _host.AddressOf(open, routed);
        string closedAddress = _host.AddressOf(closed, _network);
        RouteWorldTo(openAddress);
        RouteWorldTo(closedAddress);
        RouteWorldTo(_host.AddressOf(open, routed, v6: true));
        RouteWorldTo(_host.AddressOf(closed, _network, v6: true));
        MustAnswer(open, () => FromWorld(openAddress));
        MustAnswer(open, () => FromWorld($"[{_host.AddressOf(open, routed, v6: true)}]"));
        MustAnswer(closed, () => FromHost(closedAddress));
        Assert.False(FromWorld(closedAddress).Succeeded);
        Assert.False(FromWorld($"[{_host.AddressOf(closed, _network, v6: true)}]").Succeeded);
        Assert.True(Ping(openAddress));
        Assert.False(Ping(closedAddress));
        _host.MustReach(closed, DockerHost.WorldAddress);
        Assert.Matches($"routed: .*{routed}", _host.Weir("publish", "list").OrFail().Output);

        CommandResult wrong = _host.TryDocker("network", "create", "--driver", "weir", "--ipam-driver", "weir", "-o", "weir.routed=perhaps", "wrong");
        Assert.Contains("weir.routed=perhaps: write true or false", wrong.Error, StringComparison.Ordinal);
        _host.Remove(open);
        _containers.Remove(open);
        _host.Docker("network", "rm", routed);
    }

    [PrivilegedFact]
    public void InstallationFromBefore_KeepsItsDoorsOpen_AndIsTold()
    {
        string web = Server("-p", "8080:80");
        string address = _host.AddressOf(web, _network);
        RouteWorldTo(address);
        MustAnswer(web, () => FromHost("127.0.0.1:8080"));
        MustBeClosed();
        _host.Agent.Kill();
        var state = new StateFolder(_host.Sandbox);
        state.Delete("installation");
        state.Replace("networks", "\"Routed\": false", "\"Routed\": null");
        _host.Agent.Start();
        MustAnswer(web, () => FromWorld($"{DockerHost.HostAddress}:8080"));
        MustAnswer(web, () => FromWorld(address));
        Assert.Contains("set published-ports to closed or open", _host.Weir("status").OrFail().Output, StringComparison.Ordinal);
        Assert.Contains("Set published-ports to closed or open", _host.Agent.Log, StringComparison.Ordinal);
        Assert.Matches($@"Open to the world +8080/tcp \({web}\)", _host.Weir("status").OrFail().Output);

        using var flow = new WorldEcho(_host, address, 9000);
        flow.MustLive();
        _host.Agent.Kill();
        _host.Agent.Start("--published-ports", "closed");
        flow.MustStall();
        MustBeClosed();
        Assert.False(FromWorld(address).Succeeded);
        Assert.Matches("Published ports +closed", _host.Weir("status").OrFail().Output);

        // As a new installation has it.
        _host.Agent.Kill();
        state.Put("installation", "{\"PublishedPorts\": \"Closed\"}");
        _host.Agent.Start();
    }

    [PrivilegedTheory]
    [InlineData("no container \"nobody\" publishes port 8080/tcp", "allow", "nobody", "8080")]
    [InlineData("\"http\" is no port", "allow", "nobody", "http")]
    [InlineData("\"0\" is no port", "allow", "nobody", "0")]
    [InlineData("tcp and udp ports are published", "allow", "nobody", "8080/sctp")]
    [InlineData("--from \"everybody\" is no source", "allow", "nobody", "8080", "--from", "everybody")]
    [InlineData("was not opened by 'weir publish allow'", "deny", "nobody", "8080")]
    [InlineData("<port> is missing", "allow", "nobody")]
    public void BadInput_IsRefused_AndChangesNothing(string message, params string[] arguments)
    {
        string before = _host.Weir("publish", "list", "-o", "json").OrFail().Output;
        CommandResult result = _host.Weir(["publish", .. arguments]);
        Assert.Equal(2, result.ExitCode);
        Assert.Contains(message, result.Error, StringComparison.Ordinal);
        Assert.Equal(before, _host.Weir("publish", "list", "-o", "json").OrFail().Output);
    }

    private const string UdpServer = """
        import socket
        s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.bind(("::", 53)); print("ready", flush=True)
        while True:
            data, peer = s.recvfrom(2048); s.sendto(data + b" from " + peer[0].replace("::ffff:", "").encode(), peer)
        """;

    private const string UdpClient = """
        import socket, sys
        family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
        s = socket.socket(family, socket.SOCK_DGRAM); s.settimeout(2); s.sendto(b"hello", (sys.argv[1], int(sys.argv[2])))
        data, peer = s.recvfrom(2048); print(data.decode())
        """;

    private static string Policy(string cidr) => $$$"""
        apiVersion: cilium.io/v2
        kind: CiliumNetworkPolicy
        metadata: {name: door}
        spec:
          endpointSelector: {matchLabels: {door: web}}
          ingress:
            - fromCIDR: [{{{cidr}}}]
        """;

    private string Run(string name)
    {
        _containers.Add(name);
        return name;
    }

    private string Server(params string[] flags) => Run(_host.RunServer("web", _network, flags));

    private void MustBeClosed()
    {
        Assert.False(FromWorld($"{DockerHost.HostAddress}:8080").Succeeded);
        Assert.False(FromWorld($"[{HostAddress6}]:8080").Succeeded);
    }

    /// <summary>The host's device has no link-local address to ask for the world's MAC from: it is told.</summary>
    private void RouteWorldTo(string address) => _host.Sandbox.Shell($"""
        ip -6 neigh replace {DockerHost.WorldAddress6} lladdr $(ip -n world -br link show up0 | awk '{"{print $3}"}') dev world0
        ip -n world route replace {address} via {(address.Contains(':', StringComparison.Ordinal) ? HostAddress6 : DockerHost.HostAddress)}
        """);

    private CommandResult UdpFromWorld(string address) => _host.Sandbox.RunElsewhere("world", "python3", "-c", UdpClient, address, "5353");

    private CommandResult FromWorld(string where) => _host.Sandbox.RunElsewhere("world", "timeout", "2", "busybox", "wget", "-qO-", $"http://{where}/");

    private bool Ping(string address) => _host.Sandbox.RunElsewhere("world", "busybox", "ping", "-c", "1", "-W", "1", address).Succeeded;

    private CommandResult FromHost(string where) => _host.Sandbox.Run(["timeout", "2", "busybox", "wget", "-qO-", $"http://{where}/"]);

    /// <summary>A server needs a moment to listen.</summary>
    private static void MustAnswer(string who, Func<CommandResult> ask)
    {
        CommandResult last = ask();
        Wait.Until(() => last.Succeeded || (last = ask()).Succeeded, 15, () => last.All);
        Assert.Equal($"hello from {who}", last.Output.Trim());
    }
}
