// SPDX-License-Identifier: Apache-2.0
using System.Text.RegularExpressions;
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>Services in front of containers: reached from outside through the device, from the host and from
/// containers through the socket hook.</summary>
[Collection(ServiceHost.Name)]
public sealed class LoadBalancerTests : IDisposable
{
    private const string Vip = "203.0.113.10";
    private const string Vip6 = "2001:db8:113::10";
    private readonly DockerHost _host;
    private readonly string _network;
    private readonly string _client;
    private readonly string[] _servers;

    public LoadBalancerTests(DockerHost host)
    {
        _host = host;
        host.RouteWorldTo("203.0.113.0/24", "2001:db8:113::/48");
        _network = host.MakeNetwork();
        _client = host.RunClient("client", _network, "-l", "lb=client");
        _servers = [host.RunServer("web", _network, "-l", "lb=web"), host.RunServer("web", _network, "-l", "lb=web")];
        foreach (string server in _servers)
        {
            host.MustReach(_client, server);
        }
    }

    public void Dispose()
    {
        _host.Weir("service", "delete", "--all");
        _host.DeletePolicies();
        _host.Remove([_client, .. _servers]);
        _host.Docker("network", "rm", _network);
    }

    [PrivilegedTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void FromOutside_BothBackendsServe_AndSeeTheClientsAddress(bool v6)
    {
        Update("--frontend", Frontend(80, v6), "--backends", Backends(80, v6));
        Assert.Equal(_servers.Order(), Enumerable.Range(0, 30).Select(_ => FromWorld(v6)).Distinct().Order());

        _host.Apply("lb.yaml", Policy("fromCIDR: [198.51.100.9/32, \"2001:db8:100::9/128\"]"));
        Assert.Equal("", FromWorld(v6));
        _host.Apply("lb.yaml", Policy($"fromCIDR: [{DockerHost.WorldAddress}/32, \"{DockerHost.WorldAddress6}/128\"]"));
        Assert.Contains(FromWorld(v6), _servers);
    }

    [PrivilegedTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void FromHostAndContainer_TheSocketHookTranslates(bool v6)
    {
        Update("--frontend", Frontend(80, v6), "--backends", Backends(80, v6));
        string url = $"http://{(v6 ? $"[{Vip6}]" : Vip)}/";
        Assert.Equal(_servers.Order(), Enumerable.Range(0, 30).Select(_ => Who(_host.Exec(_client, "timeout", "2", "wget", "-qO-", url))).Distinct().Order());
        Assert.Contains(Who(_host.Sandbox.Run(["timeout", "2", "busybox", "wget", "-qO-", url])), _servers);
        // Itself, through its service: each try has one chance in two.
        Assert.Contains(Enumerable.Range(0, 20), _ => Who(_host.Exec(_servers[0], "timeout", "2", "wget", "-qO-", url)) == _servers[0]);
        Assert.Matches(@"\s3[1-9]\s*$|\s[4-9]\d\s*$", Row("CONNECTS"));
    }

    [PrivilegedFact]
    public void ChangeOfBackends_LeavesConnectionsWhereTheyAre()
    {
        Update("--frontend", Frontend(9000), "--backends", $"{Address(0)}:9000");
        using var old = new WorldEcho(_host, Vip, 9000);
        old.MustLive();
        Update("--backends", $"{Address(0)}:9000,{Address(1)}:9000");
        old.MustLive();
        CommandResult drained = _host.Weir("service", "drain", "--name", "shop", "--backend", $"{Address(0)}:9000").OrFail();
        Assert.Contains("draining", drained.Output, StringComparison.Ordinal);
        old.MustLive();
        using var fresh = new WorldEcho(_host, Vip, 9000);
        fresh.MustLive();
        Assert.Single(_host.InNetworkOf(_servers[1], "ss", "-Htn", "sport", "=", ":9000").Output.Split('\n', StringSplitOptions.RemoveEmptyEntries));

        Update("--backends", $"{Address(1)}:9000");
        fresh.MustLive();
        old.MustStall();
    }

    [PrivilegedFact]
    public void ChangesUnderLoad_LoseNoConnection()
    {
        Update("--frontend", Frontend(80), "--backends", Backends(80));
        using BackgroundCommand load = _host.Sandbox.StartElsewhere("world", "bash", "-c", $"for i in $(seq 400); do timeout 3 busybox wget -qO- http://{Vip}/ > /dev/null && echo good || echo bad; done; echo finished");
        for (int i = 0; i < 20 && !load.HasExited; i++)
        {
            Update("--backends", i % 2 == 0 ? $"{Address(0)}:80,{Address(1)}:80/w=3" : Backends(80));
        }

        load.WaitFor("finished", 60);
        Assert.DoesNotContain("bad", load.Output, StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void AgentDown_BalancingGoesOn_AndItsStateComesBack()
    {
        Update("--frontend", Frontend(80), "--backends", Backends(80));
        string before = Slots();
        _host.Agent.Kill();
        Assert.Contains(FromWorld(), _servers);
        Assert.Contains(Who(_host.Exec(_client, "timeout", "2", "wget", "-qO-", $"http://{Vip}/")), _servers);
        _host.Agent.Start();
        Assert.Equal(before, Slots());
        Assert.Contains(FromWorld(), _servers);
    }

    [PrivilegedFact]
    public void File_WithSelector_FollowsContainers()
    {
        Apply("""
            services:
              - name: shop
                frontends: ["203.0.113.10:80/tcp", "[2001:db8:113::10]:80/tcp"]
                selector: {matchLabels: {lb: web}}
                targetPort: 80
            """).OrFail();
        Assert.Contains(FromWorld(), _servers);
        Assert.Contains(FromWorld(v6: true), _servers);
        string third = _host.RunServer("web", _network, "-l", "lb=web");
        try
        {
            Wait.Until(() => Enumerable.Range(0, 20).Any(_ => FromWorld() == third), 10, () => Row("NAME"));
        }
        finally
        {
            _host.Remove(third);
        }

        Assert.All(Enumerable.Range(0, 20), _ => Assert.Contains(FromWorld(), _servers));
    }

    [PrivilegedFact]
    public void ServicesThatSwapTheirFrontends_AreEachWhereTheFileSays()
    {
        string OneEach(string ofA, string ofB) => $"""
            services:
              - name: a
                frontends: [{ofA}]
                backends: ["{Address(0)}:80"]
              - name: b
                frontends: [{ofB}]
                backends: ["{Address(1)}:80"]
            """;
        Apply(OneEach("203.0.113.10:80/tcp, 203.0.113.20:80/tcp", "203.0.113.11:80/tcp")).OrFail();
        Assert.Equal((_servers[0], _servers[1], _servers[0]), (FromWorld(), FromWorld("203.0.113.11"), FromWorld("203.0.113.20")));
        using BackgroundCommand load = _host.Sandbox.StartElsewhere("world", "bash", "-c", $"for i in $(seq 100); do timeout 3 busybox wget -qO- http://{Vip}/ > /dev/null && echo good || echo bad; done; echo finished");
        Apply(OneEach("203.0.113.11:80/tcp", "203.0.113.10:80/tcp")).OrFail();
        Assert.Equal((_servers[1], _servers[0], ""), (FromWorld(), FromWorld("203.0.113.11"), FromWorld("203.0.113.20")));
        load.WaitFor("finished", 60);
        // One that is open at that moment was the other service's; every new one is somebody's.
        Assert.InRange(load.Output.Split("bad").Length - 1, 0, 1);
    }

    [PrivilegedFact]
    public void HealthCheck_TakesABackendOutAndIn()
    {
        Update("--frontend", Frontend(80), "--backends", Backends(80), "--health-check", "http:/,interval=200ms,timeout=100ms,rise=1,fall=2");
        Wait.Until(() => Regex.Count(Row("NAME"), @"\bactive\b") == 2, 10, () => Row("NAME"));
        _host.Exec(_servers[0], "mv", "/www/index.html", "/www/gone.html").OrFail();
        Wait.Until(() => Row("NAME").Contains("unhealthy", StringComparison.Ordinal), 10, () => Row("NAME"));
        Assert.All(Enumerable.Range(0, 20), _ => Assert.Equal(_servers[1], FromWorld()));
        _host.Exec(_servers[0], "mv", "/www/gone.html", "/www/index.html").OrFail();
        Wait.Until(() => Enumerable.Range(0, 20).Any(_ => FromWorld() == _servers[0]), 10, () => Row("NAME"));
    }

    [PrivilegedFact]
    public void HttpPolicy_HoldsBehindAService()
    {
        Update("--frontend", Frontend(80), "--backends", $"{Address(0)}:80");
        _host.Apply("lb.yaml", Policy("""
            fromEntities: [world]
                  toPorts:
                    - ports: [{port: "80", protocol: TCP}]
                      rules: {http: [{method: GET, path: /}]}
            """));
        Assert.Equal(_servers[0], FromWorld());
        string refused = _host.Sandbox.RunElsewhere("world", "curl", "-s", "-i", "--connect-timeout", "3", "-m", "20", $"http://{Vip}/private").Output;
        Assert.Contains("403", refused, StringComparison.Ordinal);
        Assert.Contains("Access denied", refused, StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void Monitor_ShowsFrontendAndBackend()
    {
        Update("--frontend", Frontend(80), "--backends", $"{Address(0)}:80");
        using BackgroundCommand monitor = _host.Sandbox.Start(Sandbox.Weir, "monitor", "--type", "verdict");
        Wait.Until(
            () =>
            {
                FromWorld();
                return monitor.Output.Contains(Vip, StringComparison.Ordinal);
            },
            5,
            () => monitor.Output);
        string line = monitor.Output.Split('\n').First(text => text.Contains(Vip, StringComparison.Ordinal));
        Assert.Contains("shop", line, StringComparison.Ordinal);
        Assert.Contains(_servers[0], line, StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void Prefilter_DropsAtTheDevice_UntilItIsRemoved()
    {
        Update("--frontend", Frontend(80), "--backends", Backends(80));
        _host.Weir("prefilter", "add", "198.51.100.2", "2001:db8:100::/64").OrFail();
        Assert.Equal("", FromWorld());
        Assert.Matches("[1-9][0-9]* packets", _host.Weir("prefilter", "list").OrFail().Output);
        _host.Weir("prefilter", "remove", "198.51.100.2", "2001:db8:100::/64").OrFail();
        Assert.Contains(FromWorld(), _servers);
    }

    [PrivilegedFact]
    public void WrongInput_IsOneLine_AndChangesNothing()
    {
        Update("--frontend", Frontend(80), "--backends", Backends(80));
        string before = Row("NAME");
        MustRefuse("shpo", "service", "get", "shpo");
        MustRefuse("203.0.113.10:80/tpc", "service", "update", "--name", "x", "--frontend", "203.0.113.10:80/tpc");
        MustRefuse("shop", "service", "update", "--name", "other", "--frontend", Frontend(80), "--backends", "10.0.0.1:80");
        MustRefuse("10.9.9.9:80", "service", "drain", "--name", "shop", "--backend", "10.9.9.9:80");
        MustRefuse("--frontend", "service", "update", "--name", "x", "--backends", "10.0.0.1:80");
        MustRefuse("everybody", "prefilter", "add", "0.0.0.0/0");
        MustRefuse("banana", "prefilter", "add", "banana");
        CommandResult file = Apply("services:\n  - name: a\n    frontend: [203.0.113.11:80/tcp]\n");
        Assert.Equal(2, file.ExitCode);
        Assert.Contains("services.yaml:3", file.Error, StringComparison.Ordinal);
        Assert.Contains("frontends", file.Error, StringComparison.Ordinal);
        Assert.Equal(before, Row("NAME"));
    }

    private void MustRefuse(string word, params string[] command)
    {
        CommandResult result = _host.Weir(command);
        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains(word, result.Error, StringComparison.Ordinal);
        Assert.Single(result.Error.Trim().Split('\n'));
    }

    private static string Frontend(int port, bool v6 = false) => $"{(v6 ? $"[{Vip6}]" : Vip)}:{port}/tcp";

    private static string Policy(string entry) => $$$"""
        apiVersion: cilium.io/v2
        kind: CiliumNetworkPolicy
        metadata: {name: lb}
        spec:
          endpointSelector: {matchLabels: {lb: web}}
          ingress:
            - {{{entry}}}
        """;

    private string Address(int server) => _host.AddressOf(_servers[server], _network);

    private string Backends(int port, bool v6 = false) => string.Join(',', _servers.Select(server =>
        v6 ? $"[{_host.AddressOf(server, _network, v6: true)}]:{port}" : $"{_host.AddressOf(server, _network)}:{port}"));

    private void Update(params string[] flags) => _host.Weir(["service", "update", "--name", "shop", .. flags]).OrFail();

    private CommandResult Apply(string text)
    {
        File.WriteAllText(_host.Sandbox.HostPath("/run/services.yaml"), text);
        return _host.Sandbox.Run([Sandbox.Weir, "service", "apply", "-f", "services.yaml"], folder: "/run");
    }

    /// <summary>Which server answered; empty: none did.</summary>
    private string FromWorld(bool v6 = false) => FromWorld(v6 ? $"[{Vip6}]" : Vip);

    private string FromWorld(string vip) => Who(_host.Sandbox.RunElsewhere("world", "timeout", "2", "busybox", "wget", "-qO-", $"http://{vip}/"));

    private static string Who(CommandResult result) => result.Succeeded ? result.Output.Trim().Replace("hello from ", "", StringComparison.Ordinal) : "";

    private string Slots() => string.Join('\n', _host.Weir("service", "get", "shop").OrFail().Output.Split('\n').SkipWhile(line => !line.StartsWith("BACKEND", StringComparison.Ordinal)));

    /// <summary>The table of services; the first line of "shop" if a column is named.</summary>
    private string Row(string column)
    {
        string table = _host.Weir("service", "list").OrFail().Output;
        return column == "NAME" ? table : table.Split('\n').First(line => line.StartsWith("shop", StringComparison.Ordinal)).TrimEnd();
    }
}
