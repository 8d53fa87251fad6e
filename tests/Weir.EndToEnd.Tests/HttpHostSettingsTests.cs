// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>HTTP policy on hosts with settings and firewalls of all sorts, whichever way a request comes.</summary>
[Collection(RestartedHost.Name)]
public sealed class HttpHostSettingsTests : IDisposable
{
    private const string HostAddress6 = "2001:db8:100::1";
    private const string Neighbours = "-A INPUT -p ipv6-icmp -j ACCEPT";
    private readonly DockerHost _host;
    private readonly string _network;
    private readonly string _client;
    private readonly string _server;
    private readonly HttpServer _http;
    private readonly string _address;
    private readonly string _address6;

    public HttpHostSettingsTests(DockerHost host)
    {
        _host = host;
        _network = host.MakeNetwork();
        _client = host.RunClient("web", _network);
        _server = host.RunClient("api", _network, "-l", "settings=api", "-p", "8085:80");
        _http = new HttpServer(host, _server);
        _address = host.AddressOf(_server, _network);
        _address6 = host.AddressOf(_server, _network, v6: true);
        host.Sandbox.Run(["ip", "-n", "world", "route", "replace", _address, "via", DockerHost.HostAddress]).OrFail();
        host.Sandbox.Run(["ip", "-n", "world", "-6", "route", "replace", _address6, "via", HostAddress6]).OrFail();
        host.Apply("settings.yaml", """
            - endpointSelector: {matchLabels: {settings: api}}
              ingress:
                - fromEntities: [all]
                  toPorts:
                    - ports: [{port: "80", protocol: TCP}]
                      rules: {http: [{path: /public}]}
            """);
    }

    public void Dispose()
    {
        Set("rp_filter", 0);
        Set("src_valid_mark", 0);
        _http.Dispose();
        _host.DeletePolicies();
        _host.Remove(_client, _server);
        _host.Docker("network", "rm", _network);
    }

    /// <summary>rp_filter 2 is what distributions set, 1 what hardening guides ask for; src_valid_mark is set by VPN
    /// software.</summary>
    [PrivilegedFact]
    public void ReversePathFilter_StopsNoWay()
    {
        List<string> failed = [];
        foreach ((int filter, int validMark) in from filter in new[] { 0, 1, 2 } from validMark in new[] { 0, 1 } select (filter, validMark))
        {
            Set("rp_filter", filter);
            Set("src_valid_mark", validMark);
            failed.AddRange(WaysThatFail(fromHost: true).Select(way => $"rp_filter {filter}, src_valid_mark {validMark}: {way}"));
        }

        Assert.Empty(failed);
    }

    [PrivilegedFact]
    public void Firewall_StopsNoWay()
    {
        // The host's own connections pass, and neighbour discovery.
        string[] rules = [Neighbours, "-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT", "-A INPUT -m conntrack --ctstate INVALID -j DROP", "-P INPUT DROP"];
        WithFirewall("filter", rules, () => Assert.Empty(WaysThatFail(fromHost: true)));

        // The host itself sends nothing.
        rules = [Neighbours, "-A OUTPUT -p ipv6-icmp -j ACCEPT", "-P INPUT DROP", "-P OUTPUT DROP"];
        WithFirewall("filter", rules, () => Assert.Empty(WaysThatFail(fromHost: false)));

        // What comes by loopback passes chains that know nothing of Weir too, and every test of the reverse path.
        WithFirewall("raw", ["-A PREROUTING -m rpfilter --invert -j DROP"], () => Assert.Empty(WaysThatFail(fromHost: true)));
        rules = [Neighbours, "-A INPUT -i lo -j ACCEPT", "-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT", "-P INPUT DROP"];
        WithFirewall("mangle", rules, () => Assert.Empty(WaysThatFail(fromHost: true)));
    }

    /// <summary>With the same rules for both families.</summary>
    private void WithFirewall(string table, string[] rules, Action act)
    {
        Change(table, rules);
        try
        {
            act();
        }
        finally
        {
            Change(table, [.. rules.Select(rule => rule.StartsWith("-P", StringComparison.Ordinal)
                ? rule.Replace("DROP", "ACCEPT", StringComparison.Ordinal)
                : "-D" + rule[2..])]);
        }
    }

    private void Change(string table, string[] rules)
    {
        foreach (string rule in rules)
        {
            _host.Sandbox.Run(["iptables", "-w", "-t", table, .. rule.Split(' ')]).OrFail();
            _host.Sandbox.Run(["ip6tables", "-w", "-t", table, .. rule.Split(' ')]).OrFail();
        }
    }

    /// <summary>Asks for one thing that is allowed and one that is not, by each way.</summary>
    private List<string> WaysThatFail(bool fromHost)
    {
        List<(string Way, Func<string[], CommandResult> Run, string Where)> ways =
        [
            ("container to container", command => _host.InNetworkOf(_client, command), _address),
            ("container to container", command => _host.InNetworkOf(_client, command), $"[{_address6}]"),
            ("outside to port", command => _host.Sandbox.RunElsewhere("world", command), $"{DockerHost.HostAddress}:8085"),
            ("outside to port", command => _host.Sandbox.RunElsewhere("world", command), $"[{HostAddress6}]:8085"),
            ("outside to container", command => _host.Sandbox.RunElsewhere("world", command), _address),
            ("outside to container", command => _host.Sandbox.RunElsewhere("world", command), $"[{_address6}]"),
        ];
        if (fromHost)
        {
            foreach (string where in (string[])[_address, $"[{_address6}]", "127.0.0.1:8085", "[::1]:8085", $"{DockerHost.HostAddress}:8085"])
            {
                ways.Add(("host", command => _host.Sandbox.Run(command), where));
            }
        }

        List<string> failed = [];
        foreach ((string way, Func<string[], CommandResult> run, string where) in ways)
        {
            CommandResult result = run(["curl", "-sS", "--connect-timeout", "3", "-m", "20", "-o", "/dev/null", "-o", "/dev/null", "-w", "%{http_code} ", $"http://{where}/public", $"http://{where}/private"]);
            if (result.Output.Trim() != "200 403")
            {
                failed.Add($"{way} by {where}: {result.All.Trim()}");
            }
        }

        return failed;
    }

    private void Set(string name, int value) => _host.Sandbox.Shell($"echo {value} > /proc/sys/net/ipv4/conf/all/{name}");
}
