// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text.RegularExpressions;
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>Requests through the proxy: what passes, what is refused, and what both ends see.</summary>
[Collection(HttpHost.Name)]
public sealed class HttpPolicyTests : IDisposable
{
    private readonly DockerHost _host;
    private readonly string _network;
    private readonly string _client;
    private readonly string _server;
    private readonly HttpServer _http;
    private readonly string _address;
    private readonly string _address6;

    public HttpPolicyTests(DockerHost host)
    {
        _host = host;
        _network = host.MakeNetwork();
        _client = host.RunClient("web", _network, "-l", "l7=web");
        _server = host.RunClient("api", _network, "-l", "l7=api");
        _http = new HttpServer(host, _server);
        _address = host.AddressOf(_server, _network);
        _address6 = host.AddressOf(_server, _network, v6: true);
    }

    public void Dispose()
    {
        _http.Dispose();
        _host.DeletePolicies();
        _host.Remove(_client, _server);
        _host.Docker("network", "rm", _network);
    }

    [PrivilegedFact]
    public void Get_Passes_AndEverythingElseIs403()
    {
        Apply("- {method: GET, path: /public}");
        Assert.Contains("200 OK", Curl("-i", $"http://{_address}/public"), StringComparison.Ordinal);
        Assert.Contains("200 OK", Curl("-i", $"http://[{_address6}]/public"), StringComparison.Ordinal);
        string refused = Curl("-i", $"http://{_address}/private");
        Assert.Contains("403 Forbidden", refused, StringComparison.Ordinal);
        Assert.Contains("\r\n\r\nAccess denied", refused, StringComparison.Ordinal);
        Assert.Contains("403", Curl("-i", "-X", "PUT", "-d", "x", $"http://{_address}/public"), StringComparison.Ordinal);
        Assert.Contains("403", Curl("-i", $"http://[{_address6}]/private"), StringComparison.Ordinal);
        Assert.All(_http.Requests, request => Assert.StartsWith("GET /public HTTP/1.1\r\n", request.Head, StringComparison.Ordinal));
        Assert.Equal(2, _http.Requests.Count);
    }

    [PrivilegedFact]
    public void Server_SeesTheClientsOwnAddressAndPort()
    {
        Apply("- {}");
        Assert.Contains("200 OK", Send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n", port: 43210), StringComparison.Ordinal);
        Assert.Equal($"{_host.AddressOf(_client, _network)} 43210", _http.Requests.Single().Peer);
        Assert.Contains("200 OK", Send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n", port: 43211, v6: true), StringComparison.Ordinal);
        Assert.Equal($"{_host.AddressOf(_client, _network, v6: true)} 43211", _http.Requests[1].Peer);
    }

    [PrivilegedTheory]
    [InlineData(0)]
    [InlineData(1)]
    public void Bytes_ArriveAsTheyWereSent(int piece)
    {
        Apply("- {}");
        const string Head = "POST /a%20b?x=%2F HTTP/1.1\r\nhOsT:  a \r\nX-A:1\r\nx-b: \t2\r\nTransfer-Encoding: chunked\r\n\r\n";
        const string Body = "5\r\nhello\r\n0006;a=b\r\n world\r\n0\r\n";
        Send($"{Head}{Body}X-Trailer: taken out\r\n\r\n", piece: piece);
        Assert.Equal((Head, Body + "\r\n"), (_http.Requests[0].Head, _http.Requests[0].Body));
    }

    [PrivilegedFact]
    public void PipelinedRequests_AreAnsweredInTheirOrder()
    {
        Apply("- {path: /slow}\n- {path: /x}");
        string answer = Send(
            "GET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET /no HTTP/1.1\r\nHost: a\r\n\r\nPOST /no HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /x HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.Equal(
            ["X-Target: /slow", "Access denied", "Access denied", "X-Target: /x"],
            answer.Split('\n').Select(line => line.Trim()).Where(line => line.StartsWith("X-Target", StringComparison.Ordinal) || line == "Access denied"));
        Assert.Equal(2, _http.Requests.Count);
    }

    [PrivilegedFact]
    public void Http10_HeadAndUntilClose_Pass()
    {
        Apply("- {}");
        Assert.Contains("until close\n[closed]", Send("GET /close HTTP/1.0\r\n\r\n"), StringComparison.Ordinal);
        string answers = Send("HEAD /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /y HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.Contains("X-Target: /x\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\nX-Target: /y", answers, StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void ExpectContinue_IsPassedOn_OrRefusedAtOnce()
    {
        Apply("- {path: /x}");
        Assert.Contains("100 Continue", Curl("-v", "-H", "Expect: 100-continue", "-d", "hello", $"http://{_address}/x"), StringComparison.Ordinal);
        string refused = Send("PUT /no HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
        Assert.Contains("403", refused, StringComparison.Ordinal);
        Assert.EndsWith("[closed]", refused.Trim(), StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void HalfClosedClient_GetsItsAnswer()
    {
        Apply("- {}");
        Assert.Contains("X-Target: /slow", Send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n", half: true), StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void EarlyAnswer_ReachesTheClient()
    {
        Apply("- {}");
        Assert.Contains("413", Send("POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc"), StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void LargeBodies_PassBothWays()
    {
        Apply("- {}");
        string body = new('b', 3_000_000);
        string answer = Send($"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: {body.Length}\r\n\r\n{body}");
        Assert.Contains("3000058 bytes", answer, StringComparison.Ordinal);
        Assert.Contains("8000060 bytes", Send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n"), StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void WebSocketAndConnect_BecomeTunnels_AfterAnAllowedHandshake()
    {
        Apply("- {path: /chat}\n- {path: /no-upgrade}\n- {path: /x}\n- {method: CONNECT}");
        const string Upgrade = "Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
        string answer = Send($"GET /chat HTTP/1.1\r\n{Upgrade}@pause 0.3\nDELETE /anything at all\r\n\r\n@pause 0.3\n");
        Assert.Contains("101 Switching", answer, StringComparison.Ordinal);
        Assert.Contains("DELETE /anything at all", answer, StringComparison.Ordinal);
        Assert.Contains("403", Send($"GET /other HTTP/1.1\r\n{Upgrade}"), StringComparison.Ordinal);
        // Where the server does not change, requests go on being judged, also one that was sent too early.
        answer = Send($"GET /no-upgrade HTTP/1.1\r\n{Upgrade}GET /private HTTP/1.1\r\nHost: a\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.Contains("X-Target: /no-upgrade", answer, StringComparison.Ordinal);
        Assert.Contains("403", answer, StringComparison.Ordinal);
        Assert.Contains("X-Target: /x", answer, StringComparison.Ordinal);
        Assert.Contains("tunnelled", Send("CONNECT b:1 HTTP/1.1\r\nHost: b:1\r\n\r\n@pause 0.3\ntunnelled@pause 0.3\n"), StringComparison.Ordinal);
    }

    [PrivilegedTheory]
    [InlineData("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /private HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 0\r\n\r\nGET /private HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\nGET /private HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("GET /x HTTP/1.1\r\nHost: a\r\n X: y\r\n\r\n")]
    [InlineData("GET /x HTTP/1.1\nHost: a\n\nGET /private HTTP/1.1\nHost: a\n\n")]
    [InlineData("GET /x/.. HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("GET /x/%2e%2e/private HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")]
    [InlineData("GET /x/a%2Fb HTTP/1.1\r\nHost: a\r\n\r\n")]
    public void WhatTwoReadersCouldReadDifferently_Is400_AndReachesNobody(string request)
    {
        Apply("- {path: '/x(/[^/]*)?'}");
        string answer = Send(request);
        Assert.Contains("400 Bad Request", answer, StringComparison.Ordinal);
        Assert.EndsWith("[closed]", answer.Trim(), StringComparison.Ordinal);
        Assert.Empty(_http.Requests);
    }

    [PrivilegedFact]
    public void BadChunk_EndsTheConnection_AndNothingBehindItArrives()
    {
        Apply("- {path: /x}");
        string answer = Send("POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a=\n\r\nx\r\n0\r\n\r\nGET /private HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.DoesNotContain("200", answer, StringComparison.Ordinal);
        Assert.DoesNotContain(_http.Requests, request => request.Head.Contains("/private", StringComparison.Ordinal));
    }

    [PrivilegedFact]
    public void WhatIsNotHttp_IsClosed_WithAnEvent()
    {
        Apply("- {}");
        using BackgroundCommand monitor = _host.Sandbox.Start(Sandbox.Weir, "monitor", "--type", "l7", "-o", "json");
        Thread.Sleep(500);
        Assert.Contains("[closed]", Send("\x16\x03\x01 not http\r\n\r\n"), StringComparison.Ordinal);
        monitor.WaitFor("not HTTP");
    }

    [PrivilegedFact]
    public void Headers_AreMatchedAndMended()
    {
        Apply("- path: /token\n  headers: ['X-Token: secret']\n- path: /mended\n  headerMatches:\n    - {name: X-A, value: '1', mismatch: REPLACE}\n    - {name: X-B, value: '2', mismatch: ADD}");
        Assert.Contains("403", Send("GET /token HTTP/1.1\r\nHost: a\r\n\r\n"), StringComparison.Ordinal);
        Assert.Contains("200", Send("GET /token HTTP/1.1\r\nHost: a\r\nx-token: secret\r\n\r\n"), StringComparison.Ordinal);
        Assert.Contains("200", Send("GET /mended HTTP/1.1\r\nX-A: 0\r\nHost: a\r\n\r\n"), StringComparison.Ordinal);
        Assert.Equal("GET /mended HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nX-B: 2\r\n\r\n", _http.Requests[^1].Head);
    }

    [PrivilegedFact]
    public void Monitor_ShowsRequests()
    {
        Apply("- {method: GET, path: /public}");
        using BackgroundCommand monitor = _host.Sandbox.Start(Sandbox.Weir, "monitor", "--type", "l7");
        // It tells from when it has begun.
        Wait.Until(
            () =>
            {
                Curl("-H", "Host: api", $"http://{_address}/public");
                return monitor.Output.Contains("GET /public host api: 200 allowed", StringComparison.Ordinal);
            },
            30,
            () => $"nothing of the request in: {monitor.Output}");
        Send("PUT /public HTTP/1.1\r\nHost: api\r\n\r\n");
        monitor.WaitFor("PUT /public host api: 403 refused");
        Assert.Contains($"{_client} (", monitor.Output, StringComparison.Ordinal);
        Assert.Contains("l7.yaml:", monitor.Output, StringComparison.Ordinal);
        Assert.Contains("Requests through the proxy:", _host.Weir("metrics").Output, StringComparison.Ordinal);
        Assert.Contains("on port", _host.Weir("status").Output, StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void Metrics_TellOfARequest_AtOnce()
    {
        Apply("- {method: GET, path: /public}");
        for (int i = 0; i < 4; i++)
        {
            (int allowed, int refused) = (Requests("allowed"), Requests("refused"));
            Send("GET /public HTTP/1.1\r\nHost: api\r\n\r\n");
            Send("PUT /public HTTP/1.1\r\nHost: api\r\n\r\n");
            Assert.Equal((allowed + 1, refused + 1), (Requests("allowed"), Requests("refused")));
        }
    }

    [PrivilegedFact]
    public void Explain_TellsOfARequest()
    {
        Apply("- {method: GET, path: /public}");
        CommandResult refused = _host.Weir("policy", "explain", "--from", "l7=web", "--to", "l7=api", "--port", "80/tcp", "--http", "PUT /public");
        Assert.Contains("denied", refused.Output, StringComparison.Ordinal);
        Assert.Matches("PUT /public is refused with 403: rule l7 at /.*/l7\\.yaml:1 allows only GET /public", refused.Output);
        CommandResult allowed = _host.Weir("policy", "explain", "--from", "l7=web", "--to", "l7=api", "--port", "80/tcp", "--http", "GET /public");
        Assert.Matches("GET /public is allowed by rule l7 at /.*/l7\\.yaml:8", allowed.Output);
        Assert.Equal(2, _host.Weir("policy", "explain", "--from", "l7=web", "--to", "l7=api", "--port", "80/tcp", "--http", "GET").ExitCode);
    }

    [PrivilegedFact]
    public void EgressRule_HoldsTowardsTheWorld()
    {
        _host.Apply("l7.yaml", """
            - endpointSelector: {matchLabels: {l7: web}}
              egress:
                - toEntities: [world]
                  toPorts:
                    - ports: [{port: "80", protocol: TCP}]
                      rules: {http: [{method: GET, path: /index.html}]}
            """);
        Assert.Contains("hello from the world", Curl($"http://{DockerHost.WorldAddress}/index.html"), StringComparison.Ordinal);
        Assert.Contains("hello from the world", Curl($"http://[{DockerHost.WorldAddress6}]/index.html"), StringComparison.Ordinal);
        Assert.Contains("403", Curl("-i", $"http://{DockerHost.WorldAddress}/other"), StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void HostAndWorld_AreJudgedToo()
    {
        _host.Apply("l7.yaml", """
            - endpointSelector: {matchLabels: {l7: api}}
              ingress:
                - fromEntities: [host, world]
                  toPorts:
                    - ports: [{port: "80", protocol: TCP}]
                      rules: {http: [{path: /public}]}
            """);
        foreach (string address in (string[])[_address, $"[{_address6}]"])
        {
            CommandResult fetched = _host.Sandbox.Run(["curl", "-sS", "-i", "--connect-timeout", "3", "-m", "20", $"http://{address}/public"]);
            Assert.True(fetched.Output.Contains("200 OK", StringComparison.Ordinal), fetched.All);
            Assert.Contains("403", _host.Sandbox.Run(["curl", "-sS", "-i", "--connect-timeout", "3", "-m", "20", $"http://{address}/private"]).Output, StringComparison.Ordinal);
        }

        _host.Sandbox.Run(["ip", "-n", "world", "route", "replace", _address, "via", DockerHost.HostAddress]).OrFail();
        CommandResult world = _host.Sandbox.Run(["ip", "netns", "exec", "world", "curl", "-sS", "-i", "--connect-timeout", "3", "-m", "20", $"http://{_address}/public"]);
        Assert.True(world.Output.Contains("200 OK", StringComparison.Ordinal), world.All);
        Assert.StartsWith(DockerHost.WorldAddress, _http.Requests[^1].Peer, StringComparison.Ordinal);
        Assert.Contains("403", _host.Sandbox.Run(["ip", "netns", "exec", "world", "curl", "-sS", "-i", "--connect-timeout", "3", "-m", "20", $"http://{_address}/x"]).Output, StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void EndlessHead_Is400()
    {
        Apply("- {}");
        string answer = Send("GET /x HTTP/1.1\r\nHost: a\r\nX: " + new string('a', 200_000));
        Assert.Contains("400 Bad Request", answer, StringComparison.Ordinal);
        Assert.Empty(_http.Requests);
    }

    [PrivilegedFact]
    public void ConnectionsThatNeverAsk_HarmNobody()
    {
        Apply("- {}");
        const string Script = "import socket, sys, time\nheld = []\nfor i in range(2000):\n    c = socket.create_connection((sys.argv[1], 80))\n    c.sendall(b'GET /x HT')\n    held.append(c)\nprint('held', flush=True)\ntime.sleep(60)";
        using BackgroundCommand idle = _host.Sandbox.Start("nsenter", "-t", _host.PidOf(_client), "-n", "python3", "-c", Script, _address);
        idle.WaitFor("held", 20);
        Assert.Contains("200 OK", Curl("-i", $"http://{_address}/x"), StringComparison.Ordinal);
        Wait.Until(() => _host.Weir("metrics").Output.Contains("2000 connections open", StringComparison.Ordinal), 5, () => _host.Weir("metrics").Output);
        // None of them has reached the server.
        Assert.Single(_http.Requests);
    }

    [PrivilegedFact]
    public void ServerThatDoesNotListen_Is502()
    {
        Apply("- {}", port: 81);
        string answer = Curl("-i", $"http://{_address}:81/");
        Assert.Contains("502 Bad Gateway", answer, StringComparison.Ordinal);
        Assert.Contains("Connection refused", answer, StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void Containers_CannotReachTheProxysPort()
    {
        Apply("- {}");
        string gateway = _host.Docker("exec", _client, "sh", "-c", "ip route | sed -n 's/default via \\([^ ]*\\).*/\\1/p'");
        string port = _host.Sandbox.Shell("ss -Hltn 'src 127.0.0.1' | awk '{print $4}' | sed 's/.*://' | sort -u").Trim();
        Assert.NotEmpty(port);
        foreach (string one in port.Split('\n'))
        {
            Assert.DoesNotContain("HTTP/1.1", _host.InNetworkOf(_client, "curl", "-sS", "-i", "-m", "1", $"http://{gateway}:{one}/").All, StringComparison.Ordinal);
        }

        // Not even the host itself: no policy decision has brought it there.
        Assert.DoesNotContain("HTTP/1.1", _host.Sandbox.Run(["curl", "-sS", "-i", "-m", "1", $"http://127.0.0.1:{port.Split('\n')[0]}/"]).Output, StringComparison.Ordinal);
    }

    private void Apply(string http, int port = 80)
    {
        string rules = string.Join('\n', http.Split('\n').Select(line => "              " + line));
        _host.Apply("l7.yaml", $"""
            - endpointSelector: {"{"}matchLabels: {"{"}l7: api{"}}"}
              ingress:
                - fromEndpoints: [{"{"}matchLabels: {"{"}l7: web{"}}"}]
                  toPorts:
                    - ports: [{"{"}port: "{port}", protocol: TCP{"}"}]
                      rules:
                        http:
            {rules}
            """);
    }

    private string Curl(params string[] arguments) => _host.InNetworkOf(_client, ["curl", "-sS", "--connect-timeout", "3", "-m", "20", .. arguments]).All;

    private int Requests(string verdict)
    {
        string output = "";
        Match count = Match.Empty;
        // While the proxy does not answer the agent in time, nothing is said of it.
        Wait.Until(
            () => (count = Regex.Match(output = _host.Weir("metrics", "--prometheus").OrFail().Output, $"weir_http_requests_total{{verdict=\"{verdict}\"}} ([0-9]+)")).Success,
            10,
            () => output);
        return int.Parse(count.Groups[1].Value, CultureInfo.InvariantCulture);
    }

    private string Send(string bytes, int port = 0, int piece = 0, bool half = false, bool v6 = false) => _host.Sandbox.Run(
        ["nsenter", "-t", _host.PidOf(_client), "-n", "python3", Path.Combine(Sandbox.RepoRoot, "tests/Weir.EndToEnd.Tests/Tools/raw_client.py"), v6 ? _address6 : _address, "80", $"{port}", $"{piece}", half ? "half" : "open"],
        input: bytes).All;
}
