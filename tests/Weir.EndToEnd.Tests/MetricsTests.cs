// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>Metrics as a real Prometheus takes them, and the boards that are made of them.</summary>
[Collection(HttpHost.Name)]
public sealed class MetricsTests : IDisposable
{
    private const string Address = "127.0.0.1:9964";
    private const string Prometheus = "127.0.0.1:9090";

    private readonly DockerHost _host;
    private readonly string _network;
    private readonly string _client;
    private readonly string _server;
    private readonly HttpServer _http;

    public MetricsTests(DockerHost host)
    {
        _host = host;
        _host.Agent.Stop();
        _host.Agent.Start("--metrics-address", Address);
        _network = host.MakeNetwork("--no-ipv6");
        _client = host.RunClient("web", _network, "-l", "seen=web");
        _server = host.RunServer("api", _network, "-l", "seen=api");
        _http = new HttpServer(host, _server, 8080);
    }

    public void Dispose()
    {
        _http.Dispose();
        _host.DeletePolicies();
        _host.Weir("service", "delete", "--all");
        _host.Remove(_client, _server);
        _host.Docker("network", "rm", _network);
        _host.Agent.Stop();
        _host.Agent.Start();
    }

    [PrivilegedFact]
    public void EveryQueryOfEveryBoard_HasAnAnswer_FromARealPrometheus()
    {
        string address = _host.AddressOf(_server, _network);
        _host.Sandbox.WriteFile("/run/prometheus.yml", File.ReadAllText(Deployed("prometheus.yml")).Replace("scrape_interval: 15s", "scrape_interval: 1s", StringComparison.Ordinal));
        using BackgroundCommand prometheus = _host.Sandbox.Start(
            "prometheus", "--config.file=/run/prometheus.yml", "--storage.tsdb.path=/run/prometheus", $"--web.listen-address={Prometheus}", "--log.level=error");
        _host.Weir("service", "update", "--name", "shop", "--frontend", "203.0.113.10:80/tcp", "--backends", $"{address}:8080").OrFail();
        _host.Sandbox.Shell("ip rule del pref 9 2> /dev/null; ip route flush table 2004"); // put back, and counted

        // This host is by itself: what there is of ways to others, two hosts show (ManyHostsSeeingTests).
        string[] queries = [.. Directory.GetFiles(Deployed("grafana"), "*.json").SelectMany(Queries).Where(query => !query.Contains("weir_node_connectivity", StringComparison.Ordinal))];
        Assert.True(queries.Length > 30);
        string missing = "";
        Wait.Until(
            () =>
            {
                // Something of everything, again and again: a rate is between two looks.
                Apply();
                Curl($"http://{address}:8080/x");
                Curl($"http://{address}:8080/private");
                Curl($"http://{address}:81/");
                missing = _host.Sandbox.Run(["python3", Path.Combine(Sandbox.RepoRoot, "tests/Weir.EndToEnd.Tests/Tools/ask_prometheus.py"), Prometheus], string.Join('\n', queries)).All;
                return missing.Length == 0;
            },
            30,
            () => $"{missing}\n{prometheus.Output}");

        // As its makers want it written.
        CommandResult linted = _host.Sandbox.Run(["sh", "-c", $"curl -sS http://{Address}/metrics | promtool check metrics"]);
        Assert.True(linted is { Succeeded: true, All.Length: 0 }, linted.All);
        Assert.Equal(_host.Weir("metrics", "--prometheus").OrFail().Output.Split('\n').Where(line => line.StartsWith('#')), Page().Split('\n').Where(line => line.StartsWith('#')));
        Assert.Contains("weir_policy_l7_total{rule=\"denied\"}", Page(), StringComparison.Ordinal);
        Assert.Contains("reason=\"policy-denied\"", Page(), StringComparison.Ordinal);
    }

    /// <summary>Another policy each time.</summary>
    private void Apply() => _host.Apply("seen.yaml", """
        - endpointSelector: {matchLabels: {seen: api}}
          ingress:
            - fromEndpoints: [{matchLabels: {seen: web}}]
              toPorts: [{ports: [{port: "8080", protocol: TCP}], rules: {http: [{method: GET, path: /x}, {path: /other}]}}]
        - endpointSelector: {matchLabels: {seen: web}}
          mode: audit
          egress:
            - toEndpoints: [{matchLabels: {seen: api}}]
              toPorts: [{ports: [{port: "81", protocol: TCP}]}]
        """.Replace("/other", $"/{_host.Name("other")}", StringComparison.Ordinal));

    private static string Deployed(string name) => Path.Combine(Sandbox.RepoRoot, "deploy", name);

    /// <summary>What a board asks, for all hosts and the last ten seconds.</summary>
    private static IEnumerable<string> Queries(string board)
    {
        using var json = JsonDocument.Parse(File.ReadAllText(board));
        return
        [
            .. json.RootElement.GetProperty("panels").EnumerateArray().SelectMany(panel => panel.GetProperty("targets").EnumerateArray())
                .Select(target => target.GetProperty("expr").GetString()!.Replace("$host", ".*", StringComparison.Ordinal).Replace("$__rate_interval", "10s", StringComparison.Ordinal)),
        ];
    }

    private string Page() => _host.Sandbox.Run(["curl", "-sS", $"http://{Address}/metrics"]).OrFail().Output;

    private void Curl(string url) => _host.InNetworkOf(_client, "curl", "-sS", "--connect-timeout", "3", "-m", "20", "-o", "/dev/null", url);
}
