// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>Hosts that share an etcd: one identity, one policy, one network.</summary>
public sealed class ManyHostsTests : IDisposable
{
    private ClusterHosts _hosts = null!;

    public void Dispose() => _hosts?.Dispose();

    [PrivilegedTheory]
    [InlineData("direct")]
    [InlineData("overlay")]
    public void Containers_ReachOneAnother_AsPolicySays_WhereverTheyRun(string way)
    {
        // Who wants the overlay has it with everybody.
        _hosts = new ClusterHosts(2, way == "direct" ? "auto" : way);
        _hosts.MakeNetwork("app", "10.40.0.0/16");
        string api = _hosts[0].RunServer("api", "app", "-l", "role=api");
        string web = _hosts[1].RunClient("web", "app", "-l", "role=web");
        string other = _hosts[1].RunClient("other", "app", "-l", "role=other");
        string address = _hosts[0].AddressOf(api, "app");
        MustReach(web, address);
        MustReach(other, address);

        // More than a packet, both ways: sizes and checksums fit.
        string big = _hosts[1].Exec(web, "sh", "-c", $"head -c 3000000 /dev/zero | tr '\\\\0' x > /tmp/big; timeout 10 nc {address} 9000 < /tmp/big | wc -c").Output.Trim();
        Assert.Equal("3000000", big);
        // A host is not its containers: it asks for a door, which a rule opens.
        string[] fromHost = ["timeout", "3", "busybox", "wget", "-qO-", $"http://{address}/"];
        Assert.False(_hosts[1].Sandbox.Run(fromHost).Succeeded);
        _hosts[0].Apply("nodes.yaml", Policy("{port: \"80\", protocol: TCP}").Replace("fromEndpoints: [{matchLabels: {role: web}}]", "fromEntities: [remote-node]", StringComparison.Ordinal).Replace("name: api", "name: nodes", StringComparison.Ordinal));
        Assert.Contains($"hello from {api}", _hosts[1].Sandbox.Run(fromHost).Output, StringComparison.Ordinal);
        _hosts[0].Weir("policy", "delete", "nodes").OrFail();

        // Nothing is balanced: the device has the program that judges what comes in, and no XDP before it.
        Assert.Contains("tc only", _hosts[0].Weir("status").OrFail().Output, StringComparison.Ordinal);

        // Once, on one host; in force everywhere when it returns. The container that it selects is on the other.
        CommandResult applied = _hosts[1].TryApply("api.yaml", Policy("{port: \"80\", protocol: TCP}"));
        Assert.True(applied.Succeeded, applied.All);
        Assert.DoesNotContain("no container", applied.All, StringComparison.Ordinal);
        MustReach(web, address);
        Assert.False(Get(other, address).Succeeded);
        string drop = _hosts[0].Sandbox.Run(["timeout", "2", Sandbox.Weir, "monitor", "--type", "drop", "--last", "20"]).Output;
        Assert.Contains($"{other} (host2)", drop, StringComparison.Ordinal);
        Assert.Contains($"{other} (host2)", _hosts[0].Weir("ip", "list").OrFail().Output, StringComparison.Ordinal);
        Assert.Contains("denied", _hosts[0].Weir("policy", "explain", "--from", other, "--to", api, "--port", "80/tcp").All, StringComparison.Ordinal);
        foreach (int host in new[] { 0, 1 })
        {
            Assert.Contains("allowed", _hosts[host].Weir("policy", "explain", "--from", "role=web", "--to", "role=api", "--port", "80/tcp").OrFail().Output, StringComparison.Ordinal);
            Assert.Contains("denied", _hosts[host].Weir("policy", "explain", "--from", "role=other", "--to", "role=api", "--port", "80/tcp").All, StringComparison.Ordinal);
            Assert.Contains("api", _hosts[host].Weir("policy", "get").OrFail().Output, StringComparison.Ordinal);
        }

        // HTTP, judged at the server's host by who the client is.
        _hosts[0].Apply("api.yaml", Policy("{port: \"80\", protocol: TCP}", ", rules: {http: [{method: GET, path: /}]}"));
        MustReach(web, address);
        CommandResult refused = _hosts[1].Exec(web, "timeout", "3", "wget", "-qO-", $"http://{address}/other");
        Assert.Contains("403", refused.All, StringComparison.Ordinal);

        string nodes = _hosts[0].Weir("node", "list").OrFail().Output;
        Assert.Matches(@"host1 \(this\) +10\.50\.0\.1 ", nodes);
        Assert.Matches($@"host2 +10\.50\.0\.2 +\w+ +{way} ", nodes);
        Assert.Contains("one of 2 nodes", _hosts[1].Weir("status").OrFail().Output, StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void WhileEtcdIsAway_TrafficFlows_AndEverythingAgreesAfterwards()
    {
        _hosts = new ClusterHosts(2);
        _hosts.MakeNetwork("app", "10.40.0.0/16");
        string api = _hosts[0].RunServer("api", "app", "-l", "role=api");
        string web = _hosts[1].RunClient("web", "app", "-l", "role=web");
        string address = _hosts[0].AddressOf(api, "app");
        MustReach(web, address);
        _hosts[0].Apply("api.yaml", Policy("{port: \"80\", protocol: TCP}"));

        _hosts.StopEtcd();
        MustReach(web, address);
        Wait.Until(() => _hosts[1].Weir("status").Output.Contains("not heard", StringComparison.Ordinal), 30, () => _hosts[1].Weir("status").All);
        _hosts[1].Agent.Kill();
        _hosts.StartAgent(1);
        MustReach(web, address);
        // One that the other host has not heard of is nobody to it, though its labels have a number.
        string known = _hosts[1].RunClient("web", "app", "-l", "role=web");
        Assert.Matches($@"{known} +ready ", _hosts[1].Weir("endpoint", "list").OrFail().Output);
        Assert.False(Get(known, address).Succeeded);
        string unknown = _hosts[1].RunClient("new", "app", "-l", "role=web", "-l", "never=seen");
        Assert.Matches($@"{unknown} +init ", _hosts[1].Weir("endpoint", "list").OrFail().Output);
        CommandResult refused = _hosts[1].TryApply("api.yaml", Policy("{port: \"81\", protocol: TCP}"));
        Assert.False(refused.Succeeded);
        Assert.Contains("nothing was changed", refused.All, StringComparison.Ordinal);

        _hosts.StartEtcd();
        MustReach(known, address);
        MustReach(unknown, address);
        MustReach(web, address);
    }

    [PrivilegedFact]
    public void NodeThatDies_CanBeForgotten_AndOneThatTakesItsNameIsRefused()
    {
        _hosts = new ClusterHosts(2);
        _hosts.MakeNetwork("app", "10.40.0.0/16");
        string used = _hosts[1].RunClient("used", "app");
        Wait.Until(() => _hosts[0].Weir("ip", "list").Output.Contains($"{used} (host2)", StringComparison.Ordinal), 15, () => _hosts[0].Weir("ip", "list").All);
        Assert.Contains("a container is on network app", _hosts[0].Weir("network", "delete", "app").Error, StringComparison.Ordinal);
        _hosts[1].Remove(used);
        Wait.Until(() => _hosts[0].Weir("network", "delete", "app").Succeeded, 15, () => _hosts[0].Weir("network", "list").All);
        foreach (int host in new[] { 0, 1 })
        {
            Wait.Until(() => !_hosts[host].TryDocker("network", "inspect", "app").Succeeded, 20, () => _hosts[host].Agent.Log);
        }

        Assert.DoesNotContain("10.40.", _hosts[0].Sandbox.Run(["ip", "route"]).Output, StringComparison.Ordinal);
        _hosts.MakeNetwork("app", "10.40.0.0/16");
        _hosts[1].Agent.Kill();
        Assert.Equal(2, ClusterHosts.Nodes(_hosts[0]));
        Assert.Contains("is alive", _hosts[0].Weir("node", "forget", "host2").Error, StringComparison.Ordinal);
        Wait.Until(() => _hosts[0].Weir("status").Output.Contains("node host2 is silent", StringComparison.Ordinal), 60, () => _hosts[0].Weir("status").All);
        _hosts[0].Weir("node", "forget", "host2").OrFail();
        Wait.Until(() => ClusterHosts.Nodes(_hosts[0]) == 1, 10, () => _hosts[0].Weir("node", "list").All);
        _hosts[1].Agent.Start("--cluster-endpoints", "http://10.50.0.1:2379", "--node-name", "host1", "--node-address", "10.50.0.2");
        Wait.Until(() => _hosts[1].Weir("status").Output.Contains("10.50.0.1", StringComparison.Ordinal), 30, () => _hosts[1].Weir("status").All);
        Assert.Equal(1, ClusterHosts.Nodes(_hosts[0]));
    }

    private static string Policy(string port, string rules = "") => $$$"""
        apiVersion: cilium.io/v2
        kind: CiliumNetworkPolicy
        metadata: {name: api}
        spec:
          endpointSelector: {matchLabels: {role: api}}
          ingress: [{fromEndpoints: [{matchLabels: {role: web}}], toPorts: [{ports: [{{{port}}}]{{{rules}}} }]}]
        """;

    private CommandResult Get(string client, string address) => _hosts[1].Exec(client, "timeout", "3", "wget", "-qO-", $"http://{address}/");

    private void MustReach(string client, string address) => Wait.Until(
        () => Get(client, address).Output.Contains("hello from", StringComparison.Ordinal),
        15,
        () => string.Join('\n', new[] { 0, 1 }.Select(host => $"{_hosts[host].Weir("status").All}{_hosts[host].Weir("endpoint", "list").All}{_hosts[host].Weir("ip", "list").All}{_hosts[host].Sandbox.Run(["ip", "route"]).All}{_hosts[host].Sandbox.Run(["timeout", "2", Sandbox.Weir, "monitor", "--last", "20"]).All}{_hosts[host].Agent.Log}")));
}
