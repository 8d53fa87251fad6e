// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text.RegularExpressions;
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>Requests that the kernel judges on their way (<c>http-verdict: auto</c>), and connections that the proxy takes over from it.</summary>
[Collection(RestartedHost.Name)]
public sealed partial class HttpVerdictTests : IDisposable
{
    private const string Ok = "GET /public HTTP/1.1\r\nHost: a\r\n\r\n";
    private const string Denied = "GET /private HTTP/1.1\r\nHost: a\r\n\r\n";
    private readonly DockerHost _host;
    private readonly string _network;
    private readonly string _client;
    private readonly string _server;
    private readonly HttpServer _http;
    private readonly string _address;
    private readonly string _address6;

    public HttpVerdictTests(DockerHost host)
    {
        _host = host;
        host.Agent.Stop();
        host.Agent.Start("--http-verdict", "auto");
        _network = host.MakeNetwork();
        _client = host.RunClient("web", _network, "-l", "l7=web");
        _server = host.RunClient("api", _network, "-l", "l7=api");
        _http = new HttpServer(host, _server);
        _address = host.AddressOf(_server, _network);
        _address6 = host.AddressOf(_server, _network, v6: true);
        host.Apply("verdict.yaml", """
            - endpointSelector: {matchLabels: {l7: api}}
              ingress:
                - fromEndpoints: [{matchLabels: {l7: web}}]
                  toPorts:
                    - ports: [{port: "80", protocol: TCP}]
                      rules: {http: [{method: GET, path: /public}, {method: POST, path: /x}, {path: /chat}, {path: /slow}, {path: /big}]}
            """);
    }

    public void Dispose()
    {
        _http.Dispose();
        _host.DeletePolicies();
        _host.Remove(_client, _server);
        _host.Docker("network", "rm", _network);
        _host.Agent.Stop();
        _host.Agent.Start();
    }

    [PrivilegedFact]
    public void AllowedRequests_GoPastTheProxy()
    {
        int before = ProxyConnections();
        foreach (string address in (string[])[_address, $"[{_address6}]"])
        {
            string url = $"http://{address}/public";
            string output = Curl("-i", url, url, url);
            Assert.Equal(3, output.Split("200 OK").Length - 1);
            string posted = Curl("-i", "-H", "Expect:", "-d", new string('b', 60_000), $"http://{address}/x");
            Assert.Contains("200 OK", posted, StringComparison.Ordinal);
        }

        Assert.Equal(8, _http.Requests.Count);
        Assert.Equal(2, _http.Requests.Take(4).Select(request => request.Peer).Distinct().Count());
        Assert.Equal(before, ProxyConnections());
    }

    /// <summary>Of the connections that are open it is said who judges their requests, and why the proxy does.</summary>
    [PrivilegedFact]
    public void WhoJudges_IsSaid()
    {
        _host.Apply("host.yaml", """
            - endpointSelector: {matchLabels: {l7: api}}
              ingress:
                - fromEntities: [host]
                  toPorts:
                    - ports: [{port: "80", protocol: TCP}]
                      rules: {http: [{method: GET, path: /public}]}
            """);
        string[] client =
        [
            "python3", "-u", "-c",
            "import http.client, sys, time\nopen = []\nfor path in sys.argv[2:]:\n    c = http.client.HTTPConnection(sys.argv[1])\n    c.request('GET', path)\n    r = c.getresponse()\n    r.read()\n    open.append(c)\nprint('all asked')\ntime.sleep(60)",
            _address,
        ];
        using BackgroundCommand inside = _host.Sandbox.Start(["nsenter", "-t", _host.PidOf(_client), "-n", .. client, "/public", "/public", "/private"]);
        using BackgroundCommand outside = _host.Sandbox.Start([.. client, "/public"]);
        inside.WaitFor("all asked");
        outside.WaitFor("all asked");
        const string said = "HTTP judged +2 connections by the kernel, 2 by the proxy \\(1 not from a container of this host to another; 1 a request was denied\\)";
        string shown = _host.Weir("endpoint", "get", _server).OrFail().Output;
        Assert.True(Regex.IsMatch(shown, said), $"{shown}\n{_host.Weir("ct", "list", "-o", "wide").All}");
        Assert.Matches(said, _host.Weir("status").OrFail().Output);
        Assert.Matches("HTTP judged +2 connections by the kernel, 1 by the proxy \\(1 a request was denied\\)", _host.Weir("endpoint", "get", _client).OrFail().Output);

        string flows = _host.Weir("ct", "list", "--endpoint", _client, "-o", "wide").OrFail().Output;
        Assert.Equal(2, Regex.Count(flows, "established +kernel "));
        Assert.Matches("established +proxy: a request was denied ", flows);
        Assert.Contains("\"reason\": \"denied\"", _host.Weir("endpoint", "get", _client, "-o", "json").OrFail().Output, StringComparison.Ordinal);
    }

    /// <summary>What the kernel lets pass is shown as what the proxy does; the counts are right also of what nobody is told.</summary>
    [PrivilegedFact]
    public void AllowedRequests_AreToldAndCounted_WithoutTheProxy()
    {
        int before = ProxyConnections();
        using (BackgroundCommand monitor = _host.Sandbox.Start(Sandbox.Weir, "monitor", "--type", "l7"))
        {
            // It tells from when it has begun.
            Wait.Until(
                () =>
                {
                    Curl("-d", "hello", $"http://[{_address6}]/x");
                    Curl("-d", "hello", $"http://{_address}/x");
                    return monitor.Output.Contains($"POST /x host {_address}: 200 allowed", StringComparison.Ordinal);
                },
                30,
                () => $"nothing of the request in: {monitor.Output}");
            Assert.Contains("verdict.yaml:", monitor.Output, StringComparison.Ordinal);
            Assert.Contains($"{_client} (", monitor.Output, StringComparison.Ordinal);
        }

        const int Many = 3_000;
        int counted = Metric("weir_http_requests_total{verdict=\"allowed\"}"), answered = Metric("weir_http_responses_total{class=\"2xx\"}");
        string said = _host.InNetworkOf(
            _client, "python3", "-c",
            "import http.client, sys\nc = http.client.HTTPConnection(sys.argv[1])\nfor i in range(int(sys.argv[2])):\n    c.request('GET', '/public')\n    c.getresponse().read()\nprint('asked', i + 1)",
            _address, $"{Many}").All;
        Assert.Contains($"asked {Many}", said, StringComparison.Ordinal);
        Assert.Equal((counted + Many, answered + Many), (Metric("weir_http_requests_total{verdict=\"allowed\"}"), Metric("weir_http_responses_total{class=\"2xx\"}")));
        Assert.Equal(before, ProxyConnections());
    }

    [PrivilegedTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void DeniedRequest_Is403_AndTheConnectionGoesOn(bool v6)
    {
        int before = ProxyConnections();
        string answer = Send($"{Ok}@pause 0.3\n{Denied}@pause 1.5\n{Ok}@pause 0.5\n{Denied}", v6: v6);
        Assert.Equal(
            ["HTTP/1.1 200 OK", "HTTP/1.1 403 Forbidden", "HTTP/1.1 200 OK", "HTTP/1.1 403 Forbidden"],
            Answers().Matches(answer).Select(match => match.Value));
        Assert.Equal(2, answer.Split("Access denied").Length - 1);
        Assert.Equal(2, _http.Requests.Count);
        Assert.Single(_http.Requests.Select(request => request.Peer).Distinct());
        Assert.Equal(before + 1, ProxyConnections());
    }

    /// <summary>The first request of a connection, too: there is nothing before it.</summary>
    [PrivilegedFact]
    public void DeniedFromTheFirst_IsAnsweredAsByTheProxy()
    {
        string refused = Curl("-i", $"http://{_address}/private");
        Assert.Contains("403 Forbidden", refused, StringComparison.Ordinal);
        Assert.Contains("\r\n\r\nAccess denied", refused, StringComparison.Ordinal);
        Assert.Empty(_http.Requests);
    }

    [PrivilegedFact]
    public void WhatIsNotPlain_GoesThroughTheProxy()
    {
        // A head byte by byte, chunks, pipelining, a request that waits to be told to go on, a tunnel.
        Assert.Contains("200 OK", Send($"{Ok}@pause 0.3\n{Ok}", piece: 7), StringComparison.Ordinal);
        Assert.Contains("200 OK", Send("POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), StringComparison.Ordinal);
        Assert.Equal(3, Send($"{Ok}{Ok}{Ok}").Split("200 OK").Length - 1);
        Assert.Contains("100 Continue", Curl("-v", "-H", "Expect: 100-continue", "-d", "hello", $"http://{_address}/x"), StringComparison.Ordinal);
        string tunnel = Send($"{Ok}@pause 0.3\nGET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n@pause 1\nDELETE /anything at all\r\n\r\n@pause 0.5\n");
        Assert.Contains("101 Switching", tunnel, StringComparison.Ordinal);
        Assert.Contains("DELETE /anything at all", tunnel, StringComparison.Ordinal);
        Assert.DoesNotContain(_http.Requests, request => request.Head.Contains("private", StringComparison.Ordinal));
    }

    [PrivilegedFact]
    public void PolicyThatChanges_HoldsForTheNextRequestOfAConnection()
    {
        using BackgroundCommand client = _host.Sandbox.Start(
            "nsenter", "-t", _host.PidOf(_client), "-n", "python3", "-u", "-c",
            "import http.client, sys, time\nc = http.client.HTTPConnection(sys.argv[1])\nwhile True:\n    c.request('GET', '/public')\n    r = c.getresponse()\n    r.read()\n    print(r.status, flush=True)\n    time.sleep(0.2)", _address);
        client.WaitFor("200");
        _host.Apply("verdict.yaml", """
            - endpointSelector: {matchLabels: {l7: api}}
              ingress:
                - fromEndpoints: [{matchLabels: {l7: web}}]
                  toPorts:
                    - ports: [{port: "80", protocol: TCP}]
                      rules: {http: [{method: GET, path: /other}]}
            """);
        client.WaitFor("403");
        Assert.Single(_http.Requests.Select(request => request.Peer).Distinct());
    }

    /// <summary>The agent is gone and comes back: connections go on, judged as before.</summary>
    [PrivilegedFact]
    public void AgentsRestart_EndsNoConnection()
    {
        using BackgroundCommand client = _host.Sandbox.Start(
            "nsenter", "-t", _host.PidOf(_client), "-n", "python3", "-u", "-c",
            "import http.client, os, sys, time\nc = http.client.HTTPConnection(sys.argv[1])\nfor path in sys.argv[2:]:\n    while not os.path.exists('/run/ask' + path):\n        time.sleep(0.05)\n    c.request('GET', path)\n    r = c.getresponse()\n    r.read()\n    print(path, r.status, flush=True)",
            _address, "/public", "/big", "/private");
        _host.Sandbox.Shell("rm -rf /run/ask; mkdir /run/ask; touch /run/ask/public");
        client.WaitFor("/public 200");
        _host.Agent.Kill();
        _host.Agent.Start("--http-verdict", "auto");
        _host.Sandbox.Shell("touch /run/ask/big");
        client.WaitFor("/big 200");
        _host.Sandbox.Shell("touch /run/ask/private");
        client.WaitFor("/private 403");
        Assert.Single(_http.Requests.Select(request => request.Peer).Distinct());
    }

    private string Curl(params string[] arguments) => _host.InNetworkOf(_client, ["curl", "-sS", "--connect-timeout", "3", "-m", "20", .. arguments]).All;

    private string Send(string bytes, int piece = 0, bool v6 = false) => _host.Sandbox.Run(
        ["nsenter", "-t", _host.PidOf(_client), "-n", "python3", Path.Combine(Sandbox.RepoRoot, "tests/Weir.EndToEnd.Tests/Tools/raw_client.py"), v6 ? _address6 : _address, "80", "0", $"{piece}"],
        input: bytes).All;

    /// <summary>How many the proxy has had.</summary>
    private int ProxyConnections() => Metric("weir_http_connections_total");

    private int Metric(string name)
    {
        Match count = Match.Empty;
        string output = "";
        Wait.Until(() => (count = Regex.Match(output = _host.Weir("metrics", "--prometheus").OrFail().Output, $"^{Regex.Escape(name)} ([0-9]+)", RegexOptions.Multiline)).Success, 10, () => output);
        return int.Parse(count.Groups[1].Value, CultureInfo.InvariantCulture);
    }

    [GeneratedRegex("HTTP/1.1 [0-9]+ [A-Za-z]+")]
    private static partial Regex Answers();
}
