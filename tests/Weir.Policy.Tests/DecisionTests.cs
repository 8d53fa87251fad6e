// SPDX-License-Identifier: Apache-2.0
using Weir.Net;
using Xunit;

namespace Weir.Policy.Tests;

/// <summary>What rules mean, sentence by sentence of the policy language.</summary>
public sealed class DecisionTests
{
    private static readonly PolicyPeer _web = Peers.Container("app=shop", "role=web");
    private static readonly PolicyPeer _api = Peers.Container("app=shop", "role=api");
    private static readonly PolicyPeer _other = Peers.Container("app=blog");

    [Fact]
    public void AllowRule_LetsItsPeerAndPortPass_NothingElse()
    {
        var engine = Policies.Engine(
            """
            - endpointSelector: {matchLabels: {role: api}}
              ingress:
                - fromEndpoints: [{matchLabels: {role: web}}]
                  toPorts: [{ports: [{port: "80", protocol: TCP}]}]
            """);
        Assert.False(engine.In(_api, _other, 80));
        Assert.False(engine.In(_api, _web, 81));
        Assert.False(engine.In(_api, _web, 80, IpProtocol.Udp));
        Assert.False(engine.In(_api, _web, 0x0800, IpProtocol.Icmp));
        Assert.False(engine.In(_api, _web, 0, IpProtocol.Gre));
        Assert.False(engine.In(_api, PolicyPeer.Unknown, 80));
        Assert.False(engine.In(_api, Peers.World4, 80));
        Assert.False(engine.In(_api, Peers.Host, 80));
        Assert.True(engine.In(_api, _web, 80));
        Assert.Equal(new Decision(true, true, false, 1), engine.Decide(_api, _web, PolicyDirection.Ingress, IpProtocol.Tcp, 80));

        // Other endpoints and the other direction are not under policy.
        Assert.Equal(Decision.NotEnforced, engine.Decide(_web, _other, PolicyDirection.Ingress, IpProtocol.Tcp, 80));
        Assert.Equal(Decision.NotEnforced, engine.Decide(_api, _other, PolicyDirection.Egress, IpProtocol.Tcp, 80));
    }

    [Theory]
    [InlineData("ingress: [{}]", false, false)]
    [InlineData("ingress: [{fromEndpoints: []}]", false, false)]
    [InlineData("ingress: [{fromEntities: [none]}]", false, false)]
    [InlineData("ingress: [{fromEndpoints: [], toPorts: [{ports: [{port: '80'}]}]}]", false, false)]
    [InlineData("ingress: [{toPorts: [{ports: [{port: '80'}]}]}]", true, true)]
    [InlineData("ingress: [{fromEndpoints: [{}]}]", true, true)]
    [InlineData("ingress: [{fromEntities: [all]}]", true, true)]
    [InlineData("ingress: [{fromEntities: [cluster]}]", true, false)]
    [InlineData("ingress: [{fromEntities: [world]}]", false, true)]
    public void PlainRule_PeersOfAnEntry(string section, bool endpoint, bool world)
    {
        var engine = Policies.Engine($"- endpointSelector: {{}}\n  {section}\n");
        Assert.Equal(endpoint, engine.In(_api, _web, 80));
        Assert.Equal(world, engine.In(_api, Peers.World4, 80));
        Assert.Equal(world, engine.In(_api, Peers.World6, 80));
        Assert.Equal(world, engine.In(_api, Peers.Cidr("10.0.0.0/8"), 80));
    }

    [Fact]
    public void Deny_WinsAtAnyBreadth()
    {
        var engine = Policies.Engine(
            """
            - endpointSelector: {}
              egress:
                - toCIDR: [10.1.2.3/32]
                - toEntities: [world]
                  toPorts: [{ports: [{port: "80"}]}]
              egressDeny:
                - toCIDR: [10.0.0.0/8]
                - toEntities: [world]
                  toPorts: [{ports: [{port: "1", endPort: 1024, protocol: TCP}]}]
            """);
        var decision = engine.Decide(_web, Peers.Cidr("10.1.2.3/32"), PolicyDirection.Egress, IpProtocol.Tcp, 8080);
        Assert.Equal(new Decision(false, true, true, 1), decision);
        Assert.False(engine.Out(_web, Peers.World4, 80));
        Assert.True(engine.Out(_web, Peers.World4, 80, IpProtocol.Udp));
        Assert.False(engine.Out(_web, Peers.World4, 1025));
    }

    [Fact]
    public void CidrSet_ExceptionsAndWorld()
    {
        var engine = Policies.Engine(
            """
            - endpointSelector: {}
              egress:
                - toCIDRSet: [{cidr: 0.0.0.0/0, except: [10.0.0.0/8]}]
                - toCIDR: ["2001:db8::1"]
            """);
        Assert.False(engine.Out(_web, Peers.Cidr("10.0.0.0/8"), 1));
        Assert.False(engine.Out(_web, Peers.Cidr("10.1.0.0/16"), 1));
        Assert.False(engine.Out(_web, Peers.World6, 1));
        Assert.False(engine.Out(_web, Peers.Host, 1));
        Assert.False(engine.Out(_web, _api, 1));
        Assert.False(engine.Out(_web, Peers.Cidr("2001:db8::/64"), 1));
        Assert.True(engine.Out(_web, Peers.World4, 1));
        Assert.True(engine.Out(_web, Peers.Cidr("11.0.0.0/8"), 1));
        Assert.True(engine.Out(_web, Peers.Cidr("2001:db8::1/128"), 1));
        Assert.Equal(["10.0.0.0/8", "2001:db8::1/128"], engine.Set.CidrPrefixes.Order().Select(prefix => prefix.ToString()));
    }

    [Fact]
    public void Entities_MeanTheirIdentities()
    {
        var engine = Policies.Engine("- endpointSelector: {}\n  ingress: [{fromEntities: [host, world-ipv6]}]\n");
        Assert.True(engine.In(_api, Peers.Host, 1));
        Assert.True(engine.In(_api, Peers.World6, 1));
        Assert.True(engine.In(_api, Peers.Cidr("fd00::/8"), 1));
        Assert.False(engine.In(_api, Peers.World4, 1));
        Assert.False(engine.In(_api, Peers.Cidr("10.0.0.0/8"), 1));
        Assert.False(engine.In(_api, PolicyPeer.ForReserved(Identity.RemoteNode), 1));
        Assert.False(engine.In(_api, _web, 1));
    }

    [Fact]
    public void ReservedLabels_CanBeSelected()
    {
        var engine = Policies.Engine(
            """
            apiVersion: cilium.io/v2
            kind: CiliumNetworkPolicy
            metadata: {name: reserved}
            spec:
              endpointSelector: {}
              ingress: [{fromEndpoints: [{matchLabels: {"reserved:host": ""}}, {matchLabels: {"reserved:world": ""}}]}]
            """);
        Assert.True(engine.In(_api, Peers.Host, 1));
        Assert.True(engine.In(_api, Peers.World4, 1));
        Assert.True(engine.In(_api, Peers.Cidr("10.0.0.0/8"), 1));
        Assert.False(engine.In(_api, _web, 1));
        Assert.False(engine.In(_api, Peers.Init, 1));
    }

    [Fact]
    public void Object_EmptySelector_IsEveryEndpointAndNothingElse()
    {
        var engine = Policies.Engine(
            """
            apiVersion: cilium.io/v2
            kind: CiliumClusterwideNetworkPolicy
            metadata: {name: endpoints}
            spec: {endpointSelector: {}, ingress: [{fromEndpoints: [{}]}]}
            """);
        Assert.True(engine.In(_api, _web, 1));
        Assert.False(engine.In(_api, Peers.World4, 1));
        Assert.False(engine.In(_api, Peers.Host, 1));
        Assert.False(engine.In(_api, Peers.Init, 1));
        Assert.False(engine.In(_api, PolicyPeer.Unknown, 1));
    }

    [Fact]
    public void Object_InNamespace_SelectsByNamespaceLabel()
    {
        var engine = Policies.Engine(
            """
            apiVersion: cilium.io/v2
            kind: CiliumNetworkPolicy
            metadata: {name: a, namespace: shop}
            spec: {endpointSelector: {}, ingress: [{fromEndpoints: [{}]}]}
            """);
        var inside = Peers.Container("io.kubernetes.pod.namespace=shop");
        Assert.True(engine.In(_api, _other, 1));
        Assert.False(engine.In(inside, _other, 1));
        Assert.True(engine.In(inside, inside, 1));
    }

    [Theory]
    [InlineData("{matchLabels: {role: web}}", true)]
    [InlineData("{matchLabels: {'any:role': web}}", true)]
    [InlineData("{matchLabels: {'container:role': web}}", true)]
    [InlineData("{matchLabels: {'k8s:role': web}}", true)]
    [InlineData("{matchLabels: {role: web, app: blog}}", false)]
    [InlineData("{matchExpressions: [{key: role, operator: In, values: [api, web]}]}", true)]
    [InlineData("{matchExpressions: [{key: role, operator: NotIn, values: [api]}]}", true)]
    [InlineData("{matchExpressions: [{key: role, operator: NotIn, values: [web]}]}", false)]
    [InlineData("{matchExpressions: [{key: missing, operator: NotIn, values: [x]}]}", true)]
    [InlineData("{matchExpressions: [{key: role, operator: Exists}, {key: zone, operator: DoesNotExist}]}", true)]
    [InlineData("{matchExpressions: [{key: 'k8s:role', operator: DoesNotExist}]}", false)]
    [InlineData("{matchLabels: {Role: web}}", false)]
    public void Selectors(string selector, bool expected)
    {
        var engine = Policies.Engine($"- endpointSelector: {{}}\n  ingress: [{{fromEndpoints: [{selector}]}}]\n");
        Assert.Equal(expected, engine.In(_api, _web, 1));
    }

    [Fact]
    public void NegativeSelector_DoesNotReachUnknownIdentity()
    {
        var engine = Policies.Engine("- endpointSelector: {}\n  ingress: [{fromEndpoints: [{matchExpressions: [{key: a, operator: DoesNotExist}]}]}]\n");
        Assert.False(engine.In(_api, PolicyPeer.Unknown, 1));
        Assert.True(engine.In(_api, _web, 1));
    }

    [Theory]
    [InlineData("{port: '80'}", IpProtocol.Udp, 80, true)]
    [InlineData("{port: '80', protocol: ANY}", IpProtocol.Sctp, 80, true)]
    [InlineData("{port: '0', protocol: ANY}", IpProtocol.Icmp, 0x0800, false)]
    [InlineData("{port: '0', protocol: UDP}", IpProtocol.Udp, 65535, true)]
    [InlineData("{port: '0', protocol: UDP}", IpProtocol.Tcp, 65535, false)]
    [InlineData("{port: 80, endPort: 90}", IpProtocol.Tcp, 90, true)]
    [InlineData("{port: 80, endPort: 90}", IpProtocol.Tcp, 91, false)]
    [InlineData("{port: '1', endPort: 65535}", IpProtocol.Tcp, 0, false)]
    [InlineData("{port: http}", IpProtocol.Tcp, 8080, true)]
    [InlineData("{port: HTTP, protocol: TCP}", IpProtocol.Tcp, 8080, true)]
    [InlineData("{port: http, protocol: UDP}", IpProtocol.Udp, 8080, false)]
    [InlineData("{port: nobody}", IpProtocol.Tcp, 8080, false)]
    public void Ports(string port, IpProtocol protocol, ushort number, bool expected)
    {
        var named = _api.WithPorts(("http", 8080, IpProtocol.Tcp));
        var engine = Policies.Engine(
            $"- endpointSelector: {{}}\n  ingress: [{{toPorts: [{{ports: [{port}]}}]}}]\n  egress: [{{toPorts: [{{ports: [{port}]}}]}}]\n");
        Assert.Equal(expected, engine.In(named, _web, number, protocol));
        Assert.Equal(expected, engine.Out(_web, named, number, protocol));
    }

    [Fact]
    public void Icmps_SelectTypes_WithEveryCode()
    {
        var engine = Policies.Engine(
            """
            - endpointSelector: {}
              ingress: [{icmps: [{fields: [{type: 8}, {family: IPv6, type: EchoRequest}]}]}]
            """);
        Assert.True(engine.In(_api, _web, 0x0800, IpProtocol.Icmp));
        Assert.True(engine.In(_api, _web, 0x0805, IpProtocol.Icmp));
        Assert.True(engine.In(_api, _web, 0x8000, IpProtocol.Icmpv6));
        Assert.False(engine.In(_api, _web, 0x0000, IpProtocol.Icmp));
        Assert.False(engine.In(_api, _web, 0x0800, IpProtocol.Icmpv6));
        Assert.False(engine.In(_api, _web, 0x0800, IpProtocol.Tcp));
    }

    [Fact]
    public void PathMtuMessages_AlwaysPass()
    {
        var engine = Policies.Engine("- endpointSelector: {}\n  ingressDeny: [{fromEntities: [all]}]\n");
        Assert.True(engine.In(_api, Peers.World4, 0x0304, IpProtocol.Icmp));
        Assert.True(engine.In(_api, Peers.World6, 0x0200, IpProtocol.Icmpv6));
        Assert.False(engine.In(_api, Peers.World4, 0x0303, IpProtocol.Icmp));
        Assert.False(engine.In(_api, Peers.World4, 0x0200, IpProtocol.Icmp));
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("enableDefaultDeny: {ingress: true}", false)]
    [InlineData("enableDefaultDeny: {egress: false}", false)]
    [InlineData("enableDefaultDeny: {ingress: false}", true)]
    public void EnableDefaultDeny(string field, bool others)
    {
        var engine = Policies.Engine($"- endpointSelector: {{}}\n  {field}\n  ingress: [{{fromEntities: [host]}}]\n  ingressDeny: [{{fromEntities: [world]}}]\n");
        Assert.Equal(others, engine.In(_api, _web, 1));
        Assert.True(engine.In(_api, Peers.Host, 1));
        Assert.False(engine.In(_api, Peers.World4, 1));
        Assert.True(engine.Out(_api, _web, 1));
    }

    [Fact]
    public void Modes()
    {
        const string Rule = "- endpointSelector: {matchLabels: {role: api}}\n  ingress: [{fromEntities: [host]}]\n  ingressDeny: [{fromEntities: [world]}]\n";
        Assert.False(Policies.Engine(Rule, EnforcementMode.Always).In(_web, _api, 1));
        Assert.False(Policies.Engine(Rule, EnforcementMode.Always).Out(_api, _web, 1));
        Assert.True(Policies.Engine(Rule, EnforcementMode.Always).In(_api, Peers.Host, 1));
        Assert.True(Policies.Engine(Rule, EnforcementMode.Never).In(_api, Peers.World4, 1));
        Assert.True(Policies.Engine(Rule, EnforcementMode.Default).In(_web, _api, 1));
    }

    [Theory]
    [InlineData(EnforcementMode.Default)]
    [InlineData(EnforcementMode.Always)]
    [InlineData(EnforcementMode.Never)]
    public void InitEndpoint_IsAlwaysEnforced(EnforcementMode mode)
    {
        var engine = Policies.Engine("- endpointSelector: {matchLabels: {'reserved:init': ''}}\n  egress: [{toEntities: [host]}]\n", mode);
        Assert.False(engine.In(Peers.Init, _web, 1));
        Assert.False(engine.Out(Peers.Init, _web, 1));
        Assert.True(engine.Out(Peers.Init, Peers.Host, 1));
    }

    [Fact]
    public void HostAndWorld_AreNotJudgedThemselves()
    {
        var engine = new PolicyEngine(PolicySet.Empty, EnforcementMode.Always);
        Assert.True(engine.Out(Peers.Host, _web, 1));
        Assert.True(engine.Out(Peers.World4, _web, 1));
        Assert.False(engine.In(_web, Peers.Host, 1));
    }

    [Theory]
    [InlineData("ingress: [{}]", true, true, true, true)]
    [InlineData("ingress: []", false, false, true, true)]
    [InlineData("{}", false, false, true, true)]
    [InlineData("policyTypes: [Egress]", true, true, false, false)]
    [InlineData("policyTypes: [Ingress, Egress]\n  ingress: [{from: [], ports: []}]\n  egress: [{}]", true, true, true, true)]
    [InlineData("egress: [{to: [{podSelector: {}}]}]", false, false, true, false)]
    [InlineData("policyTypes: [Ingress]\n  egress: [{to: [{podSelector: {}}]}]", false, false, true, true)]
    [InlineData("ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]", false, true, true, true)]
    [InlineData("ingress: [{from: [{namespaceSelector: {}}]}]", true, false, true, true)]
    [InlineData("ingress: [{ports: [{port: 443}]}]", false, false, true, true)]
    [InlineData("ingress: [{ports: [{}]}]", true, true, true, true)]
    public void KubernetesPolicy(string spec, bool fromEndpoint, bool fromWorld, bool toEndpoint, bool toWorld)
    {
        spec = spec == "{}" ? "" : spec;
        var engine = Policies.Engine($"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: k}}\nspec:\n  podSelector: {{}}\n  {spec}\n");
        Assert.Equal(fromEndpoint, engine.In(_api, _web, 80));
        Assert.Equal(fromWorld, engine.In(_api, Peers.World4, 80));
        Assert.Equal(toEndpoint, engine.Out(_api, _web, 80));
        Assert.Equal(toWorld, engine.Out(_api, Peers.World4, 80));
    }
}
