// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>Names of a network of many hosts, as containers ask for them: through Docker's own DNS.</summary>
public sealed class ManyHostsNameTests : IDisposable
{
    private ClusterHosts _hosts = null!;

    public void Dispose() => _hosts?.Dispose();

    [ComposeFact]
    public void Names_ResolveOnEveryHost_ToBothFamilies_AndPolicyDecidesWhoAsks()
    {
        _hosts = new ClusterHosts(2, "overlay"); // which carries both families
        // Nobody is there: all that is answered is answered on the way. What is unknown goes to the next.
        foreach (int host in new[] { 0, 1 })
        {
            SetResolver(host, "198.51.100.2");
        }

        _hosts.MakeNetwork("app", "10.40.0.0/16", "fd40::/64");
        string api = _hosts[0].RunServer("api", "app", "--network-alias", "backend", "-l", "role=api");
        string web = _hosts[1].RunClient("web", "app", "-l", "role=web");
        string address = _hosts[0].AddressOf(api, "app");
        string address6 = _hosts[0].Docker("inspect", "-f", "{{(index .NetworkSettings.Networks \"app\").GlobalIPv6Address}}", api).Trim();

        // By name, by alias, in the network's domain, and in capital letters.
        foreach (string name in new[] { api, "backend", $"{api}.app", "backend.app", "BackEnd" })
        {
            MustGet(web, name, api);
            string found = _hosts[1].Exec(web, "nslookup", name).Output;
            Assert.Contains(address, found, StringComparison.Ordinal);
            Assert.Contains(address6, found, StringComparison.Ordinal);
        }

        Assert.Contains("DNS questions were answered", _hosts[1].Weir("metrics").OrFail().Output, StringComparison.Ordinal);
        string names = _hosts[1].Weir("network", "names", "app").OrFail().Output;
        Assert.Matches($@"backend +{address} {address6} +host1/{api}", names);
        Assert.Contains($"\"node\": \"host1\"", _hosts[1].Weir("network", "names", "app", "-o", "json").OrFail().Output, StringComparison.Ordinal);
        Assert.Contains("backend.app", _hosts[1].Weir("map", "dump", "weir_name").OrFail().Output, StringComparison.Ordinal);
        Assert.False(_hosts[1].Exec(web, "timeout", "8", "nslookup", "nobody").Succeeded);
        string flows = _hosts[1].Sandbox.Run(["timeout", "2", Sandbox.Weir, "monitor", "--last", "200"]).Output;
        Assert.DoesNotContain("DENY", flows, StringComparison.OrdinalIgnoreCase);

        // An alias on both hosts: Docker answers of its own host, whoever asks it there.
        string near = _hosts[1].RunServer("near", "app", "--network-alias", "backend");
        MustGet(web, "backend", near);
        Wait.Until(() => _hosts[0].Weir("network", "names", "app").Output.Contains($"host2/{near}", StringComparison.Ordinal), 10, () => _hosts[0].Weir("network", "names", "app").All);
        _hosts[1].Remove(near);
        MustGet(web, "backend", api);

        // One that is given while the container runs, and one that is taken.
        _hosts[0].Docker("network", "disconnect", "app", api);
        _hosts[0].Docker("network", "connect", "--alias", "later", "app", api);
        Wait.Until(() => Get(web, "later").Output.Contains(api, StringComparison.Ordinal), 15, () => _hosts[1].Weir("network", "names", "app").All);
        Assert.DoesNotContain("backend", _hosts[1].Weir("network", "names", "app").OrFail().Output, StringComparison.Ordinal);

        // The agent is away: names are answered.
        _hosts[1].Agent.Kill();
        MustGet(web, "later", api);
        _hosts.StartAgent(1);
        MustGet(web, "later", api);

        // Who may not ask is answered nothing.
        _hosts[0].Apply("dns.yaml", """
            apiVersion: cilium.io/v2
            kind: CiliumNetworkPolicy
            metadata: {name: dns}
            spec:
              endpointSelector: {matchLabels: {role: web}}
              egress: [{toEndpoints: [{matchLabels: {role: api}}]}]
            """);
        Assert.False(_hosts[1].Exec(web, "timeout", "3", "nslookup", "later").Succeeded);
        _hosts[0].Weir("policy", "delete", "dns").OrFail();
        MustGet(web, "later", api);

        Compose_UsesTheNetwork(api);
        _hosts[1].Remove(web);
        Network_IsJoinedByHand(api);
    }

    private void Network_IsJoinedByHand(string api)
    {
        // As it is, the network is there already.
        string[] join = ["network", "create", "--driver", "weir", "--ipam-driver", "weir", "-o", "weir.network=app"];
        Assert.Contains("already exists", _hosts[1].TryDocker([.. join, "app"]).Error, StringComparison.Ordinal);
        Assert.Contains("Docker calls it app: use that", _hosts[1].TryDocker([.. join, "mine"]).Error, StringComparison.Ordinal);

        _hosts[1].Agent.Stop();
        _hosts.StartAgent(1, ClusterHosts.AddressOf(1), "overlay", "--cluster-make-networks", "false");
        Wait.Until(() => ClusterHosts.Nodes(_hosts[1]) == 2 && _hosts[1].TryDocker("network", "rm", "app").Succeeded, 20, () => _hosts[1].Agent.Log);
        Assert.False(_hosts[1].TryDocker([.. join[..^1], "weir.network=other", "app"]).Succeeded);
        _hosts[1].Docker([.. join, "app"]);
        string web = _hosts[1].RunClient("web", "app");
        Assert.StartsWith("10.40.", _hosts[1].AddressOf(web, "app"), StringComparison.Ordinal);
        MustGet(web, "later", api);
        MustGet(web, "later.app", api);
        string far = _hosts[0].RunClient("far", "app");
        Wait.Until(() => _hosts[0].Exec(far, "timeout", "3", "nslookup", web).Output.Contains(_hosts[1].AddressOf(web, "app"), StringComparison.Ordinal), 15, () => _hosts[0].Weir("network", "names", "app").All);

        // Under another name, and as Docker knows its ranges.
        _hosts[1].Remove(web);
        _hosts[1].Docker("network", "rm", "app");
        string[] known = [.. join, "--ipv6", "--ipam-opt", "weir.network=app"];
        Assert.Contains("give --subnet 10.40.0.0/16", _hosts[1].TryDocker([.. known, "mine"]).Error, StringComparison.Ordinal);
        _hosts[1].Docker([.. known, "--subnet", "10.40.0.0/16", "--subnet", "fd40::/64", "mine"]);
        Assert.Contains("10.40.0.0/16", _hosts[1].Docker("network", "inspect", "mine"), StringComparison.Ordinal);
        string again = _hosts[1].RunClient("again", "mine");
        MustGet(again, "later", api);
        MustGet(again, "later.mine", api);
        MustGet(again, "later.app", api);
    }

    private void Compose_UsesTheNetwork(string api)
    {
        _hosts[1].Sandbox.WriteFile("/run/docker-compose.yml", """
            version: "2.4"
            services:
              shop:
                image: weir-busybox
                command: sh -c "echo hello from shop > /www/index.html; exec httpd -f -p 80 -h /www"
              client:
                container_name: shop_client
                image: weir-busybox
                command: sleep 600
            networks:
              default:
                external: true
                name: app
            """);
        _hosts[1].Sandbox.Run(["docker-compose", "-p", "shop", "-f", "/run/docker-compose.yml", "up", "-d"]).OrFail();
        string far = _hosts[0].RunClient("far", "app");
        Wait.Until(() => _hosts[0].Exec(far, "timeout", "3", "wget", "-qO-", "http://shop/").Output.Contains("hello from shop", StringComparison.Ordinal), 15, () => _hosts[0].Weir("network", "names", "app").All);
        MustGet("shop_client", "later", api);
        MustGet("shop_client", "shop", "shop");
        _hosts[1].Sandbox.Run(["docker-compose", "-p", "shop", "-f", "/run/docker-compose.yml", "down", "-t", "0"]).OrFail();
    }

    /// <summary>Docker asks whom the host asks.</summary>
    private void SetResolver(int host, string address)
    {
        _hosts[host].Sandbox.WriteFile("/run/resolv.conf", $"nameserver {address}\n");
        _hosts[host].Sandbox.Shell("mount --bind /run/resolv.conf /etc/resolv.conf");
    }

    private void MustGet(string client, string name, string server) =>
        Wait.Until(() => Get(client, name).Output.Contains($"hello from {server}", StringComparison.Ordinal), 15, () => $"{Get(client, name).All}\n{_hosts[1].Weir("network", "names", "app").All}\n{_hosts[1].Agent.Log}");

    private CommandResult Get(string client, string name) => _hosts[1].Exec(client, "timeout", "6", "wget", "-qO-", $"http://{name}/");
}
