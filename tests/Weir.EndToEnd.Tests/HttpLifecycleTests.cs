// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>Connections whose requests are judged while policy, agent and proxy come and go.</summary>
[Collection(HttpHost.Name)]
public class HttpLifecycleTests : IDisposable
{
    private readonly DockerHost _host;
    private readonly string _network;
    private readonly string _client;
    private readonly string _server;
    private readonly string _address;
    private readonly HttpServer _http;

    public HttpLifecycleTests(DockerHost host)
    {
        _host = host;
        _network = host.MakeNetwork("--no-ipv6");
        _client = host.RunClient("web", _network, "-l", "l7=web");
        _server = host.RunServer("api", _network, "-l", "l7=api");
        _http = new HttpServer(host, _server, 8080);
        _address = host.AddressOf(_server, _network);
    }

    public void Dispose()
    {
        _http.Dispose();
        if (!_host.Weir("status").Succeeded)
        {
            _host.Agent.Start(); // a test failed while it was away
        }

        _host.DeletePolicies();
        _host.Remove(_client, _server);
        _host.Docker("network", "rm", _network);
        GC.SuppressFinalize(this);
    }

    [PrivilegedFact]
    public void ProxyKilled_RequestsFailClosed_ItIsBack_AndOtherFlowsLive()
    {
        Apply("- {path: /x}");
        bool needsProxy = !_host.JudgesHttp;
        using EchoFlow plain = new(_host, _client, _server);
        using BackgroundCommand requests = Ask("/x");
        requests.WaitFor("200");
        string before = ProxyPid();

        _host.Sandbox.Run(["kill", "-9", before]).OrFail();
        Wait.Until(() => !needsProxy || Count(requests, "connected") > 1, 5, () => requests.Output);
        WaitForMore(requests, "200");
        plain.MustLive();
        Assert.Equal(needsProxy, Count(requests, "connected") > 1);
        Wait.Until(() => Curl("/private").Contains("403", StringComparison.Ordinal), 5, () => _host.Agent.Log);
        Assert.NotEqual(before, ProxyPid());
        Assert.Contains("The proxy has ended", _host.Agent.Log, StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void AgentKilled_TheProxyGoesOn_AndTheNextAgentTakesItOn()
    {
        Apply("- {path: /x}");
        using BackgroundCommand requests = Ask("/x");
        requests.WaitFor("200");
        string proxy = ProxyPid();

        _host.Agent.Kill();
        WaitForMore(requests, "200");
        Assert.Contains("200 OK", Curl("/x"), StringComparison.Ordinal);
        Assert.Contains("403", Curl("/private"), StringComparison.Ordinal);

        _host.Agent.Start();
        WaitForMore(requests, "200");
        Assert.Equal(proxy, ProxyPid());
        Apply("- {path: /y}");
        WaitForMore(requests, "403");
        Assert.Equal(1, Count(requests, "connected"));
    }

    [PrivilegedFact]
    public void BothKilled_NothingUnjudgedPasses_UntilBothAreBack()
    {
        Apply("- {path: /x}");
        bool isJudged = _host.JudgesHttp;
        Assert.Contains("200 OK", Curl("/x"), StringComparison.Ordinal);
        _host.Agent.Kill();
        _host.Sandbox.Run(["kill", "-9", ProxyPid()]).OrFail();
        Assert.Equal(isJudged, Curl("/x").Contains("200 OK", StringComparison.Ordinal));
        Assert.DoesNotContain("HTTP/1.1", Curl("/private", seconds: 3), StringComparison.Ordinal);
        Assert.Equal(isJudged ? 2 : 1, _http.Requests.Count);
        _host.Agent.Start();
        Wait.Until(() => Curl("/x").Contains("200 OK", StringComparison.Ordinal), 5, () => "the proxy is not back");
        Assert.Contains("403", Curl("/private"), StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void PolicyChange_HoldsForTheNextRequest_OfALiveConnection()
    {
        Apply("- {path: /x}");
        using BackgroundCommand requests = Ask("/x");
        requests.WaitFor("200");
        for (int i = 0; i < 10; i++)
        {
            Apply($"- {{path: /x}}\n- {{path: /other{i}}}");
        }

        WaitForMore(requests, "200");
        Assert.DoesNotContain("403", requests.Output, StringComparison.Ordinal);
        Apply("- {path: /y}");
        WaitForMore(requests, "403");
        Apply("- {path: /x}");
        WaitForMore(requests, "200");
        // From the proxy to no proxy: the connection stays where it is.
        Plain();
        WaitForMore(requests, "200");
        Assert.Equal(1, Count(requests, "connected"));
    }

    [PrivilegedFact]
    public void PlainConnection_IsReset_WhenPolicyAsksForTheProxy()
    {
        Plain();
        using BackgroundCommand requests = Ask("/x");
        requests.WaitFor("200");
        Apply("- {path: /y}");
        requests.WaitFor("ConnectionResetError");
        requests.WaitFor("403");
    }

    [PrivilegedFact]
    public void Connection_Ends_WhenPolicyForbidsIt()
    {
        Apply("- {path: /x}");
        using BackgroundCommand requests = Ask("/x");
        requests.WaitFor("200");
        _host.Apply("l7.yaml", "- endpointSelector: {matchLabels: {l7: api}}\n  ingress: [{}]\n");
        Wait.Until(
            () => requests.Output.Contains("ConnectionResetError", StringComparison.Ordinal) || requests.Output.Contains("TimeoutError", StringComparison.Ordinal),
            5,
            () => requests.Output);
        int answered = Count(requests, "200");
        Thread.Sleep(1000);
        Assert.Equal(answered, Count(requests, "200"));
        if (!_host.JudgesHttp)
        {
            Wait.Until(() => _http.Ended > 0, 5, () => "the server's connection lives on");
        }
    }

    [PrivilegedFact]
    public void NewExecutable_TakesTheSocketsOver_AndLetsConnectionsFinish()
    {
        Apply("- {path: /x}");
        using BackgroundCommand requests = Ask("/x");
        requests.WaitFor("200");
        string old = ProxyPid(), verdict = _host.JudgesHttp ? "auto" : "proxy";

        _host.Agent.Stop();
        _host.Sandbox.Shell($"mkdir /run/newer; find {Path.GetDirectoryName(Sandbox.Weir)} -maxdepth 1 -type f -exec cp -t /run/newer {{}} +");
        using BackgroundCommand newer = _host.Sandbox.Start("/run/newer/weir", "agent", "--http-verdict", verdict);
        newer.WaitFor("the proxy listens", 10);
        WaitForMore(requests, "200");
        Assert.Equal(1, Count(requests, "connected"));
        Assert.Contains("200 OK", Curl("/x"), StringComparison.Ordinal);
        Assert.Contains("403", Curl("/private"), StringComparison.Ordinal);
        requests.Kill();
        Wait.Until(() => !_host.Sandbox.Run(["kill", "-0", old]).Succeeded, 10, () => "the old proxy does not end");
        Assert.Contains("200 OK", Curl("/x"), StringComparison.Ordinal);

        _host.Sandbox.Run(["pkill", "-TERM", "-f", "weir agent"]);
        Wait.Until(() => newer.HasExited, 10, () => newer.Output);
        _host.Agent.Start();
    }

    private static int Count(BackgroundCommand command, string line) =>
        command.Output.Split('\n').Count(text => text.Trim() == line);

    private static void WaitForMore(BackgroundCommand command, string line)
    {
        int before = Count(command, line);
        Wait.Until(() => Count(command, line) > before + 3, 5, () => $"no more '{line}' after {before}, but:\n{command.Output}");
    }

    private string ProxyPid() => _host.Sandbox.Run(["pgrep", "-n", "-f", "weir [p]roxy"]).OrFail().Output.Trim();

    private string Curl(string path, int seconds = 20) => _host.InNetworkOf(_client, "curl", "-sS", "-i", "--connect-timeout", "3", "-m", $"{seconds}", $"http://{_address}:8080{path}").All;

    private BackgroundCommand Ask(string path) => _host.Sandbox.Start(
        "nsenter", "-t", _host.PidOf(_client), "-n", "python3", Path.Combine(Sandbox.RepoRoot, "tests/Weir.EndToEnd.Tests/Tools/keep_alive.py"), _address, "8080", path);

    private void Plain() => _host.Apply("l7.yaml", """
        - endpointSelector: {matchLabels: {l7: api}}
          ingress: [{fromEndpoints: [{matchLabels: {l7: web}}]}]
        """);

    private void Apply(string http) => _host.Apply("l7.yaml", $"""
        - endpointSelector: {"{"}matchLabels: {"{"}l7: api{"}}"}
          ingress:
            - fromEndpoints: [{"{"}matchLabels: {"{"}l7: web{"}}"}]
              toPorts:
                - ports: [{"{"}port: "9000", protocol: TCP{"}"}]
                - ports: [{"{"}port: "8080", protocol: TCP{"}"}]
                  rules:
                    http:
        {string.Join('\n', http.Split('\n').Select(line => "              " + line))}
        """);
}
