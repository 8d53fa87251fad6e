// SPDX-License-Identifier: Apache-2.0
using Weir.Net;
using Xunit;

namespace Weir.Policy.Tests;

public sealed class ExplainTests
{
    private const string Policy =
        """
        apiVersion: cilium.io/v2
        kind: CiliumNetworkPolicy
        metadata: {name: web-to-api}
        spec:
          endpointSelector: {matchLabels: {role: api}}
          ingress:
            - fromEndpoints: [{matchLabels: {role: web}}]
              toPorts: [{ports: [{port: "80", protocol: TCP}]}]
        """;

    private static readonly PolicyPeer _web = Peers.Container("role=web");
    private static readonly PolicyPeer _api = Peers.Container("role=api");
    private static readonly PolicyPeer _other = Peers.Container("app=blog");

    [Fact]
    public void Allowed_NamesTheRuleAndItsEntry()
    {
        var explanation = Policies.Engine(Policy).Explain(_web, _api, IpProtocol.Tcp, 80);
        Assert.True(explanation.Allowed);
        Assert.Equal("web-to-api", explanation.Ingress.Rule!.Name);
        Assert.Equal(7, explanation.Ingress.Entry!.Location.Line);
        Assert.Equal("ingress: allowed by rule web-to-api at test.yaml:7", explanation.Ingress.Text);
        Assert.Equal("egress: allowed, no rule puts egress of this endpoint under policy", explanation.Egress.Text);
    }

    [Theory]
    [InlineData(true, 81, IpProtocol.Tcp, MissingParts.Port, "it allows 80/tcp, not 81/tcp")]
    [InlineData(true, 80, IpProtocol.Udp, MissingParts.Protocol, "it allows 80/tcp, not 80/udp")]
    [InlineData(false, 80, IpProtocol.Tcp, MissingParts.Peer, "it allows from role=web, not from container:app=blog")]
    [InlineData(false, 81, IpProtocol.Tcp, MissingParts.Peer | MissingParts.Port, "it allows from role=web, not from container:app=blog; it allows 80/tcp, not 81/tcp")]
    public void Denied_NamesTheNearestRule(bool fromWeb, ushort port, IpProtocol protocol, MissingParts missing, string text)
    {
        var explanation = Policies.Engine(Policy).Explain(fromWeb ? _web : _other, _api, protocol, port);
        Assert.False(explanation.Allowed);
        Assert.Null(explanation.Ingress.Rule);
        Assert.Equal(missing, explanation.Ingress.Nearest!.Missing);
        Assert.Equal(text, explanation.Ingress.Nearest.Text);
        Assert.Contains("nearest is web-to-api at test.yaml:7", explanation.Ingress.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Denied_RuleForOthers_IsNamed()
    {
        var explanation = Policies.Engine(Policy, EnforcementMode.Always).Explain(_web, _other, IpProtocol.Tcp, 80);
        Assert.Equal(MissingParts.Subject, explanation.Ingress.Nearest!.Missing);
        Assert.Equal("it is about role=api, not container:app=blog", explanation.Ingress.Nearest.Text);
    }

    [Fact]
    public void HostDenied_NamesTheEntryThatLetsItIn()
    {
        var engine = Policies.Engine("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: {podSelector: {}, policyTypes: [Ingress, Egress]}\n");
        Assert.EndsWith("; fromEntities: [host] in a Cilium rule allows this host", engine.Explain(Peers.Host, _api, IpProtocol.Tcp, 80).Ingress.Text, StringComparison.Ordinal);
        Assert.EndsWith("; toEntities: [host] in a Cilium rule allows this host", engine.Explain(_api, Peers.Host, IpProtocol.Tcp, 80).Egress.Text, StringComparison.Ordinal);
        Assert.EndsWith("no rule allows it", engine.Explain(_web, _api, IpProtocol.Tcp, 80).Ingress.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void DeniedByRule_NamesIt()
    {
        var engine = Policies.Engine("- endpointSelector: {}\n  egressDeny: [{toEntities: [world]}]\n");
        var explanation = engine.Explain(_web, Peers.World4, IpProtocol.Tcp, 80);
        Assert.Equal("egress: denied by rule test at test.yaml:2", explanation.Egress.Text);
        Assert.Null(explanation.Egress.Nearest);
        Assert.Equal("ingress: reserved:world-ipv4 is no endpoint and not under policy", explanation.Ingress.Text);
    }

    [Fact]
    public void Diff_SaysWhatChanges()
    {
        var before = new PolicyEngine(PolicySet.Empty, EnforcementMode.Default);
        NamedPeer[] endpoints = [new("web", _web), new("api", _api)];
        Assert.Equal(
            [
                "web → api icmp every type: allowed → denied",
                "web → api 0-79/tcp: allowed → denied",
                "web → api 81-65535/tcp: allowed → denied",
                "web → api every port/udp: allowed → denied",
                "web → api icmpv6 every type: allowed → denied",
                "web → api every port/sctp: allowed → denied",
                "web → api other protocols: allowed → denied",
                "reserved:world-ipv4 → api everything: allowed → denied",
            ],
            PolicyDiff.Compare(before, Policies.Engine(Policy), endpoints, [Peers.World4]).Select(change => change.ToString()));
    }
}
