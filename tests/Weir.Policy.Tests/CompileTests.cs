// SPDX-License-Identifier: Apache-2.0
using Weir.Net;
using Xunit;

namespace Weir.Policy.Tests;

public sealed class CompileTests
{
    private static readonly PolicyPeer _web = Peers.Container("role=web");
    private static readonly PolicyPeer _api = Peers.Container("role=api");

    [Fact]
    public void NotEnforced_IsOneEntryForEachDirection()
    {
        var engine = new PolicyEngine(PolicySet.Empty, EnforcementMode.Default);
        Assert.Equal(
            [
                new PolicyMapEntry(0, PolicyDirection.Ingress, null, 0, 0, true, 0),
                new PolicyMapEntry(0, PolicyDirection.Egress, null, 0, 0, true, 0),
            ],
            engine.Compile(_api, [_web, _api]));
    }

    [Fact]
    public void AllowRule_IsOneEntryForItsPeer()
    {
        var engine = Policies.Engine(
            """
            - endpointSelector: {matchLabels: {role: api}}
              ingress: [{fromEndpoints: [{matchLabels: {role: web}}], toPorts: [{ports: [{port: "80", protocol: TCP}]}]}]
            """);
        Assert.Equal(
            [
                new PolicyMapEntry(0, PolicyDirection.Ingress, (byte)IpProtocol.Icmp, 0x0304, 16, true, 0),
                new PolicyMapEntry(0, PolicyDirection.Ingress, (byte)IpProtocol.Icmpv6, 0x0200, 8, true, 0),
                new PolicyMapEntry(_web.Identity.Value, PolicyDirection.Ingress, (byte)IpProtocol.Tcp, 80, 16, true, 1),
                new PolicyMapEntry(0, PolicyDirection.Egress, null, 0, 0, true, 0),
            ],
            engine.Compile(_api, [_web, _api]).OrderBy(entry => entry.Direction).ThenBy(entry => entry.Identity));
    }

    [Fact]
    public void DenyInsideAllow_IsTwoEntries()
    {
        var engine = Policies.Engine(
            """
            - endpointSelector: {}
              egress: [{toEntities: [all]}]
            - endpointSelector: {}
              egressDeny: [{toPorts: [{ports: [{port: "22", protocol: TCP}]}]}]
            """);
        Assert.Equal(
            [
                new PolicyMapEntry(0, PolicyDirection.Egress, null, 0, 0, true, 1),
                new PolicyMapEntry(0, PolicyDirection.Egress, (byte)IpProtocol.Tcp, 22, 16, false, 2),
            ],
            engine.Compile(_api, [_web, _api]).Where(entry => entry.Direction == PolicyDirection.Egress));
    }

    [Fact]
    public void PortRange_IsSplitIntoPrefixes()
    {
        var engine = Policies.Engine("- endpointSelector: {}\n  egress: [{toPorts: [{ports: [{port: '1024', endPort: 65535, protocol: TCP}]}]}]\n");
        var entries = engine.Compile(_api, []).Where(entry => entry is { Direction: PolicyDirection.Egress, Protocol: (byte)IpProtocol.Tcp }).ToList();
        Assert.InRange(entries.Count, 1, 6);
    }

    [Fact]
    public void SharedIdentity_UnitesNamedPorts()
    {
        var engine = Policies.Engine("- endpointSelector: {}\n  egress: [{toPorts: [{ports: [{port: http}]}]}]\n");
        PolicyPeer[] peers = [_api.WithPorts(("http", 80, IpProtocol.Tcp)), _api.WithPorts(("http", 8080, IpProtocol.Tcp))];
        var lookup = new PolicyMapLookup(engine.Compile(_web, peers));
        Assert.True(lookup.Find(_api.Identity, PolicyDirection.Egress, IpProtocol.Tcp, 80).Allow);
        Assert.True(lookup.Find(_api.Identity, PolicyDirection.Egress, IpProtocol.Tcp, 8080).Allow);
        Assert.False(lookup.Find(_api.Identity, PolicyDirection.Egress, IpProtocol.Tcp, 443).Allow);
    }

    [Fact]
    public void HundredEndpoints_ThousandPeers_AreCompiledAtOnce_AsEachAlone()
    {
        var rules = string.Concat(Enumerable.Range(0, 300).Select(i =>
            $$$"""
            - endpointSelector: {matchLabels: {app: app{{{i % 100}}}}}
              ingress:
                - fromEndpoints: [{matchLabels: {app: app{{{i * 7 % 100}}}}}, {matchLabels: {role: role{{{i % 10}}}}}]
                  toPorts: [{ports: [{port: "{{{1000 + i}}}", protocol: TCP}, {port: "53"}]}]
              egress:
                - toCIDR: [10.{{{i % 250}}}.0.0/16]
                - toEndpoints: [{matchLabels: {role: role{{{(i + 1) % 10}}}}}]

            """));
        var engine = Policies.Engine(rules);
        var peers = Enumerable.Range(0, 1000).Select(i => Peers.Container($"app=app{i % 100}", $"role=role{i / 100}", $"n={i}")).ToList();
        var compiled = engine.CompileAll(peers.Take(100).ToList(), peers);
        Assert.Equal(100, compiled.Count);
        Assert.All([0, 1, 42, 99], i => Assert.Equal(engine.Compile(peers[i], peers), compiled[i]));
        Assert.All(compiled, entries => Assert.True(entries.Count > 100, $"{entries.Count} entries"));
    }
}
