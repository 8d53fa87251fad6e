// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>Networks as Docker's users know them: subnets, fixed addresses, internal ones, connect and disconnect.</summary>
[Collection(SharedHost.Name)]
public sealed class NetworkTests(DockerHost host) : IDisposable
{
    private const string NoWay = "No route to host|unreachable";

    private readonly List<string> _containers = [];
    private readonly List<string> _networks = [];

    public void Dispose()
    {
        if (_containers.Count > 0)
        {
            host.Remove([.. _containers]);
        }

        if (_networks.Count > 0)
        {
            host.Docker(["network", "rm", .. _networks]);
        }
    }

    [PrivilegedFact]
    public void TwoNetworks_DoNotReachOneAnother()
    {
        string blue = Network(), red = Network();
        string client = Client(blue);
        string near = Server(blue), far = Server(red);
        host.MustReach(client, host.AddressOf(near, blue));
        host.MustNotReach(client, host.AddressOf(far, red));
        host.MustNotReach(client, host.AddressOf(far, red, v6: true));
    }

    [PrivilegedFact]
    public void SubnetAndAddress_AreAsAsked_AndRefusedWhenTaken()
    {
        string network = Network("--subnet", "10.123.4.0/24");
        string server = Server(network, "--ip", "10.123.4.77");
        Assert.Equal("10.123.4.77", host.AddressOf(server, network));
        host.MustReach(Client(network), "10.123.4.77");

        CommandResult taken = host.TryDocker("run", "--rm", "--network", network, "--ip", "10.123.4.77", "weir-busybox", "true");
        Assert.False(taken.Succeeded);
        Assert.Contains("10.123.4.77", taken.Error, StringComparison.Ordinal);
        CommandResult overlap = host.TryDocker("network", "create", "--driver", "weir", "--ipam-driver", "weir", "--subnet", "10.123.4.128/25", "overlapping");
        Assert.False(overlap.Succeeded);
        Assert.Contains("10.123.4", overlap.Error, StringComparison.Ordinal);
    }

    /// <summary>A rename makes the agent compare its records with a list that Docker made a moment before.</summary>
    [PrivilegedFact]
    public async Task NetworkMade_WhileTheAgentComparesWithDocker_Stays()
    {
        string renamed = Client(Network());
        using var done = new CancellationTokenSource();
        Task renames = Task.Run(() =>
        {
            for (int i = 0; !done.IsCancellationRequested; i++)
            {
                host.Docker("rename", i == 0 ? renamed : $"renamed{i - 1}", $"renamed{i}");
            }

            host.Docker("rename", host.Docker("ps", "--format", "{{.Names}}", "--filter", "name=renamed").Trim(), renamed);
        });
        try
        {
            string[] networks = [.. Enumerable.Range(0, 12).Select(_ => Network())];
            foreach (string network in networks)
            {
                host.Docker("run", "--rm", "--network", network, "weir-busybox", "true");
            }
        }
        finally
        {
            await done.CancelAsync();
            await renames;
        }
    }

    [PrivilegedFact]
    public void NetworkOverTheHostsRoutes_IsRefused_AndALaterRouteIsTold()
    {
        Assert.Contains("world0", Refused("--subnet", "198.51.100.0/24"), StringComparison.Ordinal);
        Assert.Contains("198.51.100.0/24 dev world0", host.Sandbox.Shell("ip route show 198.51.100.0/24"), StringComparison.Ordinal);
        host.Sandbox.Shell($"ip route add 10.124.0.0/16 via {DockerHost.WorldAddress} table 52");
        Assert.Contains("table 52", Refused("--subnet", "10.124.7.0/24"), StringComparison.Ordinal);
        host.Sandbox.Shell("ip route flush table 52");

        string network = Network("--subnet", "10.124.7.0/24");
        host.Sandbox.Shell($"ip route add 10.124.7.0/24 via {DockerHost.WorldAddress}");
        Assert.Contains($"network {host.Docker("network", "inspect", "-f", "{{.Id}}", network)[..12]} (10.124.7.0/24)", host.Weir("status").OrFail().Output, StringComparison.Ordinal);
        host.Docker("network", "rm", network);
        _networks.Remove(network);
        Assert.Contains(DockerHost.WorldAddress, host.Sandbox.Shell("ip route show 10.124.7.0/24; ip route del 10.124.7.0/24"), StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void HalfOfWeir_IsRefused_WithWhatToDo()
    {
        CommandResult half = host.TryDocker("network", "create", "--driver", "weir", "half");
        Assert.False(half.Succeeded);
        Assert.Contains("--ipam-driver weir", half.Error, StringComparison.Ordinal);
        string other = host.Name("other");
        _networks.Add(other);
        host.Docker("network", "create", "--ipam-driver", "weir", other);
        CommandResult run = host.TryDocker("run", "--rm", "--network", other, "weir-busybox", "true");
        Assert.False(run.Succeeded);
        Assert.Contains("--driver weir", run.Error, StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void AddressOfNobody_OnAnInternalNetwork_IsAnsweredAtOnce()
    {
        string network = Network("--internal");
        string client = Client(network), server = Server(network);
        string[] addresses = [host.AddressOf(server, network), host.AddressOf(server, network, v6: true)];
        host.MustReach(client, server);
        host.Docker("stop", "-t", "0", server);
        foreach (string address in addresses)
        {
            Assert.NotEmpty(Nobody(() => host.Exec(client, "nc", "-w", "5", address, "80")));
            Assert.NotEmpty(Nobody(() => host.Exec(client, "nc", "-u", "-w", "5", address, "80")));
        }
    }

    [PrivilegedFact]
    public void AddressOfNobody_IsAnsweredAtOnce_AndWaitsForItsContainer()
    {
        string network = Network();
        string client = Client(network), server = Server(network), first = Client(network);
        string[] addresses = [host.AddressOf(server, network), host.AddressOf(server, network, v6: true)];
        host.Docker("stop", "-t", "0", server);
        host.Sandbox.Shell($"ip -n world route replace {addresses[0]} via {DockerHost.HostAddress}");
        foreach (string address in addresses)
        {
            Assert.Matches(NoWay, Nobody(() => host.Exec(client, "nc", "-w", "5", address, "80")));
            Assert.Matches(NoWay, Nobody(() => host.Sandbox.Run(["busybox", "nc", "-w", "5", address, "80"])));
        }

        Assert.Matches(NoWay, Nobody(() => host.Sandbox.RunElsewhere("world", "busybox", "nc", "-w", "5", addresses[0], "80")));
        host.Sandbox.Shell($"ip -n world route del {addresses[0]}");

        // A new container gets another, and who comes back its own.
        Assert.NotEqual(addresses[0], host.AddressOf(Client(network), network));
        host.Docker("start", server);
        Assert.Equal(addresses[0], host.AddressOf(server, network));
        Assert.Equal(addresses[1], host.AddressOf(server, network, v6: true));
        string[] before = [host.AddressOf(client, network), host.AddressOf(first, network)];
        host.Docker("restart", "-t", "0", client, first);
        Assert.Equal(before[0], host.AddressOf(client, network));
        Assert.Equal(before[1], host.AddressOf(first, network));
    }

    [PrivilegedFact]
    public void IPv4OnlyNetwork_Works()
    {
        string network = Network("--no-ipv6");
        string server = Server(network);
        Assert.Equal("", host.AddressOf(server, network, v6: true));
        host.MustReach(Client(network), server);
    }

    [PrivilegedFact]
    public void HostAndContainer_ReachOneAnother()
    {
        string network = Network();
        string server = Server(network), client = Client(network);
        string address = host.AddressOf(server, network);
        Wait.Until(() => host.Sandbox.Run(["timeout", "2", "busybox", "wget", "-qO-", $"http://{address}/"]).Succeeded, 6, () => "the host does not reach the container");
        string address6 = host.AddressOf(server, network, v6: true);
        CommandResult v6 = host.Sandbox.Run(["timeout", "2", "busybox", "wget", "-qO-", $"http://[{address6}]/"]);
        Assert.True(v6.Succeeded, v6.All);

        using BackgroundCommand listener = host.Sandbox.Start("busybox", "httpd", "-f", "-p", "8081", "-h", "/run/world");
        Wait.Until(() => host.Exec(client, "timeout", "2", "wget", "-qO-", $"http://{DockerHost.HostAddress}:8081/").Succeeded, 6, () => "the container does not reach the host");
    }

    [PrivilegedFact]
    public void OutsideWorld_IsReached_ByBothFamilies_UnderTheHostsAddress()
    {
        string client = Client(Network());
        // The world has no route back to containers: an answer proves the translation.
        host.MustReach(client, DockerHost.WorldAddress);
        host.MustReach(client, DockerHost.WorldAddress6);
    }

    [PrivilegedFact]
    public void InternalNetwork_ReachesNeitherHostNorWorld()
    {
        string network = Network("--internal");
        string client = Client(network), server = Server(network);
        host.MustReach(client, server);
        host.MustNotReach(client, DockerHost.WorldAddress);
        host.MustNotReach(client, DockerHost.WorldAddress6);
        Assert.False(host.Exec(client, "ping", "-c1", "-W1", DockerHost.HostAddress).Succeeded);
        Assert.False(host.Sandbox.Run(["timeout", "1", "busybox", "wget", "-qO-", $"http://{host.AddressOf(server, network)}/"]).Succeeded);
    }

    [PrivilegedFact]
    public void CidrPolicy_OpensTheNamedRangeOnly()
    {
        string client = Client(Network(), "-l", "zone=fenced");
        host.Apply("cidr.json", """
            [{"endpointSelector": {"matchLabels": {"zone": "fenced"}},
              "egress": [{"toCIDRSet": [{"cidr": "198.51.100.0/24", "except": ["198.51.100.128/25"]}]}]}]
            """);
        try
        {
            host.MustReach(client, DockerHost.WorldAddress);
            host.MustNotReach(client, DockerHost.WorldAddress6);
            host.Apply("cidr.json", """
                [{"endpointSelector": {"matchLabels": {"zone": "fenced"}},
                  "egress": [{"toCIDRSet": [{"cidr": "198.51.100.0/24", "except": ["198.51.100.0/25"]}]}]}]
                """);
            host.MustNotReach(client, DockerHost.WorldAddress);
        }
        finally
        {
            host.DeletePolicies();
        }
    }

    [PrivilegedFact]
    public void DisconnectAndConnect_TakesTheEndpointAwayAndBringsItBack_WithItsPolicy()
    {
        string network = Network(), second = Network();
        string server = Server(network, "-l", "plug=server"), client = Client(network, "-l", "plug=client");
        host.MustReach(client, server);
        host.Docker("network", "disconnect", network, server);
        Assert.Equal("", host.EndpointRow(server));
        host.Docker("network", "connect", network, server);
        host.MustReach(client, server);
        host.Docker("network", "connect", second, server);
        string neighbour = Client(second, "-l", "plug=client");
        host.MustReach(neighbour, host.AddressOf(server, second));
        host.Docker("network", "disconnect", second, server);
        host.MustReach(client, server);
    }

    [PrivilegedFact]
    public void ForgedSource_IsDroppedAndCounted_OthersUnharmed()
    {
        string network = Network();
        string attacker = Client(network), server = Server(network), client = Client(network);
        string target = host.AddressOf(server, network);

        // It knows its gateway's MAC: without it nothing forged would even be sent.
        host.MustReach(attacker, target);
        string[] forged = ["203.0.113.9", host.AddressOf(client, network)];
        using BackgroundCommand monitor = host.Sandbox.Start(Sandbox.Weir, "monitor", "--type", "drop");
        Thread.Sleep(1000);
        foreach (string source in forged)
        {
            host.InNetworkOf(attacker, "ip", "address", "add", $"{source}/32", "dev", "eth0").OrFail();
            CommandResult ping = host.InNetworkOf(attacker, "busybox", "ping", "-c1", "-W1", "-I", source, target);
            Assert.False(ping.Succeeded, ping.All);
            monitor.WaitFor(source);
        }

        Assert.Contains("source", monitor.Output, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("invalid-source-ip", host.Weir("metrics").Output.Replace(' ', '-').ToLowerInvariant(), StringComparison.Ordinal);
        host.MustReach(client, server);

        // Another MAC is as good as another address: nothing leaves.
        host.InNetworkOf(attacker, "ip", "link", "set", "eth0", "address", "02:00:00:00:00:99").OrFail();
        host.MustNotReach(attacker, target);
        host.MustReach(client, server);
    }

    private string Refused(params string[] flags)
    {
        CommandResult result = host.TryDocker(["network", "create", "--driver", "weir", "--ipam-driver", "weir", .. flags, "refused"]);
        Assert.False(result.Succeeded);
        return result.Error;
    }

    /// <summary>What is said of a connection to nobody, which must not take long.</summary>
    private static string Nobody(Func<CommandResult> connect)
    {
        long start = Environment.TickCount64;
        CommandResult result = connect();
        Assert.False(result.Succeeded, result.All);
        Assert.True(Environment.TickCount64 - start < 4000, $"no answer: {result.All}");
        return result.All;
    }

    private string Network(params string[] flags) => Add(_networks, host.MakeNetwork(flags));

    private string Client(string network, params string[] flags) => Add(_containers, host.RunClient("client", network, flags));

    private string Server(string network, params string[] flags) => Add(_containers, host.RunServer("server", network, flags));

    private static string Add(List<string> list, string name)
    {
        list.Add(name);
        return name;
    }
}
