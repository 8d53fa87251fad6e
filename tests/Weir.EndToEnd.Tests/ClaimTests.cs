// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>The label weir.addresses: addresses that a container has beside those of its networks.</summary>
[Collection(SharedHost.Name)]
public sealed class ClaimTests(DockerHost host) : IDisposable
{
    private readonly List<string> _containers = [];
    private readonly List<string> _networks = [];

    public void Dispose()
    {
        host.DeletePolicies();
        host.Remove([.. _containers]);
        _networks.ForEach(network => host.Docker("network", "rm", network));
    }

    [PrivilegedFact]
    public void FloatingAddress_IsReached_IsUnderPolicy_AndPassesOnWhenItsContainerStops()
    {
        string network = Network("--subnet", "10.125.1.0/24");
        string first = Server(network, "-l", "weir.addresses=10.125.1.100", "-l", "role=vip"), second = Server(network, "-l", "weir.addresses=10.125.1.100", "-l", "role=vip");
        string client = Client(network, "-l", "role=client"), other = Client(network);
        foreach (string server in new[] { first, second })
        {
            host.InNetworkOf(server, "ip", "address", "add", "10.125.1.100/32", "dev", "eth0").OrFail();
        }

        host.MustReach(client, "10.125.1.100");
        Assert.Contains(first, host.Fetch(client, "10.125.1.100").Output, StringComparison.Ordinal);
        Assert.Contains(first, host.Sandbox.Run(["busybox", "wget", "-qO-", "http://10.125.1.100/"]).OrFail().Output, StringComparison.Ordinal);
        Assert.Contains("10.125.1.100", host.Weir("endpoint", "get", first).OrFail().Output, StringComparison.Ordinal);
        Assert.Contains($"is {first}'s", host.Weir("status").OrFail().Output, StringComparison.Ordinal);
        CommandResult taken = host.TryDocker("run", "--rm", "--network", network, "--ip", "10.125.1.100", "weir-busybox", "true");
        Assert.Contains("weir.addresses", taken.Error, StringComparison.Ordinal);

        host.Apply("vip.json", """
            [{"endpointSelector": {"matchLabels": {"role": "vip"}}, "ingress": [{"fromEndpoints": [{"matchLabels": {"role": "client"}}]}]}]
            """);
        host.MustReach(client, "10.125.1.100");
        host.MustNotReach(other, "10.125.1.100");

        // The program of the container's that speaks first from it is believed: nothing is spoofed.
        Assert.True(host.InNetworkOf(first, "busybox", "ping", "-c", "1", "-W", "5", "-I", "10.125.1.100", host.AddressOf(client, network)).Succeeded);
        Assert.False(host.InNetworkOf(second, "busybox", "ping", "-c", "1", "-W", "1", "-I", "10.125.1.100", host.AddressOf(client, network)).Succeeded);

        host.Docker("stop", "-t", "0", first);
        host.MustReach(client, "10.125.1.100");
        Assert.Contains(second, host.Fetch(client, "10.125.1.100").Output, StringComparison.Ordinal);
        host.Agent.Stop();
        host.MustReach(client, "10.125.1.100");
        host.Agent.Start();
        host.MustReach(client, "10.125.1.100");
        host.MustNotReach(other, "10.125.1.100");
    }

    [PrivilegedFact]
    public void NetworkBehindAContainer_IsReached_AndReachesTheWorld()
    {
        string network = Network();
        string router = Server(network, "-l", "weir.addresses=10.126.0.0/24,[fd00:126::]/64"), client = Client(network);

        // Somebody behind it: a container's own namespace serves as well as a VPN's other end.
        host.InNetworkOf(router, "ip", "address", "add", "10.126.0.7/32", "dev", "lo").OrFail();
        host.InNetworkOf(router, "ip", "address", "add", "fd00:126::7/128", "dev", "lo").OrFail();
        host.MustReach(client, "10.126.0.7");
        host.MustReach(client, "fd00:126::7");
        foreach (string address in new[] { "10.126.0.7", "[fd00:126::7]" })
        {
            Assert.Contains(router, host.Sandbox.Run(["busybox", "wget", "-qO-", $"http://{address}/"]).OrFail().Output, StringComparison.Ordinal);
        }

        Assert.True(host.InNetworkOf(router, "busybox", "ping", "-c", "1", "-W", "5", "-I", "10.126.0.7", DockerHost.WorldAddress).Succeeded);
        Assert.False(host.InNetworkOf(client, "sh", "-c", $"ip address add 10.126.0.8/32 dev lo; busybox ping -c 1 -W 1 -I 10.126.0.8 {DockerHost.WorldAddress}").Succeeded);

        // Its route is put back when somebody takes it.
        host.Sandbox.Shell("ip route del 10.126.0.0/24");
        Wait.Until(() => host.Sandbox.Shell("ip route show 10.126.0.0/24").Contains("via", StringComparison.Ordinal), 15, () => host.Weir("status").All);
        host.Docker("rm", "-f", router);
        _containers.Remove(router);
        Assert.Empty(host.Sandbox.Shell("ip route show 10.126.0.0/24").Trim());
    }

    [PrivilegedFact]
    public void LabelThatIsWrong_IsSaid()
    {
        string network = Network();
        string wrong = Client(network, "-l", "weir.addresses=198.51.100.9");
        Assert.Contains("world0", host.Weir("endpoint", "get", wrong).OrFail().Output, StringComparison.Ordinal);
        Assert.Contains("label weir.addresses", host.Weir("status").OrFail().Output, StringComparison.Ordinal);
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
