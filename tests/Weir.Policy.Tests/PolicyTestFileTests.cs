// SPDX-License-Identifier: Apache-2.0
using Weir.Net;
using Weir.Policy.Testing;
using Xunit;

namespace Weir.Policy.Tests;

public sealed class PolicyTestFileTests
{
    private const string Policy =
        """
        - endpointSelector: {matchLabels: {role: api}}
          ingress:
            - fromEndpoints: [{matchLabels: {role: web}}]
              toPorts:
                - ports: [{port: "80", protocol: TCP}]
                  rules: {http: [{method: GET, path: /public}, {method: PUT, headers: ["X-Token: s"], host: "a\\.b"}]}
            - fromEndpoints: [{matchLabels: {role: web}}]
              toPorts: [{ports: [{port: "8000", endPort: 8099, protocol: TCP}, {port: admin, protocol: TCP}]}]
            - fromCIDRSet: [{cidr: 10.0.0.0/8, except: [10.1.0.0/16]}]
              toPorts: [{ports: [{port: "53", protocol: UDP}]}]
            - fromEntities: [world]
              icmps: [{fields: [{family: IPv4, type: 8}]}]
          ingressDeny:
            - fromEndpoints: [{matchLabels: {role: web, bad: ""}}]
        """;

    [Theory]
    [InlineData("{from: web, to: api, port: 80/tcp, request: GET /public, expect: allowed}")]
    [InlineData("{from: web, to: api, port: 80/tcp, request: GET /private, expect: 403}")]
    [InlineData("{from: web, to: api, port: 80/tcp, request: GET /private, expect: denied}")]
    [InlineData("{from: web, to: api, port: 80/tcp, request: {method: PUT, path: /x, host: a.b, headers: [X-Token: s]}, expect: allowed}")]
    [InlineData("{from: web, to: api, port: 80/tcp, request: {method: PUT, path: /x, host: a.c, headers: {X-Token: s}}, expect: 403}")]
    [InlineData("{from: web, to: api, port: 81/tcp, request: GET /public, expect: denied}")]
    [InlineData("{from: web, to: api, port: 8000-8099/tcp, expect: allowed}")]
    [InlineData("{from: web, to: api, port: [80/tcp, 8000/tcp, 8099], expect: allowed, by: policy}")]
    [InlineData("{from: web, to: {role: api, weir.port.admin: 9000}, port: 9000/tcp, expect: allowed}")]
    [InlineData("{from: web, to: api, port: 9000/tcp, expect: denied}")]
    [InlineData("{from: {role: web, bad: }, to: api, expect: denied}")]
    [InlineData("{from: 'role=web,bad', to: api, port: 80/tcp, expect: denied, by: policy}")]
    [InlineData("{from: other, to: api, expect: denied}")]
    [InlineData("{from: 10.2.3.4, to: api, port: 53/udp, expect: allowed}")]
    [InlineData("{from: 10.1.3.4, to: api, port: 53/udp, expect: denied}")]
    [InlineData("{from: 10.2.0.0/15, to: api, port: 53/udp, expect: allowed}")]
    [InlineData("{from: world, to: api, port: 53/udp, expect: denied}")]
    [InlineData("{from: world, to: api, port: icmp:8, expect: allowed}")]
    [InlineData("{from: world-ipv6, to: api, port: ping, expect: denied}")]
    [InlineData("{from: world-ipv4, to: api, port: ping, expect: allowed}")]
    [InlineData("{from: api, to: host, expect: allowed}")]
    [InlineData("{from: init, to: other, port: 80/tcp, expect: denied}")]
    public void WhatIsSo_Passes(string test) => Assert.True(Run(test).Passed, string.Join('\n', Run(test).Why));

    [Theory]
    [InlineData("{from: web, to: api, expect: denied}", TestAnswer.Allowed, "80/tcp")]
    [InlineData("{from: web, to: api, port: 8000-8100/tcp, expect: allowed}", TestAnswer.Denied, "8100/tcp")]
    [InlineData("{from: web, to: api, port: [81/tcp, 82/tcp, 8000/tcp], expect: denied}", TestAnswer.Allowed, "8000/tcp")]
    [InlineData("{from: 10.0.0.0/8, to: api, port: 53/udp, expect: allowed}", TestAnswer.Denied, "from 10.1.0.0/16")]
    [InlineData("{from: 10.0.0.0/7, to: api, port: 53/udp, expect: allowed}", TestAnswer.Denied, "from reserved:world-ipv4")]
    [InlineData("{from: world, to: api, port: ping, expect: allowed}", TestAnswer.Denied, "from reserved:world-ipv6 icmpv6 type 128 code 0")]
    [InlineData("{from: web, to: api, port: 80/tcp, request: GET /x, expect: allowed}", TestAnswer.Forbidden, "")]
    [InlineData("{from: web, to: api, port: 80/tcp, request: GET /public, expect: 403}", TestAnswer.Allowed, "")]
    [InlineData("{from: other, to: api, port: 80/tcp, request: GET /x, expect: 403}", TestAnswer.Denied, "")]
    public void WhatIsNotSo_Fails_AndTellsWhere(string test, TestAnswer got, string at)
    {
        var result = Run(test);
        Assert.False(result.Passed);
        Assert.Equal((got, at), (result.Got, result.At));
        Assert.NotEmpty(result.Why[0]);
    }

    [Fact]
    public void TheRuleThatDecides_IsTested()
    {
        Assert.Equal("no rule decided", Run("{from: other, to: api, port: 80/tcp, expect: denied, by: policy}").Fault);
        var other = Run("{from: web, to: api, port: 8000/tcp, expect: allowed, by: 'policy2'}", "- {endpointSelector: {matchLabels: {role: api}}, ingress: [{fromEndpoints: [{matchLabels: {role: x}}]}]}");
        Assert.False(other.Passed);
        Assert.Equal("decided by policy (policy.yaml:1)", other.Fault);
    }

    [Fact]
    public void Prefixes_ThatCoverAll_LeaveNobodyOfTheWhole()
    {
        var set = PolicySet.Empty.With(PolicyReader.Read("p.yaml", "- {endpointSelector: {}, egress: [{toCIDR: [10.0.0.0/9, 10.128.0.0/9, 10.1.0.0/16]}]}").Documents);
        Assert.Equal(
            ["10.0.0.0/9", "10.1.0.0/16", "10.128.0.0/9"],
            TestParty.Outside("x", IpPrefix.Parse("10.0.0.0/8")).PeersUnder(set).Select(peer => peer.DisplayName).Order());
        Assert.Equal("10.1.0.0/16", Assert.Single(TestParty.Outside("x", IpPrefix.Parse("10.1.2.3")).PeersUnder(set)).DisplayName);
        Assert.Equal(["reserved:world-ipv4", "10.0.0.0/9", "10.1.0.0/16", "10.128.0.0/9"], TestParty.Outside("x", IpPrefix.Parse("0.0.0.0/0")).PeersUnder(set).Select(peer => peer.DisplayName));
    }

    [Theory]
    [InlineData("", "t.yaml:1:1: error: the file has no tests in it")]
    [InlineData("tests: []", "tests is empty")]
    [InlineData("policies: [a]", "tests is missing")]
    [InlineData("tests: [{from: web, to: web, port: 80/tcp, expect: allowed}]", "t.yaml:1:16: error: from: no workload is named \"web\"; declare it under workloads")]
    [InlineData("workloads: {web: {a: b}}\ntests: [{from: wbe, to: web, expect: denied}]", "t.yaml:2:16: error: from: no workload is named \"wbe\"; did you mean \"web\"?")]
    [InlineData("tests: [{from: a=b, to: c=d, expect: alowed}]", "did you mean \"allowed\"?")]
    [InlineData("tests: [{from: a=b, to: c=d, port: tcp/80, expect: allowed}]", "\"tcp/80\" is not a port")]
    [InlineData("tests: [{from: a=b, to: c=d, prot: 80, expect: allowed}]", "unknown field \"prot\" in a test")]
    [InlineData("tests: [{from: a=b, to: c=d, port: 80/udp, request: GET /, expect: allowed}]", "requests are on TCP")]
    [InlineData("tests: [{from: a=b, to: c=d, port: 80/tcp, request: /public, expect: allowed}]", "method and path such as GET /public")]
    [InlineData("tests: [{from: a=b, to: c=d, port: 80/tcp, request: \"GET /\\r\\nX: y\", expect: allowed}]", "are one line each")]
    [InlineData("tests: [{from: a=b, to: c=d, port: 80/tcp, request: GET /%2e%2e/, expect: allowed}]", "is answered with 400")]
    [InlineData("tests: [{from: a=b, to: c=d, port: 80/tcp, expect: 403}]", "403 is the answer to a request")]
    [InlineData("tests: [{from: world, to: 10.0.0.1, expect: allowed}]", "neither world nor 10.0.0.1 is a container")]
    [InlineData("tests: [{from: 'a=b', to: 10.0.0.1, port: 'icmpv6:128', expect: allowed}]", "write icmp")]
    [InlineData("tests: [{from: a=b, to: all, expect: allowed}]", "all is not one peer")]
    [InlineData("tests: [{from: a=b, to: kube-apiserver, expect: allowed}]", "nobody is kube-apiserver on a Docker host")]
    [InlineData("workloads: {host: {a: b}}\ntests: [{from: a=b, to: host, expect: allowed}]", "a workload cannot be named \"host\"")]
    [InlineData("workloads: {web: {k8s:a: b, 'reserved:host': ''}}\ntests: [{from: web, to: host, expect: allowed}]", "no label of source reserved")]
    [InlineData("enforcement: alway\ntests: [{from: a=b, to: host, expect: allowed}]", "expected enforcement default, always or never")]
    [InlineData("policies: []\ntests: [{from: a=b, to: host, expect: allowed}]", "policies is empty")]
    public void WhatIsWrong_IsToldAtItsPlace(string text, string problem)
    {
        var read = PolicyTestReader.Read("t.yaml", text);
        Assert.Null(read.File);
        Assert.Contains(read.Problems, found => found.ToString().Contains(problem, StringComparison.Ordinal));
    }

    [Fact]
    public void UnknownPolicy_IsToldAtItsPlace()
    {
        var read = PolicyTestReader.Read("t.yaml", "tests:\n  - {from: a=b, to: role=api, expect: denied, by: polcy}");
        var problem = Assert.Single(PolicyTestRunner.Check(read.File!, Set()));
        Assert.Equal("t.yaml:2:51: error: by: no policy is named \"polcy\"; did you mean \"policy\"?", problem.ToString());
    }

    [Fact]
    public void AnyText_IsReadOrRefused()
    {
        const string Whole = "policies: [a]\nworkloads: {web: {a: b}}\ntests:\n  - {from: web, to: 10.0.0.0/8, port: [80/tcp, ping], request: {path: /, headers: [A: b]}, expect: 403, by: x}\n";
        for (var i = 0; i <= Whole.Length; i++)
        {
            var cut = PolicyTestReader.Read("t.yaml", Whole[..i]);
            Assert.True(cut.File is null == cut.Problems.Any(problem => problem.IsError));
            PolicyTestReader.Read("t.yaml", Whole.Remove(i, Math.Min(1, Whole.Length - i)));
            PolicyTestReader.Read("t.yaml", Whole.Insert(i, "{"));
        }
    }

    private static PolicySet Set(string? more = null)
    {
        var documents = PolicyReader.Read("policy.yaml", Policy).Documents.Concat(more is null ? [] : PolicyReader.Read("policy2.yaml", more).Documents).ToList();
        Assert.NotEmpty(documents);
        return PolicySet.Empty.With(documents);
    }

    private static PolicyTestResult Run(string test, string? more = null)
    {
        var read = PolicyTestReader.Read("t.yaml", $"workloads:\n  web: {{role: web}}\n  api: [role=api]\n  other: {{}}\ntests:\n  - {test}");
        Assert.True(read.File is not null, string.Join('\n', read.Problems));
        Assert.Empty(PolicyTestRunner.Check(read.File, Set(more)));
        return Assert.Single(PolicyTestRunner.Run(read.File, Set(more)));
    }
}
