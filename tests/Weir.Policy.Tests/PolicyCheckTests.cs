// SPDX-License-Identifier: Apache-2.0
using Weir.Net;
using Xunit;

namespace Weir.Policy.Tests;

/// <summary>What is said of policy that reaches nobody.</summary>
public sealed class PolicyCheckTests
{
    private static readonly HostFacts _host = new()
    {
        Endpoints =
        [
            Peers.Container("role=web", "io.kubernetes.pod.namespace=shop"),
            Peers.Container("role=api", "unspec:odd=1").WithPorts(("http", 80, IpProtocol.Tcp)),
        ],
        TakesLabel = key => key != "maintainer",
        Inside = [(IpPrefix.Parse("10.210.0.0/24"), "network app"), (IpPrefix.Parse("198.51.100.1/32"), "this host")],
    };

    [Theory]
    [InlineData("{matchLabels: {role: web}}", null)]
    [InlineData("{matchLabels: {'k8s:role': web}}", null)]
    [InlineData("{matchLabels: {'node:role': web}}", "labels of nodes are nobody's")]
    [InlineData("{matchLabels: {'reserved:host': ''}}", "only containers are under policy")]
    [InlineData("{matchLabels: {'reserved:init': ''}}", null)]
    [InlineData("{matchLabels: {'cidr:10.0.0.0/8': ''}}", "write a CIDR")]
    [InlineData("{matchLabels: {'unspec:role': web}}", "names no source of labels")]
    [InlineData("{matchLabels: {'io.kubernetes.pod.namespace': x}}", "only Kubernetes gives")]
    [InlineData("{matchExpressions: [{key: io.cilium.k8s.policy.cluster, operator: Exists}]}", "only Kubernetes gives")]
    [InlineData("{matchExpressions: [{key: io.cilium.k8s.policy.cluster, operator: DoesNotExist}]}", null)]
    [InlineData("{matchLabels: {role: web}, matchExpressions: [{key: role, operator: NotIn, values: [web]}]}", "exclude one another")]
    [InlineData("{matchExpressions: [{key: role, operator: Exists}, {key: role, operator: DoesNotExist}]}", "exclude one another")]
    [InlineData("{matchExpressions: [{key: role, operator: In, values: [a, b]}, {key: role, operator: In, values: [b, c]}]}", null)]
    public void Subject_ThatNoContainerCanBe(string selector, string? expected)
    {
        var warnings = Warnings($"- endpointSelector: {selector}\n  ingress: [{{}}]\n", HostFacts.Unknown);
        Expect(expected, warnings);
        // As a peer, source cidr and reserved labels have a meaning.
        if (expected is null or "names no source of labels" or "only Kubernetes gives" or "exclude one another" or "labels of nodes are nobody's")
        {
            Expect(expected, Warnings($"- endpointSelector: {{}}\n  egressDeny: [{{toEndpoints: [{selector}]}}]\n", HostFacts.Unknown));
        }
    }

    [Theory]
    [InlineData("fromEntities: [host, world, all, cluster, init, world-ipv4, world-ipv6, none]", null)]
    [InlineData("fromEntities: [kube-apiserver]", "entity kube-apiserver matches nobody")]
    [InlineData("fromEntities: [remote-node]", "entity remote-node")]
    [InlineData("fromEntities: [ingress]", "entity ingress")]
    [InlineData("fromEntities: [health]", "entity health")]
    [InlineData("fromEntities: [unmanaged]", "entity unmanaged")]
    [InlineData("fromEndpoints: [{matchLabels: {'reserved:kube-apiserver': ''}}]", "nobody is reserved:kube-apiserver")]
    [InlineData("fromEndpoints: [{matchLabels: {'reserved:world': ''}}]", null)]
    [InlineData("fromCIDRSet: [{cidr: 10.0.0.0/8, except: [10.0.0.0/9, 10.128.0.0/10, 10.192.0.0/10]}]", "leave nothing")]
    [InlineData("fromCIDRSet: [{cidr: 10.0.0.0/8, except: [10.0.0.0/9, 10.128.0.0/10]}]", null)]
    [InlineData("fromCIDRSet: [{cidr: '2000::/3', except: ['2000::/4', '3000::/4']}]", "leave nothing")]
    public void Peer_ThatNobodyCanBe_AlsoOfDenyRules(string peer, string? expected)
    {
        Expect(expected, Warnings($"- endpointSelector: {{}}\n  ingress: [{{{peer}}}]\n", HostFacts.Unknown));
        Expect(expected, Warnings($"- endpointSelector: {{}}\n  ingressDeny: [{{{peer}}}]\n", HostFacts.Unknown));
    }

    [Theory]
    [InlineData("cidr: 10.0.0.0/8", "covers addresses of network app (10.210.0.0/24)")]
    [InlineData("cidr: 10.210.0.128/25", "matches nobody: all of it is network app")]
    [InlineData("cidr: 198.51.100.1/32", "matches nobody: all of it is this host")]
    [InlineData("cidr: 0.0.0.0/0", "is the world and not network app (10.210.0.0/24), this host (198.51.100.1/32)")]
    [InlineData("cidr: 0.0.0.0/0, except: [10.0.0.0/8, 198.51.100.0/24]", null)]
    [InlineData("cidr: 172.16.0.0/12", null)]
    [InlineData("cidr: '::/0'", null)]
    public void Cidr_ThatCoversWhomItDoesNotMean(string cidr, string? expected)
    {
        Expect(expected, Warnings($"- endpointSelector: {{}}\n  egress: [{{toCIDRSet: [{{{cidr}}}]}}]\n", _host));
        Assert.Empty(Warnings($"- endpointSelector: {{}}\n  egress: [{{toCIDRSet: [{{{cidr}}}]}}]\n", HostFacts.Unknown));
    }

    [Fact]
    public void Namespace_MatchesNobody_UnlessAContainerIsInIt()
    {
        string Text(string name) => $"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: a, namespace: {name}}}\nspec: {{podSelector: {{}}, ingress: [{{from: [{{podSelector: {{}}}}]}}]}}\n";
        Expect("about namespace shop", Warnings(Text("shop"), HostFacts.Unknown));
        Assert.Empty(Warnings(Text("shop"), _host));
        Expect("about namespace blog", Warnings(Text("blog"), _host));
    }

    [Fact]
    public void WhatTheHostTells_OfLabelsAndPorts()
    {
        Expect("kept out of identities", Warnings("- endpointSelector: {matchLabels: {maintainer: me}}\n  ingress: [{}]\n", _host));
        Assert.Empty(Warnings("- endpointSelector: {matchLabels: {'unspec:odd': '1'}}\n  ingress: [{}]\n", _host));
        Assert.Equal(
            ["rule test selects no container now (role=db)", "ingress: nobody is role=cache now", "ingress: no container names a port dns now; the label weir.port.dns=NUMBER does"],
            Problems("- endpointSelector: {matchLabels: {role: db}}\n  ingress: [{fromEndpoints: [{matchLabels: {role: cache}}, {matchLabels: {role: web}}], toPorts: [{ports: [{port: dns}, {port: http}]}]}]\n", _host)
                .Where(problem => problem.Severity == Severity.Notice).Select(problem => problem.Message));
    }

    [Theory]
    [InlineData("k8s:app", "\"k8s:\" names no source")]
    [InlineData("app", null)]
    [InlineData("my:app", null)]
    public void KeyWithASource_InANetworkPolicy(string key, string? expected) => Expect(expected, Warnings(
        $"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: a}}\nspec: {{podSelector: {{matchLabels: {{'{key}': x}}}}, ingress: [{{}}]}}\n", HostFacts.Unknown));

    [Theory]
    [InlineData("toCIDR: [10.0.0.0/8]", "IPv6", "of the other family")]
    [InlineData("toEntities: [world-ipv6]", "IPv4", "of the other family")]
    [InlineData("toCIDR: [10.0.0.0/8]", "IPv4", null)]
    [InlineData("toEntities: [world]", "IPv6", null)]
    public void IcmpOfTheOtherFamily(string peer, string family, string? expected) =>
        Expect(expected, Warnings($"- endpointSelector: {{}}\n  egress: [{{{peer}, icmps: [{{fields: [{{family: {family}, type: 8}}]}}]}}]\n", HostFacts.Unknown));

    [Fact]
    public void RuleWithoutEffect_IsWarnedOf() =>
        Expect("has no effect", Warnings("- endpointSelector: {}\n  enableDefaultDeny: {ingress: false}\n  ingress: [{}]\n", HostFacts.Unknown));

    private static void Expect(string? expected, IReadOnlyList<string> warnings)
    {
        if (expected is null)
        {
            Assert.Empty(warnings);
        }
        else
        {
            Assert.Contains(expected, Assert.Single(warnings), StringComparison.Ordinal);
        }
    }

    private static string[] Warnings(string text, HostFacts facts) => [.. Problems(text, facts).Where(problem => problem.IsWarning).Select(problem => problem.Message)];

    private static IReadOnlyList<Problem> Problems(string text, HostFacts facts)
    {
        var result = Policies.Read(text);
        Assert.Empty(result.Problems);
        return PolicyCheck.Find(Assert.Single(result.Documents), facts);
    }
}
