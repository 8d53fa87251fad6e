// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>What is measured in the kernel, as a user sees it: with and without the proxy in between.</summary>
[Collection(HttpHost.Name)]
public sealed class TopTests : IDisposable
{
    private readonly DockerHost _host;
    private readonly string _network;
    private readonly string _client;
    private readonly string _server;
    private readonly string _address;
    private readonly HttpServer _http;

    public TopTests(DockerHost host)
    {
        _host = host;
        _network = host.MakeNetwork("--no-ipv6");
        _client = host.RunClient("web", _network, "-l", "top=web");
        _server = host.RunServer("api", _network, "-l", "top=api");
        _http = new HttpServer(host, _server, 8080);
        _address = host.AddressOf(_server, _network);
    }

    public void Dispose()
    {
        _http.Dispose();
        _host.DeletePolicies();
        _host.Docker("rm", "-f", _client, _server);
        _host.Docker("network", "rm", _network);
    }

    [PrivilegedFact]
    public void Connections_AreSeenLive_AndOnRecord_WithAndWithoutTheProxy()
    {
        Assert.Matches(@$"tcp {_client} \([0-9.:]+\) → {_server} .*: \d+ bytes out, \d+ back .*ended by fin; handshake [0-9.]+ ms, round trip [0-9.]+ ms", Ended());
        Assert.DoesNotContain("to the proxy", Ended(), StringComparison.Ordinal);
        JsonElement pair = Top(
            pair => pair.GetProperty("bytes").GetInt64() > 100 && pair.GetProperty("roundTripP99Us").GetDouble() > 0 && pair.GetProperty("ended").GetInt64() > 0,
            "--interval", "2");
        Assert.Equal((_client, _server, "8080/tcp"), (pair.GetProperty("from").GetString(), pair.GetProperty("to").GetString(), pair.GetProperty("port").GetString()));

        _host.Apply("top.yaml", """
            - endpointSelector: {matchLabels: {top: api}}
              ingress:
                - fromEndpoints: [{matchLabels: {top: web}}]
                  toPorts: [{ports: [{port: "8080", protocol: TCP}], rules: {http: [{method: GET}]}}]
            """);
        Assert.Contains("; to the proxy and no further", Ended(), StringComparison.Ordinal);
        Top(pair => pair.GetProperty("requests").GetInt64() > 0, "--sort", "requests");
        string table = _host.Weir("top", "--once", "--from", _client, "--interval", "0.5").OrFail().Output;
        Assert.Contains("FROM", table, StringComparison.Ordinal);
        Assert.DoesNotContain('\e', table);

        string summary = _host.Weir("flows", "--since", "10m", "--summary", "-o", "json", "--from", _client).OrFail().Output;
        JsonElement row = JsonDocument.Parse(summary).RootElement.EnumerateArray().Single(row => row.GetProperty("port").GetString() == "8080/tcp");
        Assert.Matches(@"^[0-9.]+ ms / [0-9.]+ m?s$", row.GetProperty("roundTrip").GetString());
        Assert.Contains("TCP connections", _host.Weir("status").OrFail().Output, StringComparison.Ordinal);

        // In a terminal: keys sort, q quits, and what was there before is there again.
        CommandResult screen = _host.Sandbox.Run(["sh", "-c", $"(for key in '' x r q; do sleep 2; printf '%s' \"$key\"; done) | timeout 30 script -qec 'stty cols 120 rows 20; {Sandbox.Weir} top --interval 0.5 --from {_client}' /dev/null"]).OrFail();
        Assert.Matches(@"(?s)^.*\e\[\?1049h.*; by bytes.*; by retransmits.*; by requests.*\e\[\?1049l", screen.Output);

        foreach (string[] wrong in new string[][] { ["--interval", "0"], ["--interval", "soon"], ["--sort", "size"] })
        {
            Assert.Equal(2, _host.Weir(["top", "--once", .. wrong]).ExitCode);
        }
    }

    /// <summary>The line of a connection that ended while it was watched.</summary>
    private string Ended()
    {
        using BackgroundCommand monitor = _host.Sandbox.Start(Sandbox.Weir, "monitor", "--type", "tcp", "--from", _client);
        Wait.Until(
            () =>
            {
                Curl();
                return monitor.Output.Contains("ended by", StringComparison.Ordinal);
            },
            20,
            () => monitor.Output);
        return monitor.Output.Split('\n')[0];
    }

    /// <summary>The first pair while there is traffic, in the end one that is so: what happens in an interval depends on how busy the machine is.</summary>
    private JsonElement Top(Func<JsonElement, bool> isSo, params string[] options)
    {
        JsonElement[] pairs = [];
        string output = "";
        Wait.Until(
            () =>
            {
                using BackgroundCommand top = _host.Sandbox.Start([Sandbox.Weir, "top", "--once", "-o", "json", "--from", _client, .. options]);
                while (!top.HasExited)
                {
                    Curl();
                }

                output = top.Output;
                pairs = [.. JsonDocument.Parse(output).RootElement.GetProperty("pairs").EnumerateArray()];
                return pairs.Length > 0 && isSo(pairs[0]);
            },
            60,
            () => output);
        return pairs[0];
    }

    private void Curl() => _host.InNetworkOf(_client, "curl", "-sS", "--connect-timeout", "3", "-m", "20", $"http://{_address}:8080/");
}
