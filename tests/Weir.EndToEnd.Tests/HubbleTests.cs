// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text.Json.Nodes;
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>What a client of Hubble's sees: one of another make, that knows the format by its numbers alone.</summary>
[Collection(HttpHost.Name)]
public sealed class HubbleTests : IDisposable
{
    private const string Local = "unix:///run/weir/hubble.sock";
    private const string Remote = "127.0.0.1:4244";
    private const string Python = "/usr/bin/python3"; // the one that has Debian's gRPC

    // Hubble's numbers.
    private const int Dropped = 2;
    private const int PolicyDenied = 133;

    private readonly DockerHost _host;
    private readonly string _network;
    private readonly string _client;
    private readonly string _server;
    private readonly string _address;
    private readonly HttpServer _http;

    public HubbleTests(DockerHost host)
    {
        _host = host;
        _network = host.MakeNetwork("--no-ipv6");
        _client = host.RunClient("web", _network, "-l", "told=web", "-l", "com.docker.compose.project=shop", "-l", "com.docker.compose.service=front");
        _server = host.RunServer("api", _network, "-l", "told=api");
        _http = new HttpServer(host, _server, 8080);
        _address = host.AddressOf(_server, _network);
        host.Apply("told.yaml", """
            - endpointSelector: {matchLabels: {told: api}}
              ingress:
                - fromEndpoints: [{matchLabels: {told: web}}]
                  toPorts: [{ports: [{port: "8080", protocol: TCP}], rules: {http: [{method: GET, path: "/public.*"}]}}]
            """);
    }

    public void Dispose()
    {
        _http.Dispose();
        _host.DeletePolicies();
        _host.Docker("rm", "-f", _client, _server);
        _host.Docker("network", "rm", _network);
    }

    [PrivilegedFact]
    public void AForeignClient_FindsItsWay_AndSeesWhatHappens()
    {
        Assert.Equal(
            ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection", "observer.Observer"],
            Ask("services").Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal));
        Assert.Equal("", Ask("numbers"));
        Assert.Equal("1", Ask("health", "hubble.server.Observer").Trim());
        Assert.Equal("0", Ask("agent-events").Trim());
        Assert.Contains("\"namespace\": \"shop\"", Ask("namespaces"), StringComparison.Ordinal);
        Assert.Contains("\"namespace\": \"default\"", Ask("namespaces"), StringComparison.Ordinal);
        Assert.Equal(1, JsonNode.Parse(Ask("nodes"))!["nodes"]![0]!["state"]!.GetValue<int>());
        Assert.Equal("4096", JsonNode.Parse(Ask("status"))!["max_flows"]!.GetValue<string>());

        // What is the agent's own is not here, and what is here is not there.
        Assert.StartsWith("UNIMPLEMENTED", Try(Local, "weir").Output, StringComparison.Ordinal);
        Assert.StartsWith("UNIMPLEMENTED", Try("unix:///run/weir/weir.sock", "status").Output, StringComparison.Ordinal);

        using BackgroundCommand follow = _host.Sandbox.Start(Python, Tool, Local, "flows", """{"follow": true, "seconds": 60}""");
        Wait.Until(
            () =>
            {
                Curl(":8080/public/1");
                return follow.Output.Contains("/public/1", StringComparison.Ordinal);
            },
            20,
            () => follow.Output);
        Curl(":8080/private");
        Curl(":81/");
        follow.WaitFor("/private");

        JsonNode drop = Only($$"""{"whitelist": [{"event_type": [{"type": 1}], "destination_port": ["81"], "source_pod": ["shop/{{_client}}"]}], "number": 1}""");
        Assert.Equal(Dropped, drop["verdict"]!.GetValue<int>());
        Assert.Equal(PolicyDenied, drop["drop_reason_desc"]!.GetValue<int>());
        Assert.Equal(_address, drop["IP"]!["destination"]!.GetValue<string>());
        Assert.Equal(("shop", _client), (drop["source"]!["namespace"]!.GetValue<string>(), drop["source"]!["pod_name"]!.GetValue<string>()));
        Assert.Equal(("default", _server), (drop["destination"]!["namespace"]!.GetValue<string>(), drop["destination"]!["pod_name"]!.GetValue<string>()));
        Assert.Contains("container:told=web", drop["source"]!["labels"]!.ToJsonString(), StringComparison.Ordinal);
        Assert.Contains("ComposeService", drop["source"]!["workloads"]!.ToJsonString(), StringComparison.Ordinal);
        Assert.Contains("no rule allows it", drop["Summary"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Matches("^[0-9a-f]{8}-[0-9a-f]{4}-8", drop["uuid"]!.GetValue<string>());
        Assert.Equal(drop["Summary"]!.GetValue<string>(), Only($$"""{"whitelist": [{"uuid": ["{{drop["uuid"]}}"]}]}""")["Summary"]!.GetValue<string>());

        JsonNode refused = Only($$"""{"whitelist": [{"http_status_code": ["403"], "source_workload": [{"name": "front"}], "http_path": ["^/priv"]}], "number": 1}""");
        Assert.Equal((Dropped, 2), (refused["verdict"]!.GetValue<int>(), refused["Type"]!.GetValue<int>()));
        Assert.Equal("GET", refused["l7"]!["http"]!["method"]!.GetValue<string>());
        Assert.EndsWith("/private", refused["l7"]!["http"]!["url"]!.GetValue<string>(), StringComparison.Ordinal);

        JsonNode allowed = Only("""{"whitelist": [{"http_method": ["GET"], "verdict": [1], "destination_label": ["told in (api, db)"]}], "number": 1}""");
        Assert.Contains("told", allowed["ingress_allowed_by"]![0]!["name"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Contains("told.yaml:", allowed["ingress_allowed_by"]![0]!["labels"]!.ToJsonString(), StringComparison.Ordinal);
        JsonNode opened = Only($$"""{"whitelist": [{"verdict": [5], "destination_pod": ["{{_server}}"], "tcp_flags": [{"SYN": true}]}], "number": 1}""");
        Assert.Equal((5, 2), (opened["verdict"]!.GetValue<int>(), opened["policy_match_type"]!.GetValue<int>()));
        Assert.Equal(["verdict"], Only("""{"whitelist": [{"destination_port": ["81"]}], "number": 1, "field_mask": {"paths": ["verdict"]}}""").AsObject().Select(field => field.Key));
        Assert.Empty(Flows("""{"blacklist": [{}], "number": 100}"""));
        foreach (string wrong in new[] { """{"whitelist": [{"source_ip": ["nowhere"]}]}""", """{"whitelist": [{"http_path": ["("]}]}""", """{"first": true, "follow": true}""" })
        {
            CommandResult answer = Try(Local, "flows", wrong);
            Assert.True(answer.ExitCode == 3 && answer.Output.StartsWith("INVALID_ARGUMENT: ", StringComparison.Ordinal), answer.All);
        }
    }

    [PrivilegedFact]
    public void WhatIsNotInMemory_ComesFromTheRecord_AndWhoNeverReads_LosesAndIsTold()
    {
        DateTimeOffset before = DateTimeOffset.UtcNow.AddSeconds(-1);
        Wait.Until(
            () =>
            {
                Curl(":82/");
                return Flows("""{"whitelist": [{"destination_port": ["82"]}], "number": 1}""").Count > 0;
            },
            20,
            () => "nothing was dropped");
        _host.Agent.Stop();
        _host.Agent.Start();
        string since = $$"""{"seconds": {{before.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture)}}}""";
        Assert.Empty(Flows("""{"whitelist": [{"destination_port": ["82"]}], "number": 100}"""));
        JsonNode recorded = Flows($$"""{"since": {{since}}, "whitelist": [{"destination_port": ["82"]}]}""")[0];
        Assert.Equal((PolicyDenied, _client), (recorded["drop_reason_desc"]!.GetValue<int>(), recorded["source"]!["pod_name"]!.GetValue<string>()));

        // More than is kept for whoever does not read: each datagram to a closed port is an event.
        using BackgroundCommand late = _host.Sandbox.Start(Python, Tool, Local, "stall", """{"follow": true, "stall": 12, "seconds": 90}""");
        late.WaitFor("asked", 20);
        _host.InNetworkOf(_client, Python, "-c", $"import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\nfor i in range(40000):\n    try: s.sendto(b'x', ('{_address}', 99))\n    except OSError: pass").OrFail();
        Assert.True(Try(Local, "status").Succeeded); // nobody waits for it
        Wait.Until(() => late.HasExited, 120, () => late.Output);
        JsonNode came = JsonNode.Parse(late.Output[late.Output.IndexOf('{', StringComparison.Ordinal)..])!;
        Assert.True(came["lost"]!.GetValue<long>() > 0 && came["flows"]!.GetValue<long>() > 1000, late.Output);
    }

    [PrivilegedFact]
    public void ByTcp_ItTakesACertificate_AndTheSocketsGroupsAlone()
    {
        _host.Sandbox.Shell("""
            mkdir -p /run/certs; cd /run/certs
            for ca in ca other; do openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=$ca -keyout $ca.key -out $ca.crt 2> /dev/null; done
            printf 'subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n' > ext
            for name in server:ca client:ca stranger:other; do
                openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=${name%:*} -keyout ${name%:*}.key -out ${name%:*}.csr 2> /dev/null
                openssl x509 -req -in ${name%:*}.csr -CA ${name#*:}.crt -CAkey ${name#*:}.key -CAcreateserial -days 2 -extfile ext -out ${name%:*}.crt 2> /dev/null
            done
            """);
        _host.Agent.Stop();
        _host.Sandbox.Shell("cp /etc/group /run/group; printf 'weir:x:4711:\nweir-read:x:4712:\n' >> /run/group; mount --bind /run/group /etc/group");
        CommandResult plain = _host.Weir("agent", "--hubble-address", "0.0.0.0:4244");
        Assert.True(plain.ExitCode == 2 && plain.Error.Contains("hubble-client-ca", StringComparison.Ordinal), plain.All);
        _host.Agent.Start("--hubble-address", Remote, "--hubble-cert", "/run/certs/server.crt", "--hubble-key", "/run/certs/server.key", "--hubble-client-ca", "/run/certs/ca.crt");
        Assert.Equal("1", Try($"tls:{Remote},/run/certs/ca.crt,/run/certs/client.crt,/run/certs/client.key", "health").OrFail().Output.Trim());
        Assert.StartsWith("UNIMPLEMENTED", Try($"tls:{Remote},/run/certs/ca.crt,/run/certs/client.crt,/run/certs/client.key", "weir").Output, StringComparison.Ordinal);
        foreach (string other in new[] { $"tls:{Remote},/run/certs/ca.crt", $"tls:{Remote},/run/certs/ca.crt,/run/certs/stranger.crt,/run/certs/stranger.key", Remote })
        {
            Assert.StartsWith("UNAVAILABLE", Try(other, "health").Output, StringComparison.Ordinal);
        }

        // The repository may lie where others than root cannot read.
        _host.Sandbox.Shell($"install -m 644 '{Tool}' /run/hubble_client.py");
        foreach ((string group, bool isIn) in new[] { ("4711", true), ("4712", true), ("4713", false) })
        {
            CommandResult asked = _host.Sandbox.Run(["setpriv", "--reuid", "65534", "--regid", group, "--clear-groups", Python, "/run/hubble_client.py", Local, "health"]);
            Assert.True(asked.Succeeded == isIn && !asked.All.Contains("can't open", StringComparison.Ordinal), $"{group}: {asked.All}");
        }

        _host.Agent.Stop();
        _host.Sandbox.Shell("umount /etc/group");
        _host.Agent.Start();
    }

    private static string Tool { get; } = Path.Combine(Sandbox.RepoRoot, "tests/Weir.EndToEnd.Tests/Tools/hubble_client.py");

    private CommandResult Try(string target, params string[] command) => _host.Sandbox.Run([Python, Tool, target, .. command]);

    private string Ask(params string[] command) => Try(Local, command).OrFail().Output;

    private List<JsonNode> Flows(string request) =>
        [.. Ask("flows", request).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!["flow"]).OfType<JsonNode>()];

    private JsonNode Only(string request)
    {
        List<JsonNode> flows = [];
        Wait.Until(() => (flows = Flows(request)).Count > 0, 10, () => $"no flow is {request}");
        return Assert.Single(flows);
    }

    private void Curl(string rest) => _host.InNetworkOf(_client, "curl", "-sS", "--connect-timeout", "3", "-m", "20", "-o", "/dev/null", $"http://{_address}{rest}");
}
