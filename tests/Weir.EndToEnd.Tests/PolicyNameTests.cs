// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>Policies by kind and name, and what is said of those that reach nobody.</summary>
[Collection(SharedHost.Name)]
public sealed class PolicyNameTests : IDisposable
{
    private const string Kubernetes = """
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: default-deny}
        spec:
          podSelector: {matchLabels: {app: db}}
          policyTypes: [Ingress]
          ingress:
        """;

    private const string Cilium = """
        apiVersion: v1
        kind: List
        items:
        - apiVersion: v1
          kind: Service
          metadata: {name: db}
        - apiVersion: cilium.io/v2
          kind: CiliumNetworkPolicy
          metadata: {name: default-deny}
          spec:
            endpointSelector: {matchLabels: {"k8s:app": db}}
            ingress:
              - fromEndpoints: [{matchLabels: {"k8s:app": web}}]
        """;

    private readonly DockerHost _host;
    private readonly string _network;
    private readonly string _db;
    private readonly string _web;
    private readonly string _evil;

    public PolicyNameTests(DockerHost host)
    {
        _host = host;
        _network = host.MakeNetwork();
        _db = host.RunServer("db", _network, "-l", "app=db");
        _web = host.RunClient("web", _network, "-l", "app=web");
        _evil = host.RunClient("evil", _network, "-l", "app=evil");
    }

    public void Dispose()
    {
        _host.DeletePolicies();
        _host.Remove(_db, _web, _evil);
        _host.Docker("network", "rm", _network);
    }

    [PrivilegedFact]
    public void TwoKindsOfOneName_AreBothInForce_AlsoAfterARestart_AndAreToldApart()
    {
        _host.Apply("a.yaml", Kubernetes);
        CommandResult second = _host.TryApply("b.yaml", Cilium);
        Assert.Contains("CiliumNetworkPolicy/default-deny added", second.OrFail().Output, StringComparison.Ordinal);
        Assert.Contains("notice: kind Service is no policy", second.Error, StringComparison.Ordinal);
        MustHold();

        _host.Agent.Kill();
        _host.Agent.Start();
        MustHold();
        string list = _host.Weir("policy", "get").OrFail().Output;
        Assert.Matches(@"default-deny +CiliumNetworkPolicy +enforce +/run/b\.yaml", list);
        Assert.Matches(@"default-deny +NetworkPolicy +enforce +/run/a\.yaml", list);

        CommandResult ambiguous = _host.Weir("policy", "delete", "default-deny");
        Assert.Equal(1, ambiguous.ExitCode);
        Assert.Contains("CiliumNetworkPolicy/default-deny or NetworkPolicy/default-deny", ambiguous.Error, StringComparison.Ordinal);
        Assert.Contains("podSelector", _host.Weir("policy", "get", "NetworkPolicy/default-deny").OrFail().Output, StringComparison.Ordinal);
        Assert.Contains("by rule CiliumNetworkPolicy/default-deny at /run/b.yaml", Explain(_web).Output, StringComparison.Ordinal);
        _host.MustNotReach(_evil, _db);
        Assert.Contains("CiliumNetworkPolicy/default-deny", _host.Weir("monitor", "--type", "drop", "--last", "50", "--no-follow").OrFail().Output, StringComparison.Ordinal);

        _host.Weir("policy", "delete", "ciliumnetworkpolicy/default-deny").OrFail();
        Assert.Contains("denied", Explain(_web).Output, StringComparison.Ordinal);
        _host.MustNotReach(_web, _db);
        _host.Weir("policy", "delete", "default-deny").OrFail();
        _host.MustReach(_evil, _db);
    }

    [PrivilegedFact]
    public void WhatReachesNobody_IsSaidAtApplyAndGet_AndIsAnErrorWhereStrict()
    {
        const string Inert = """
            apiVersion: cilium.io/v2
            kind: CiliumNetworkPolicy
            metadata: {name: inert, namespace: shop}
            spec:
              endpointSelector: {}
              ingressDeny: [{fromEntities: [kube-apiserver]}]
            """;
        CommandResult strict = _host.TryApply("inert.yaml", Inert, "--strict");
        Assert.Equal(2, strict.ExitCode);
        Assert.Contains("nothing was applied", strict.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("inert", _host.Weir("policy", "get").OrFail().Output, StringComparison.Ordinal);
        CommandResult applied = _host.TryApply("inert.yaml", Inert);
        Assert.True(applied.Succeeded, applied.All);
        foreach (string text in new[] { applied.Error, _host.Weir("policy", "get").OrFail().Error, _host.Weir("policy", "get", "shop/inert").OrFail().Error })
        {
            Assert.Contains("inert.yaml:1:1: warning: the policy is about namespace shop", text, StringComparison.Ordinal);
            Assert.Contains("inert.yaml:6:17: warning: ingressDeny: entity kube-apiserver matches nobody", text, StringComparison.Ordinal);
        }

        Assert.Equal(2, _host.Sandbox.Run([Sandbox.Weir, "policy", "validate", "--strict", "-f", "/run/inert.yaml"]).ExitCode);
        Assert.Equal(0, _host.Sandbox.Run([Sandbox.Weir, "policy", "validate", "-f", "/run/inert.yaml"]).ExitCode);
    }

    [PrivilegedFact]
    public void CidrOverContainersOrTheHost_IsWarnedOf()
    {
        string range = _host.Docker("network", "inspect", "-f", "{{(index .IPAM.Config 0).Subnet}}", _network);
        string v4 = range.Contains(':', StringComparison.Ordinal) ? _host.AddressOf(_db, _network) + "/32" : range;
        CommandResult result = _host.TryApply("cidr.yaml", $"- endpointSelector: {{matchLabels: {{app: db}}}}\n  egress: [{{toCIDR: [{v4}]}}, {{toCIDR: [198.51.100.0/24]}}]\n");
        Assert.True(result.Succeeded, result.All);
        Assert.Contains($"all of it is network {_network}", result.Error, StringComparison.Ordinal);
        Assert.Contains($"covers addresses of this host ({DockerHost.HostAddress}/32)", result.Error, StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void Explain_KnowsPortsOfLabelsThatNobodyHasYet_AndItsExitCodeOnDemand()
    {
        _host.Apply("named.yaml", "- endpointSelector: {matchLabels: {app: cache}}\n  ingress: [{toPorts: [{ports: [{port: redis, protocol: TCP}]}]}]\n");
        string[] question = ["policy", "explain", "--from", "app=web", "--to", "app=cache,weir.port.redis=6379", "--port"];
        Assert.Contains("allowed by rule named", _host.Weir([.. question, "6379/tcp", "--exit-code"]).OrFail().Output, StringComparison.Ordinal);
        Assert.Equal(0, _host.Weir([.. question, "6380/tcp"]).ExitCode);
        Assert.Equal(1, _host.Weir([.. question, "6380/tcp", "--exit-code"]).ExitCode);
        CommandResult unknown = _host.Weir("policy", "explain", "--from", "maintainer=me", "--to", "app=cache", "--port", "1/tcp");
        Assert.Contains("kept out of identities", unknown.Error, StringComparison.Ordinal);
    }

    private CommandResult Explain(string from) => _host.Weir("policy", "explain", "--from", from, "--to", _db, "--port", "80/tcp").OrFail();

    private void MustHold()
    {
        _host.MustReach(_web, _db);
        _host.MustNotReach(_evil, _db);
    }
}
