// SPDX-License-Identifier: Apache-2.0
using Weir.Policy;
using Xunit;

namespace Weir.Services.Tests;

public sealed class ServiceFileReaderTests
{
    private const string Good = """
        services:
          - name: shop
            frontends: [203.0.113.10:80/tcp]
            backends:
              - 10.11.0.5:8080
              - {address: 10.11.0.6:8080, weight: 2}
            mode: snat
            affinity: 3h
            healthCheck: {http: /healthz, interval: 5s}
          - name: web
            frontends: ["203.0.113.11:80/tcp", "[2001:db8::11]:80/tcp"]
            selector: {matchLabels: {role: web}}
            targetPort: 8080
        """;

    [Fact]
    public void Read_TwoServices_AreAsWritten()
    {
        var result = ServiceFileReader.Read("services.yaml", Good);

        Assert.Empty(result.Problems);
        var (shop, web) = (result.Services[0], result.Services[1]);
        Assert.Equal(("shop", ServiceMode.Snat, 10800), (shop.Name, shop.Mode, shop.AffinitySeconds));
        Assert.Equal([Frontend.Parse("203.0.113.10:80/tcp")], shop.Frontends);
        Assert.Equal(["10.11.0.5:8080", "10.11.0.6:8080/w=2"], shop.Backends.Select(backend => backend.ToString()));
        Assert.Equal("http:/healthz,interval=5s", shop.HealthCheck!.ToString());
        Assert.Equal("services.yaml:2", shop.Source!.FileAndLine);
        Assert.Equal((ushort)8080, web.TargetPort);
        Assert.True(web.Selects(LabelSet.Parse("container:role=web")));
        Assert.False(web.Selects(LabelSet.Parse("container:role=api")));
        Assert.False(shop.Selects(LabelSet.Parse("container:role=web")));
        Assert.Equal("services.yaml:10", web.Source!.FileAndLine);
    }

    [Fact]
    public void Read_Json_IsTheSame()
    {
        var result = ServiceFileReader.Read("services.json", """
            {"services": [{"name": "shop", "frontends": ["203.0.113.10:53/udp"], "backends": ["10.11.0.5:53"], "mode": "dsr"}]}
            """);

        Assert.Empty(result.Problems);
        Assert.Equal(ServiceMode.Dsr, Assert.Single(result.Services).Mode);
    }

    [Fact]
    public void Read_SelectorWithoutTargetPort_HasTheFrontendsPort()
    {
        Assert.Equal((ushort)80, Assert.Single(Read("frontends: [203.0.113.1:80, 203.0.113.2:80]", "selector: {matchLabels: {a: b}}").Services).TargetPort);
        AssertProblem(Read("frontends: [203.0.113.1:80, 203.0.113.2:81]", "selector: {matchLabels: {a: b}}"), 1, "targetPort is missing");
    }

    [Theory]
    [InlineData("affinity: off", 0)]
    [InlineData("affinity: {timeout: 1h30m}", 5400)]
    [InlineData("affinity: 1s", 1)]
    [InlineData("affinity: 7d", 604800)]
    public void Read_Affinity_InSeconds(string line, int expected) =>
        Assert.Equal(expected, Assert.Single(Read(Usual, line).Services).AffinitySeconds);

    [Theory]
    [InlineData("healthCheck: tcp", "tcp")]
    [InlineData("healthCheck: {tcp: true, port: 8081}", "tcp,port=8081")]
    [InlineData("healthCheck: {tcp: , fall: 1}", "tcp,fall=1")]
    [InlineData("healthCheck: http:/healthz", "http:/healthz")]
    [InlineData("healthCheck: {http: /, host: shop, timeout: 500ms, rise: 4}", "http:/,timeout=500ms,rise=4,host=shop")]
    public void Read_HealthCheck_BothForms(string line, string expected) =>
        Assert.Equal(expected, Assert.Single(Read(Usual, line).Services).HealthCheck!.ToString());

    [Theory]
    [InlineData("frontend: [203.0.113.10:80]", 4, "unknown field \"frontend\" in a service", "did you mean \"frontends\"")]
    [InlineData("healthcheck: {htp: /}", 4, "unknown field \"htp\"", "did you mean \"http\"")]
    [InlineData("mode: dsr-l3", 4, "expected mode snat, dsr, dsr-l2; found \"dsr-l3\"", "did you mean \"dsr-l2\"")]
    [InlineData("mode: [dsr]", 4, "expected mode", "found a list")]
    [InlineData("affinity: 3", 4, "a time from 1s to 7d such as 90s, 3h or 1h30m, or off; found \"3\"", "")]
    [InlineData("affinity: 8d", 4, "a time from 1s to 7d", "")]
    [InlineData("affinity: {timeot: 3h}", 4, "unknown field \"timeot\"", "did you mean \"timeout\"")]
    [InlineData("affinity: {}", 4, "timeout is missing", "")]
    [InlineData("targetPort: 80", 4, "targetPort goes with a selector", "")]
    [InlineData("targetPort: 65536", 4, "a number from 1 to 65535", "")]
    [InlineData("selector: {matchLabels: {role: web}}", 4, "selector stands beside backends", "")]
    [InlineData("selector: {matchLabel: {role: web}}", 4, "unknown field \"matchLabel\"", "did you mean \"matchLabels\"")]
    [InlineData("healthCheck: {http: /, tcp: true}", 4, "tcp stands beside http", "")]
    [InlineData("healthCheck: {interval: 1s}", 4, "needs tcp: true or http: /path", "")]
    [InlineData("healthCheck: {http: healthz}", 4, "begins with '/'", "")]
    [InlineData("healthCheck: {tcp: 80}", 4, "port: 8081", "")]
    [InlineData("healthCheck: {tcp: true, interval: 1s, timeout: 2s}", 4, "longer than interval", "")]
    public void Read_WrongField_IsAProblemWithItsLine(string line, int expectedLine, string expected, string hint)
    {
        var problem = AssertProblem(Read(Usual, line), expectedLine, expected);
        Assert.Contains(hint, problem.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: a}\nspec: {endpointSelector: {}}", "this is a policy: 'weir policy apply' takes it")]
    [InlineData("kind: NetworkPolicy\nmetadata: {name: a}", "this is a policy: 'weir policy apply' takes it")]
    [InlineData("[{\"endpointSelector\": {}, \"ingress\": [{}]}]", "this is a policy: 'weir policy apply' takes it")]
    [InlineData("endpointSelector: {}\ningress: [{}]", "this is a policy: 'weir policy apply' takes it")]
    [InlineData("apiVersion: v1\nkind: Service\nmetadata: {name: a}", "this is an object of Kubernetes, kind Service")]
    public void Read_AnotherKindOfFile_IsNamed_InOneProblem(string text, string expected) =>
        Assert.Contains(expected, Assert.Single(ServiceFileReader.Read("a.yaml", text).Problems).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("frontends: [203.0.113.10]", "the port is missing")]
    [InlineData("frontends: 203.0.113.10:80", "expected frontends, a list")]
    [InlineData("frontends: [[2001:db8::1]:80]", "")]
    [InlineData("frontends: [{address: 203.0.113.10}]", "expected a frontend such as")]
    [InlineData("frontends: []", "it needs a frontend")]
    [InlineData("mode: snat", "it needs a frontend")]
    [InlineData("frontends: [203.0.113.10:80, 203.0.113.10:80/tcp]", "is listed twice")]
    [InlineData("frontends: [127.0.0.1:80]", "a loopback address")]
    [InlineData("frontends: ['[::1]:80']", "a loopback address")]
    [InlineData("frontends: [0.0.0.0:80]", "an unspecified address")]
    [InlineData("frontends: ['[::]:80']", "the unspecified address")]
    [InlineData("frontends: [224.0.0.1:80]", "a multicast address")]
    [InlineData("frontends: ['[ff02::1]:80']", "a multicast address")]
    [InlineData("frontends: ['[fe80::1]:80']", "a link-local address")]
    [InlineData("frontends: [255.255.255.255:80]", "the broadcast address")]
    [InlineData("frontends: [250.0.0.1:80]", "a reserved address")]
    [InlineData("frontends: ['[2001:db8::1]:80']", "frontend [2001:db8::1]:80/tcp is IPv6, but no backend is")]
    [InlineData("frontends: [10.11.0.5:8080]", "is a frontend of the same service")]
    public void Read_WrongFrontend_IsAProblem(string line, string expected) =>
        AssertProblem(Read("backends: [10.11.0.5:8080]", line), null, expected);

    [Theory]
    [InlineData("backends: [10.11.0.5]", "the port is missing")]
    [InlineData("backends: [{address: 10.11.0.5:80, weight: 101}]", "weight, a number from 0 to 100")]
    [InlineData("backends: [{address: 10.11.0.5:80, wieght: 1}]", "did you mean \"weight\"")]
    [InlineData("backends: [{address: 10.11.0.5:80/w=2}]", "the port is a number")]
    [InlineData("backends: [{weight: 2}]", "the backend has no address")]
    [InlineData("backends: [[10.11.0.5]]", "needs quotes")]
    [InlineData("backends: [10.11.0.5:80, 10.11.0.5:80/w=2]", "is listed twice")]
    [InlineData("backends: [127.0.0.1:80]", "a loopback address")]
    [InlineData("backends: [10.11.0.5:80, '[2001:db8::5]:80']", "backend [2001:db8::5]:80 is IPv6, but no frontend is")]
    public void Read_WrongBackend_IsAProblem(string line, string expected) =>
        AssertProblem(Read("frontends: [203.0.113.10:80]", line), null, expected);

    [Fact]
    public void Read_DirectReturn_WantsEqualPorts()
    {
        AssertProblem(Read(Usual, "mode: dsr"), 3, "backend 10.11.0.5:8080: with mode dsr its port must be the frontend's, 80");
        AssertProblem(Read("frontends: [203.0.113.1:80, 203.0.113.1:81]", "backends: [10.11.0.5:80]", "mode: dsr-l2"), 2, "write a service for each port");
        // The host that has a container puts its port in.
        Assert.Empty(Read("frontends: [203.0.113.1:80]", "selector: {matchLabels: {a: b}}", "targetPort: 8080", "mode: dsr").Problems);
        Assert.Empty(Read("frontends: [203.0.113.1:80]", "backends: [10.11.0.5:80]", "mode: dsr").Problems);
    }

    [Fact]
    public void Read_NoBackends_IsAWarningOnly()
    {
        var none = Read("frontends: [203.0.113.10:80]");
        Assert.True(Assert.Single(none.Problems).IsWarning);
        Assert.Single(none.Services);
        Assert.Contains("weight 0", Assert.Single(Read("frontends: [203.0.113.10:80]", "backends: [10.11.0.5:80/w=0]").Problems).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_SeveralFaults_AreAllListedInOrder()
    {
        var result = ServiceFileReader.Read("s.yaml", """
            services:
              - name: -a
                frontends: [127.0.0.1:80/tcp]
                backends: [10.0.0.1:80]
              - name: docker/web/80/tcp
                frontends: [203.0.113.1:80]
                backends: [10.0.0.1:80]
              - frontends: [203.0.113.2:80]
              - name: b
                frontends: [203.0.113.3:80]
                backends: [10.0.0.1:80]
              - name: b
                frontends: [203.0.113.4:80, 203.0.113.3:80/tcp]
                backends: [10.0.0.1:80]
            """);

        Assert.Empty(result.Services);
        Assert.Equal(
            [
                "s.yaml:2:11: error: service \"-a\": a name has 1 to 253 letters and digits, with . _ - / between them; found \"-a\"",
                "s.yaml:3:17: error: service \"-a\": frontend 127.0.0.1:80/tcp: 127.0.0.1 is a loopback address; clients on other hosts cannot reach a service there",
                "s.yaml:5:11: error: service \"docker/web/80/tcp\": names that begin with docker/ are those of containers' published ports; choose another",
                "s.yaml:8:5: error: the service has no name",
                "s.yaml:12:11: error: service \"b\" is there twice; that one is in line 9",
                "s.yaml:13:33: error: frontend 203.0.113.3:80/tcp of service \"b\" belongs to service \"b\" already; that one is in line 9",
            ],
            result.Problems.Select(problem => problem.ToString()));
    }

    [Theory]
    [InlineData("", "no service in it")]
    [InlineData("services: []", "no service in it")]
    [InlineData("- name: a", "expected a file of services")]
    [InlineData("service: []", "did you mean \"services\"")]
    [InlineData("services: {}", "expected services, a list")]
    [InlineData("services: [a]", "expected a service, a mapping")]
    [InlineData("services: [{name: [a]}]", "expected name, a text")]
    [InlineData("services: [", "neither YAML nor JSON")]
    public void Read_NoFileOfServices_SaysWhy(string text, string expected) =>
        AssertProblem(ServiceFileReader.Read("s.yaml", text), null, expected);

    private const string Usual = "frontends: [203.0.113.10:80]\n    backends: [10.11.0.5:8080]";

    private static ServiceReadResult Read(params string[] lines) =>
        ServiceFileReader.Read("s.yaml", "services: [\n  {name: a,\n    " + string.Join(",\n    ", lines.SelectMany(l => l.Split("\n    "))) + "}]");

    private static Problem AssertProblem(ServiceReadResult result, int? line, string expected)
    {
        Assert.True(result.HasErrors);
        Assert.Empty(result.Services);
        var problem = result.Problems.FirstOrDefault(p => p.Message.Contains(expected, StringComparison.Ordinal));
        Assert.True(problem is not null, string.Join("\n", result.Problems));
        if (line is not null)
        {
            Assert.Equal(line + 1, problem!.Location!.Line);
        }

        return problem!;
    }
}
