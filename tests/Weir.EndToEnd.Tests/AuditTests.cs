// SPDX-License-Identifier: Apache-2.0
using System.Text.RegularExpressions;
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>Policy in audit: everything goes on as before, and everything that would not is told of.</summary>
[Collection(HttpHost.Name)]
public sealed class AuditTests : IDisposable
{
    private const string Policy = """
        - endpointSelector: {matchLabels: {tried: api}}
          ingress:
            - fromEndpoints: [{matchLabels: {tried: web}}]
              toPorts: [{ports: [{port: "8080", protocol: TCP}, {port: "9000", protocol: TCP}], rules: {http: [{method: GET, path: /public}]}}]
        """;

    private readonly DockerHost _host;
    private readonly string _network;
    private readonly string _web;
    private readonly string _cron;
    private readonly string _api;
    private readonly string _address;
    private readonly HttpServer _http;

    public AuditTests(DockerHost host)
    {
        _host = host;
        _network = host.MakeNetwork("--no-ipv6");
        _web = host.RunClient("web", _network, "-l", "tried=web");
        _cron = host.RunClient("cron", _network, "-l", "tried=cron");
        _api = host.RunServer("api", _network, "-l", "tried=api");
        _http = new HttpServer(host, _api, 8080);
        _address = host.AddressOf(_api, _network);
    }

    public void Dispose()
    {
        _http.Dispose();
        _host.DeletePolicies();
        _host.Remove(_web, _cron, _api);
        _host.Docker("network", "rm", _network);
    }

    [PrivilegedFact]
    public void AppliedInAudit_ItTellsWhatItWouldRefuse_AndEnforcedItRefuses()
    {
        using EchoFlow flow = new(_host, _cron, _api);
        flow.MustLive();
        string applied = Apply("--audit");
        Assert.Contains("tried added (1 rule, in audit: not enforced)", applied, StringComparison.Ordinal);
        flow.MustLive();
        Assert.Contains("200 OK", Curl(_cron, ":8080/private"), StringComparison.Ordinal);
        Assert.Contains("200 OK", Curl(_web, ":8080/private"), StringComparison.Ordinal);
        Assert.Contains("200 OK", Curl(_web, ":8080/public"), StringComparison.Ordinal);
        // What is no HTTP goes through the proxy, and passes as well.
        using EchoFlow noHttp = new(_host, _web, _api);
        noHttp.MustLive();
        Assert.Contains("Proxy", _host.Weir("map", "dump", "weir_ct").All, StringComparison.Ordinal);

        string seen = WaitFor($@"http {_web} .* GET /private.*: (200 )?audited; would be refused: rule tried at .*tried.yaml:1 allows only GET /public");
        Assert.Matches($@"verdict {_cron} .* → {_api} .*8080/tcp.* ingress at {_api}: audited; ingress: allowed.*; audited: would be denied, no rule would allow it; nearest is tried", seen);
        Assert.Matches($@"verdict {_cron} .* → {_api} .*9000/tcp.*audited", seen); // it was there before
        Assert.Matches($@"http {_web} .* → {_api} .*no request: audited; would be refused", seen);
        Assert.DoesNotContain("/public: ", seen, StringComparison.Ordinal);
        Assert.Contains("audited", _host.Weir("monitor", "--verdict", "audited", "--last", "100", "--no-follow").OrFail().Output, StringComparison.Ordinal);
        Assert.Matches($@"{_cron} +{_api} +8080/tcp +[0-9]+ +[1-9]", _host.Weir("flows", "--since", "10m", "--summary", "--from", _cron).OrFail().Output);
        Assert.Matches(@"In audit +tried: 1 of 1 rules", _host.Weir("status").OrFail().Output);
        Assert.Matches(@"tried +\S+ +audit ", _host.Weir("policy", "get").OrFail().Output);
        Assert.Contains("with --audit", _host.Weir("policy", "get", "tried").OrFail().Error, StringComparison.Ordinal);
        Assert.Contains(": allowed, audited", Explain(_cron), StringComparison.Ordinal);
        string metrics = _host.Weir("metrics", "--prometheus").OrFail().Output;
        Assert.Matches("weir_audited_count_total\\{direction=\"INGRESS\",reason=\"policy-denied\"\\} [1-9]", metrics);

        // It is kept so over a restart, and somebody enforces it.
        _host.Agent.Kill();
        _host.Agent.Start();
        Assert.Matches(@"In audit +tried", _host.Weir("status").OrFail().Output);
        flow.MustLive();
        Assert.Contains("tried changed (1 rule)", Apply(), StringComparison.Ordinal);
        flow.MustStall();
        noHttp.MustStall();
        Assert.Contains("403", Curl(_web, ":8080/private"), StringComparison.Ordinal);
        Assert.Contains("200 OK", Curl(_web, ":8080/public"), StringComparison.Ordinal);
        Assert.DoesNotContain("200 OK", Curl(_cron, ":8080/public"), StringComparison.Ordinal);
        Assert.DoesNotContain("In audit", _host.Weir("status").OrFail().Output, StringComparison.Ordinal);
        Assert.Contains(": denied", Explain(_cron), StringComparison.Ordinal);
    }

    private string Apply(params string[] options)
    {
        File.WriteAllText(_host.Sandbox.HostPath("/run/tried.yaml"), Policy);
        return _host.Weir(["policy", "apply", "-f", "/run/tried.yaml", .. options]).OrFail().Output;
    }

    private string Explain(string from) => _host.Weir("policy", "explain", "--from", from, "--to", _api, "--port", "8080/tcp").OrFail().Output;

    private string Curl(string from, string rest) => _host.InNetworkOf(from, "curl", "-sS", "-i", "--connect-timeout", "3", "-m", "20", $"http://{_address}{rest}").All;

    private string WaitFor(string pattern)
    {
        string flows = "";
        Wait.Until(
            () => Regex.IsMatch(flows = _host.Weir("flows", "--since", "10m", "--verdict", "audited").OrFail().Output, pattern), 10, () => $"no {pattern} in\n{flows}");
        return flows;
    }
}
