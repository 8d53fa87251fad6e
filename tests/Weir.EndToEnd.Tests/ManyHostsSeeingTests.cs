// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>All hosts seen from one, and the ways between them as each measures them.</summary>
public sealed class ManyHostsSeeingTests : IDisposable
{
    private const string Policy = """
        apiVersion: cilium.io/v2
        kind: CiliumNetworkPolicy
        metadata: {name: api}
        spec:
          endpointSelector: {matchLabels: {role: api}}
          ingress: [{fromEndpoints: [{matchLabels: {role: web}}]}]
        """;

    private ClusterHosts _hosts = null!;

    public void Dispose() => _hosts?.Dispose();

    [PrivilegedFact]
    public void OneHost_ShowsWhatHappensOnAll_AndWhichItReaches()
    {
        _hosts = new ClusterHosts(2);
        _hosts.MakeNetwork("app", "10.40.0.0/16");
        string api = _hosts[0].RunServer("api", "app", "-l", "role=api");
        string other = _hosts[1].RunClient("other", "app", "-l", "role=other");
        string address = _hosts[0].AddressOf(api, "app");
        _hosts[1].Apply("api.yaml", Policy);
        Assert.Contains("of all nodes is in force on all 2", _hosts[0].Weir("policy", "get").OrFail().Output, StringComparison.Ordinal);

        // What one host denies is seen on the other.
        Assert.False(_hosts[1].Exec(other, "timeout", "3", "wget", "-qO-", $"http://{address}/").Succeeded);
        string drops = _hosts[1].Weir("monitor", "--all-nodes", "--type", "drop", "--last", "50", "--no-follow").OrFail().Output;
        Assert.Matches($@"(?m)^host1 .* drop {other} \(host2\) \(10\.40\..* → {api} \({address}:80\)", drops);
        Assert.Contains("\"node\":\"host1\"", _hosts[1].Weir("monitor", "--node", "host1", "--last", "50", "--no-follow", "-o", "json").OrFail().Output, StringComparison.Ordinal);
        BackgroundCommand live = _hosts[1].Sandbox.Start("timeout", "20", Sandbox.Weir, "monitor", "--all-nodes", "--type", "drop");
        Wait.Until(
            () =>
            {
                _ = _hosts[1].Exec(other, "timeout", "1", "wget", "-qO-", $"http://{address}/");
                return live.Output.Contains($"host1 ", StringComparison.Ordinal);
            },
            15,
            () => live.Output);
        live.Dispose();
        string endpoints = _hosts[1].Weir("endpoint", "list", "--all-nodes").OrFail().Output;
        Assert.Matches($@"(?m)^host1 +\d+ +{api} +ready", endpoints);
        Assert.Matches($@"(?m)^host2 +\d+ +{other} +ready", endpoints);
        Assert.Contains("\"node\": \"host1\"", _hosts[1].Weir("endpoint", "get", api, "--all-nodes", "-o", "json").OrFail().Output, StringComparison.Ordinal);
        Assert.DoesNotMatch("(?m)^host2 ", _hosts[1].Weir("ip", "list", "--node", "host1").OrFail().Output);
        string explained = _hosts[0].Weir("policy", "explain", "--from", "role=other", "--to", "role=api", "--port", "80/tcp", "--all-nodes").OrFail().Output;
        Assert.Equal(2, explained.Split("denied\n").Length - 1);
        CommandResult typo = _hosts[1].Weir("status", "--node", "hots1");
        Assert.Equal(2, typo.ExitCode);
        Assert.Contains("did you mean host1?", typo.Error, StringComparison.Ordinal);

        // A container is no node.
        Assert.Equal("0", _hosts[1].Exec(other, "sh", "-c", $"echo hello | timeout 5 nc {ClusterHosts.AddressOf(0)} 4245 | wc -c").Output.Trim());

        MustSee("ready +direct +[0-9.]+ ms");
        MustMeasure("status", "1");
        MustMeasure("latency_seconds", @"0\.\d+");
        Block("-p icmp", "-p tcp --dport 4245");
        MustSee(@"unreachable for \d+ s.* +direct");
        MustMeasure("status", "0");
        Assert.Contains("node host1 is alive and has answered nothing", _hosts[1].Weir("status").Output, StringComparison.Ordinal);
        CommandResult half = _hosts[1].Weir("endpoint", "list", "--all-nodes");
        Assert.Equal(1, half.ExitCode);
        Assert.Contains("node host1 cannot be asked", half.Error, StringComparison.Ordinal);
        Assert.Contains(other, half.Output, StringComparison.Ordinal);
        Block();
        MustSee("ready +direct +[0-9.]+ ms");

        _hosts[1].Agent.Stop();
        _hosts[1].Agent.Start("--cluster-endpoints", $"http://{ClusterHosts.AddressOf(0)}:2379", "--node-name", "host2", "--node-address", ClusterHosts.AddressOf(1), "--node-way", "overlay");
        MustSee("ready +overlay +[0-9.]+ ms");
        Block("-p udp --dport 8472");
        MustSee(@"unreachable for \d+ s +overlay");
        Block();
        MustSee("ready +overlay +[0-9.]+ ms");
    }

    /// <summary>How the first host stands, as the second sees it.</summary>
    private void MustSee(string state) => Wait.Until(
        () => System.Text.RegularExpressions.Regex.IsMatch(_hosts[1].Weir("node", "list").Output, $@"(?m)^host1 +10\.50\.0\.1 +{state}"),
        30,
        () => $"{state}\n{_hosts[1].Weir("node", "list").All}{_hosts[1].Weir("status").All}{_hosts[1].Weir("map", "dump", "weir_node_echo").All}{_hosts[1].Agent.Log}");

    /// <summary>What Prometheus reads of the same.</summary>
    private void MustMeasure(string what, string value) => Assert.Matches(
        $@"(?m)^weir_node_connectivity_{what}{{source_node_name=""host2"",target_node_name=""host1""}} {value}$",
        _hosts[1].Weir("metrics", "--prometheus").OrFail().Output);

    /// <summary>Packets to the first host that it does not take; none are any more.</summary>
    private void Block(params string[] what)
    {
        _hosts[0].Sandbox.Shell("iptables -N CUT 2> /dev/null && iptables -I INPUT -i node0 -j CUT; iptables -F CUT");
        foreach (string rule in what)
        {
            _hosts[0].Sandbox.Shell($"iptables -A CUT {rule} -j DROP");
        }
    }
}
