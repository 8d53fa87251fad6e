// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>Networks as Docker's users know them: subnets, fixed addresses, internal ones, connect and disconnect.</summary>
[Collection(SharedHost.Name)]
public sealed class NetworkTests(DockerHost host) : IDisposable
{
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

    private string Network(params string[] flags) => Add(_networks, host.MakeNetwork(flags));

    private string Client(string network, params string[] flags) => Add(_containers, host.RunClient("client", network, flags));

    private string Server(string network, params string[] flags) => Add(_containers, host.RunServer("server", network, flags));

    private static string Add(List<string> list, string name)
    {
        list.Add(name);
        return name;
    }
}
