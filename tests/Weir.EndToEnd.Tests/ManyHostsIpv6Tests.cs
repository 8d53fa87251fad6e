// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>Hosts that reach one another by IPv6, and containers that have both families.</summary>
public sealed class ManyHostsIpv6Tests : IDisposable
{
    private ClusterHosts _hosts = null!;

    public void Dispose() => _hosts?.Dispose();

    [PrivilegedFact]
    public void BothFamilies_GoDirectly_AndByAnOverlayWhoseHostsHaveIpv6Only()
    {
        _hosts = new ClusterHosts(2);
        Again(host => $"{ClusterHosts.AddressOf(host)},{ClusterHosts.Address6Of(host)}", "auto");
        _hosts.MakeNetwork("app", "10.40.0.0/16", "fd40::/64");
        string api = _hosts[0].RunServer("api", "app", "-l", "role=api");
        string web = _hosts[1].RunClient("web", "app", "-l", "role=web");
        string other = _hosts[1].RunClient("other", "app", "-l", "role=other");
        _hosts[1].Apply("api.yaml", """
            apiVersion: cilium.io/v2
            kind: CiliumNetworkPolicy
            metadata: {name: api}
            spec:
              endpointSelector: {matchLabels: {role: api}}
              ingress: [{fromEndpoints: [{matchLabels: {role: web}}]}]
            """);
        string[] addresses = [_hosts[0].AddressOf(api, "app"), _hosts[0].AddressOf(api, "app", v6: true)];
        Check("direct");

        // They are known by other addresses, and go another way: the containers stay who they are.
        Again(ClusterHosts.Address6Of, "overlay");
        Check("overlay");

        void Check(string way)
        {
            Wait.Until(() => _hosts[1].Weir("node", "list").Output.Contains($" {way} ", StringComparison.Ordinal), 20, () => _hosts[1].Weir("node", "list").All);
            foreach (string address in addresses)
            {
                Wait.Until(() => _hosts[1].Fetch(web, address).Succeeded, 20, () => $"{way} {address}\n{string.Join('\n', new[] { 0, 1 }.Select(Say))}");
                Assert.False(_hosts[1].Fetch(other, address).Succeeded);
                // More than a packet, both ways.
                Assert.Equal("300000", _hosts[1].Exec(web, "sh", "-c", $"head -c 300000 /dev/zero | tr '\\\\0' x > /tmp/big; timeout 20 nc {address} 9000 < /tmp/big | wc -c").Output.Trim());
            }
        }
    }

    private void Again(Func<int, string> addresses, string way)
    {
        foreach (int host in new[] { 0, 1 })
        {
            _hosts[host].Agent.Stop();
            _hosts.StartAgent(host, addresses(host), way);
        }
    }

    private string Say(int host) => $"{_hosts[host].Weir("status").All}{_hosts[host].Weir("node", "list").All}{_hosts[host].Weir("ip", "list").All}{_hosts[host].Sandbox.Run(["ip", "-6", "route"]).All}{_hosts[host].Sandbox.Run(["timeout", "2", Sandbox.Weir, "monitor", "--last", "20"]).All}{_hosts[host].Agent.Log}";
}
