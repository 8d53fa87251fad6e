// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>The main job: labels decide who reaches whom, and every denial can be explained.</summary>
[Collection(SharedHost.Name)]
public sealed class PolicyTests : IDisposable
{
    private const string WebToApi = """
        apiVersion: cilium.io/v2
        kind: CiliumNetworkPolicy
        metadata:
          name: web-to-api
        spec:
          endpointSelector:
            matchLabels:
              role: api
          ingress:
            - fromEndpoints:
                - matchLabels:
                    role: web
              toPorts:
                - ports:
                    - port: "80"
                      protocol: TCP
        """;

    private readonly DockerHost _host;
    private readonly string _network;
    private readonly string _web;
    private readonly string _api;
    private readonly string _other;

    public PolicyTests(DockerHost host)
    {
        _host = host;
        _network = host.MakeNetwork();
        _web = host.RunClient("web", _network, "-l", "app=shop", "-l", "role=web");
        _api = host.RunServer("api", _network, "-l", "app=shop", "-l", "role=api");
        _other = host.RunClient("other", _network, "-l", "app=blog");
    }

    public void Dispose()
    {
        _host.DeletePolicies();
        _host.Remove(_web, _api, _other);
        _host.Docker("network", "rm", _network);
    }

    [PrivilegedFact]
    public void WithoutPolicy_ContainersReachOneAnother_ByNameAndBothFamilies()
    {
        _host.MustReach(_web, _api);
        _host.MustReach(_other, _host.AddressOf(_api, _network));
        _host.MustReach(_other, _host.AddressOf(_api, _network, v6: true));
        Assert.True(_host.Exec(_web, "ping", "-c1", "-W2", _api).Succeeded);
        Assert.True(_host.Exec(_web, "ping", "-6", "-c1", "-W2", _host.AddressOf(_api, _network, v6: true)).Succeeded);
    }

    [PrivilegedFact]
    public void Policy_AllowsByLabel_AndDeniesTheRest_OnBothFamilies()
    {
        _host.Apply("policy.yaml", WebToApi);
        foreach (string target in new[] { _api, _host.AddressOf(_api, _network), _host.AddressOf(_api, _network, v6: true) })
        {
            _host.MustReach(_web, target);
            _host.MustNotReach(_other, target);
        }

        // Another port of the same server, and ping, are not in the rule.
        Assert.False(_host.Exec(_web, "timeout", "1", "nc", _api, "9000").Succeeded);
        Assert.False(_host.Exec(_web, "ping", "-c1", "-W1", _api).Succeeded);
        // What the policy does not select stays as it was.
        Assert.True(_host.Exec(_api, "ping", "-c1", "-W2", _web).Succeeded);
    }

    [PrivilegedFact]
    public void Monitor_ShowsADrop_WithBothEnds_DirectionReasonAndMissingRule()
    {
        _host.Apply("policy.yaml", WebToApi);
        using BackgroundCommand monitor = _host.Sandbox.Start(Sandbox.Weir, "monitor", "--type", "drop");
        // It listens when it does: what was dropped before that is not told.
        Wait.Until(
            () =>
            {
                _host.MustNotReach(_other, _api);
                return monitor.Output.Contains("80/tcp", StringComparison.Ordinal);
            },
            20,
            () => $"no drop is told, but:\n{monitor.Output}");
        string line = monitor.Output.Split('\n').First(l => l.Contains("80/tcp", StringComparison.Ordinal));
        Assert.Contains(_other, line, StringComparison.Ordinal);
        Assert.Contains(_api, line, StringComparison.Ordinal);
        Assert.Contains("ingress", line, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("policy denied", line, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("policy.yaml:1", monitor.Output, StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void Explain_NamesTheRuleByFileAndLine_AndTheNearestOneForADenial()
    {
        _host.Apply("policy.yaml", WebToApi);
        CommandResult allowed = _host.Weir("policy", "explain", "--from", "role=web", "--to", "role=api", "--port", "80/tcp");
        Assert.Contains("policy.yaml:", allowed.Output, StringComparison.Ordinal);
        Assert.Contains("allow", allowed.Output, StringComparison.OrdinalIgnoreCase);
        CommandResult denied = _host.Weir("policy", "explain", "--from", "app=blog", "--to", "role=api", "--port", "80/tcp");
        Assert.Contains("denied", denied.Output, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("policy.yaml:", denied.Output, StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void DryRun_TellsWhatWouldChange_AndChangesNothing()
    {
        CommandResult result = _host.TryApply("policy.yaml", WebToApi, "--dry-run");
        Assert.True(result.Succeeded, result.All);
        Assert.Contains(_other, result.Output, StringComparison.Ordinal);
        Assert.Contains(_api, result.Output, StringComparison.Ordinal);
        _host.MustReach(_other, _api);
        Assert.DoesNotContain("web-to-api", _host.Weir("policy", "get").Output, StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void ApplyingTwice_ChangesNothing()
    {
        _host.Apply("policy.yaml", WebToApi);
        string before = _host.Weir("policy", "get", "-o", "json").Output;
        _host.Apply("policy.yaml", WebToApi);
        Assert.Equal(before, _host.Weir("policy", "get", "-o", "json").Output);
        _host.MustReach(_web, _api);
    }

    [PrivilegedFact]
    public void FirstPacketOfANewContainer_IsJudgedByItsLabels()
    {
        _host.Apply("policy.yaml", WebToApi);
        string address = _host.AddressOf(_api, _network);

        // busybox's timeout becomes the command it guards, and no signal ends a first process.
        string[] fetch = ["sh", "-c", $"timeout 1 wget -qO- http://{address}/; exit $?"];
        CommandResult first = _host.TryDocker(
            ["run", "--rm", "--network", _network, "-l", "role=web", "weir-busybox", .. fetch]);
        Assert.True(first.Succeeded, first.All);
        CommandResult denied = _host.TryDocker(
            ["run", "--rm", "--network", _network, "-l", "role=batch", "weir-busybox", .. fetch]);
        Assert.False(denied.Succeeded);
    }
}
