// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>What needs a machine of its own: dockerd restarts, reboots, and the removal of every trace.</summary>
public sealed class RestartTests : IDisposable
{
    /// <summary>What the devices of the machine carry.</summary>
    private const string Devices = "ip link show world0; tc filter show dev world0 ingress; tc filter show dev world0 egress";

    private readonly DockerHost _host = new();

    public void Dispose() => _host.Dispose();

    [PrivilegedFact]
    public void DockerRestart_LeavesNoStaleEndpoint_AndNetworksWorkAfterwards()
    {
        string network = _host.MakeNetwork();
        string old = _host.RunServer("old", network);
        string always = _host.RunServer("always", network, "--restart", "always");
        _host.RestartDocker();
        Wait.Until(() => _host.Docker("inspect", "-f", "{{.State.Running}}", always) == "true", 20, () => "the container with --restart always is down");
        Wait.Until(() => _host.EndpointRow(old).Length == 0, 10, () => "the stopped container's endpoint stays: " + _host.EndpointRow(old));
        string client = _host.RunClient("client", network);
        _host.MustReach(client, always);
        _host.Docker("start", old);
        _host.MustReach(client, old);
        _host.Remove(old, always, client);
        _host.Docker("network", "rm", network);
        Assert.Empty(Traces("ip -o link | grep ': weir'"));
    }

    [PrivilegedFact]
    public void BothRestarted_AsByAReboot_StaleStateIsReconciled()
    {
        string network = _host.MakeNetwork();
        string container = _host.RunServer("web", network, "-l", "boot=yes");
        _host.Agent.Kill();
        _host.RestartDocker(() =>
        {
            // A reboot takes links, pins and rules; files stay.
            _host.Sandbox.Shell("rm -rf /sys/fs/bpf/weir; for l in $(ip -o link | sed -n 's/^[0-9]*: \\(weir[^@:]*\\).*/\\1/p'); do ip link delete $l; done");
            _host.Agent.Start();
        });
        _host.Docker("start", container);
        string client = _host.RunClient("client", network);
        _host.MustReach(client, container);
        Assert.Equal(2, _host.Weir("endpoint", "list").OrFail().Output.Split('\n').Count(l => l.Contains(container, StringComparison.Ordinal) || l.Contains(client, StringComparison.Ordinal)));
    }

    /// <summary>An agent that starts with a folder that is lost, or another, takes nothing away that Docker has.</summary>
    [PrivilegedFact]
    public void LostRecords_CostNoContainerItsNetwork()
    {
        string network = _host.MakeNetwork("--subnet", "10.127.1.0/24");
        string server = _host.RunServer("web", network, "-l", "role=web"), client = _host.RunClient("client", network, "-l", "role=client");
        _host.MustReach(client, server);

        // What outlives a reboot: networks, identities, policy.
        _host.Agent.Stop();
        _host.Sandbox.Shell("rm -rf /var/lib/weir");
        _host.Agent.Start();
        _host.MustReach(client, server);
        Wait.Until(() => _host.EndpointRow(server).Contains(network, StringComparison.Ordinal), 15, () => _host.Weir("endpoint", "list").All + _host.Weir("status").All + _host.Agent.Log);
        string late = _host.RunClient("late", network);
        _host.MustReach(late, server);
        _host.Apply("web.json", """
            [{"endpointSelector": {"matchLabels": {"role": "web"}}, "ingress": [{"fromEndpoints": [{"matchLabels": {"role": "client"}}]}]}]
            """);
        _host.MustReach(client, server);
        _host.MustNotReach(late, server);
        Assert.Contains("overlaps", _host.TryDocker("network", "create", "--driver", "weir", "--ipam-driver", "weir", "--subnet", "10.127.1.0/25", "other").Error, StringComparison.Ordinal);

        // What outlives the agent's restart: endpoints. What was in force stays in force.
        _host.Agent.Stop();
        _host.Sandbox.Shell("rm -rf /run/weir/state");
        _host.Agent.Start();
        Wait.Until(() => _host.Weir("status").Output.Contains($"the record of container {server} is lost", StringComparison.Ordinal), 15, () => _host.Weir("status").All);
        _host.MustReach(client, server);
        _host.MustNotReach(late, server);
        _host.Docker("restart", "-t", "0", client, server, late);
        Wait.Until(() => !_host.Weir("status").Output.Contains("is lost", StringComparison.Ordinal), 90, () => _host.Weir("status").All);
        _host.MustReach(client, server);
        _host.MustNotReach(late, server);
    }

    [PrivilegedFact]
    public void Cleanup_RemovesEveryTrace()
    {
        _host.Agent.Stop();
        _host.Weir("cleanup", "--yes").OrFail();
        string before = Snapshot();
        _host.Agent.Start();
        string network = _host.MakeNetwork();
        string container = _host.RunServer("web", network, "-p", "8080:80");
        _host.MustReach(container, DockerHost.WorldAddress);
        _host.Weir("service", "update", "--name", "shop", "--frontend", "203.0.113.10:80/tcp", "--backends", "10.99.0.1:80").OrFail();
        _host.Weir("prefilter", "add", "192.0.2.9").OrFail();
        Assert.Contains("weir_xdp", Traces(Devices), StringComparison.Ordinal);
        _host.Remove(container);
        _host.Docker("network", "rm", network);
        _host.Agent.Stop();
        CommandResult asked = _host.Sandbox.Run([Sandbox.Weir, "cleanup"], input: "no\n");
        Assert.NotEqual("", Traces("ls /sys/fs/bpf/weir"));
        _host.Weir("cleanup", "--yes").OrFail();
        Assert.Empty(Traces("ls -d /sys/fs/bpf/weir* /run/docker/plugins/weir* /run/weir* /var/lib/weir*"));
        Assert.Empty(Traces("iptables-save | grep -i weir; ip6tables-save | grep -i weir"));
        Assert.Empty(Traces("ip -o link | grep weir"));
        Assert.DoesNotContain("weir", Traces(Devices), StringComparison.Ordinal);
        Assert.Equal(before, Snapshot());
        Assert.NotEqual(124, asked.ExitCode);
    }

    [PrivilegedFact]
    public void CleanupWithContainersAlive_RemovesTheirLinksToo()
    {
        string network = _host.MakeNetwork();
        _host.RunServer("web", network);
        _host.Agent.Kill();
        _host.Weir("cleanup", "--yes").OrFail();
        Assert.Empty(Traces("ip -o link | grep weir; ls -d /sys/fs/bpf/weir* /var/lib/weir*; iptables-save | grep -i weir"));
    }

    /// <summary>The routes and addresses of the host, as text.</summary>
    private string Snapshot() => _host.Sandbox.Shell("ip route show table all | grep -v cache | sort; ip -6 route show table all | sort; ip -o address | sort; ip rule; iptables-save | grep '^[:-]' | grep -v WEIR | sed 's/ \\[.*//'");

    private string Traces(string script) => _host.Sandbox.Shell($"({script}) 2> /dev/null || true").Trim();
}
