// SPDX-License-Identifier: Apache-2.0
using System.Text.RegularExpressions;
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>What is on record when somebody comes later.</summary>
[Collection(HttpHost.Name)]
public sealed class RecordTests : IDisposable
{
    private const string Folder = "/var/lib/weir/record";

    private readonly DockerHost _host;
    private readonly string _network;
    private readonly string _client;
    private readonly string _server;
    private readonly string _address;
    private readonly HttpServer _http;

    public RecordTests(DockerHost host)
    {
        _host = host;
        _network = host.MakeNetwork("--no-ipv6");
        _client = host.RunClient("web", _network, "-l", "noted=web");
        _server = host.RunServer("api", _network, "-l", "noted=api");
        _http = new HttpServer(host, _server, 8080);
        _address = host.AddressOf(_server, _network);
        host.Apply("noted.yaml", """
            - endpointSelector: {matchLabels: {noted: api}}
              ingress:
                - fromEndpoints: [{matchLabels: {noted: web}}]
                  toPorts: [{ports: [{port: "8080", protocol: TCP}], rules: {http: [{method: GET, path: "/orders/[0-9]+([?].*)?"}]}}]
            """);
    }

    public void Dispose()
    {
        _http.Dispose();
        _host.Agent.Stop();
        _host.Sandbox.Shell($"umount {Folder} 2> /dev/null || true");
        _host.Agent.Start();
        _host.DeletePolicies();
        _host.Docker("rm", "-f", _client, _server);
        _host.Docker("network", "rm", _network);
    }

    [PrivilegedFact]
    public void WhatWasDenied_IsThereLater_WithTheNamesOfThen()
    {
        Curl(":81/");
        Curl(":8080/private?token=secret");
        Curl(":8080/orders/1");
        string recorded = WaitFor($@"http {_client} .* GET /private\?\* .*: 403 refused", "--to", _server, "--verdict", "denied"); // when connections end is no matter here
        Assert.Matches($@"drop {_client} \([0-9.]+\) → {_server} .*81/tcp.*policy denied", recorded);
        Assert.DoesNotContain("secret", recorded, StringComparison.Ordinal);
        Assert.DoesNotContain("/orders/*", Flows("--to", _server), StringComparison.Ordinal); // allowed, and only what is denied is recorded

        // Nobody has the address any more, and the agent was killed.
        _host.Agent.Kill();
        _host.Agent.Start();
        _host.Docker("rm", "-f", _client);
        Assert.Equal(recorded, Flows("--since", "10m", "--to", _server, "--verdict", "denied"));
        Assert.Contains(_client, Flows("--from", _client, "--type", "l7", "-o", "json"), StringComparison.Ordinal);
        Assert.Empty(Flows("--until", "10m", "--since", "20m"));
        Assert.Contains("what is denied", _host.Weir("status").OrFail().Output, StringComparison.Ordinal);
        foreach (string[] wrong in new string[][] { ["--since", "tomorrow"], ["--since", "5m", "--until", "10m"] })
        {
            CommandResult refused = _host.Weir(["flows", .. wrong]);
            Assert.Equal(2, refused.ExitCode);
            Assert.Matches("--since \"tomorrow\": write how long ago|--until is before --since", refused.Error);
        }
    }

    [PrivilegedFact]
    public void EverythingOnRecord_IsSummedUp_AndWhatCannotBeWrittenIsSaid()
    {
        _host.Agent.Stop();
        _host.Sandbox.Shell($"mkdir -p {Folder}; mount -t tmpfs -o size=256k none {Folder}");
        _host.Agent.Start("--record", "all");
        foreach (int order in Enumerable.Range(1, 5))
        {
            Curl($":8080/orders/{order}?token=secret");
        }

        Curl(":8080/private");
        Curl(":81/");
        string flows = WaitFor(@"http .* GET /orders/\*\?\* .*: 200 allowed, p50 [0-9.]+ ms, p99", "--related-to", _client);
        Assert.Matches($"verdict {_client} .* → {_server} .*8080/tcp.*allowed", flows);
        Assert.DoesNotContain("secret", flows, StringComparison.Ordinal);
        // Five orders and one that was refused, each with a verdict on its connection.
        string summary = WaitFor($@"{_client} +{_server} +8080/tcp +12 +1 +[1-9][0-9]+ +[0-9.]+ ms", "--summary", "--from", _client);
        Assert.Matches($@"{_client} +{_server} +81/tcp +[0-9]+ +[1-9]", summary);

        _host.Sandbox.Shell($"dd if=/dev/zero of={Folder}/full bs=1k count=1024 2> /dev/null || true");
        Wait.Until(
            () =>
            {
                // What the last page still takes, is taken.
                Curl(":81/");
                Flows("--since", "10m");
                return _host.Weir("status").Output.Contains("what happens is not written down: ", StringComparison.Ordinal);
            },
            120,
            () => _host.Weir("status").All);
        Assert.DoesNotContain("hello", Curl(":81/"), StringComparison.Ordinal);
        _host.Sandbox.Shell($"rm {Folder}/full");
        Curl(":81/");
        Wait.Until(() => _host.Weir("flows", "--since", "10m").All.Contains("are not on record", StringComparison.Ordinal), 15, () => _host.Weir("status").All);
        Assert.DoesNotContain("not written down", _host.Weir("status").OrFail().Output, StringComparison.Ordinal);
    }

    /// <summary>The proxy tells of a request a moment after its answer.</summary>
    private string WaitFor(string pattern, params string[] options)
    {
        string flows = "";
        Wait.Until(() => Regex.IsMatch(flows = Flows(["--since", "10m", .. options]), pattern), 10, () => $"no {pattern} in\n{flows}");
        return flows;
    }

    private string Flows(params string[] options) => _host.Weir(["flows", .. options]).OrFail().Output;

    private string Curl(string rest) => _host.InNetworkOf(_client, "curl", "-sS", "--connect-timeout", "3", "-m", "20", $"http://{_address}{rest}").All;
}
