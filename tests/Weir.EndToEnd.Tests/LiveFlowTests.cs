// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>Connections that live through changes of policy and of the agent.</summary>
[Collection(RestartedHost.Name)]
public sealed class LiveFlowTests : IDisposable
{
    private readonly DockerHost _host;
    private readonly string _network;
    private readonly string _client;
    private readonly string _server;

    public LiveFlowTests(DockerHost host)
    {
        _host = host;
        _network = host.MakeNetwork();
        _client = host.RunClient("client", _network, "-l", "flow=client");
        _server = host.RunServer("server", _network, "-l", "flow=server");
    }

    public void Dispose()
    {
        _host.DeletePolicies();
        _host.Remove(_client, _server);
        _host.Docker("network", "rm", _network);
    }

    [PrivilegedFact]
    public void PolicyChange_KeepsAFlowThatIsStillAllowed_AndCutsOneThatIsNot()
    {
        _host.Apply("flow.yaml", Policy("flow", "client"));
        using EchoFlow flow = new(_host, _client, _server);
        flow.MustLive();

        _host.Apply("more.yaml", Policy("more", "somebody-else"));
        flow.MustLive();
        _host.Weir("policy", "delete", "more").OrFail();
        flow.MustLive();

        _host.Apply("flow.yaml", Policy("flow", "somebody-else"));
        flow.MustStall();
    }

    [PrivilegedFact]
    public void LastPolicyRemoved_OpensTheEndpointAgain()
    {
        _host.Apply("flow.yaml", Policy("flow", "somebody-else"));
        _host.MustNotReach(_client, _server);
        _host.Weir("policy", "delete", "flow").OrFail();
        _host.MustReach(_client, _server);
    }

    [PrivilegedFact]
    public void AgentKilled_FlowsAndPolicyHold_AndARestartTouchesNeither()
    {
        string other = _host.RunClient("other", _network, "-l", "flow=other");
        _host.Apply("flow.yaml", Policy("flow", "client"));
        using EchoFlow flow = new(_host, _client, _server);
        flow.MustLive();
        string rows = _host.EndpointRow(_client) + _host.EndpointRow(_server);

        _host.Agent.Kill();
        flow.MustLive();
        _host.MustReach(_client, _host.AddressOf(_server, _network));
        _host.MustNotReach(other, _host.AddressOf(_server, _network));

        _host.Agent.Start();
        flow.MustLive();
        Assert.Equal(rows, _host.EndpointRow(_client) + _host.EndpointRow(_server));
        _host.MustNotReach(other, _server);
        _host.Remove(other);
    }

    [PrivilegedFact]
    public void OtherSizes_TakeEffectAtTheNextStart_AndNoFlowEnds()
    {
        string other = _host.RunClient("other", _network, "-l", "flow=other");
        _host.Apply("flow.yaml", Policy("flow", "client"));
        _host.Apply("http.yaml", HttpPolicy);
        using EchoFlow flow = new(_host, _client, _server);
        flow.MustLive();
        _host.MustReach(other, _server);

        foreach (string flows in (string[])["200000", "131072"])
        {
            _host.Agent.Stop();
            _host.Agent.Start("--max-flows", flows, "--max-slots", flows);
            Assert.Contains($" of {flows} flows", _host.Weir("status").OrFail().Output, StringComparison.Ordinal);
            flow.MustLive();

            // The proxy is the one of before.
            _host.MustReach(other, _server);
            Assert.Equal("", _host.Exec(other, "sh", "-c", $"echo denied | timeout 1 nc {_host.AddressOf(_server, _network)} 9000").Output);
        }

        _host.Agent.Stop();
        _host.Agent.Start();
        flow.MustLive();
        _host.Remove(other);
    }

    [PrivilegedFact]
    public void ContainerRemovedWhileTheAgentIsAway_IsGoneAfterItsRestart()
    {
        string gone = _host.RunClient("gone", _network);
        int links = Links();
        Assert.NotEqual("", _host.EndpointRow(gone));
        _host.Agent.Kill();
        _host.TryDocker("rm", "-f", gone);
        _host.Agent.Start();
        Wait.Until(() => _host.EndpointRow(gone).Length == 0, 10, () => $"the endpoint stays: {_host.EndpointRow(gone)}");
        Assert.True(Links() < links, "its link stays");
        _host.MustReach(_client, _server);

        // Docker goes on asking for a while until it believes that the agent is there again.
        Wait.Until(() => !_host.TryDocker("inspect", gone).Succeeded, 60, () => "Docker does not let go of the container");
    }

    private int Links() => _host.Sandbox.Shell("ip -o link | grep -c ': weir' || true").Trim() is { Length: > 0 } text ? int.Parse(text) : 0;

    private const string HttpPolicy = """
        - endpointSelector: {matchLabels: {flow: server}}
          ingress:
            - fromEndpoints: [{matchLabels: {flow: other}}]
              toPorts: [{ports: [{port: "80", protocol: TCP}], rules: {http: [{method: GET}]}}]
        """;

    private static string Policy(string name, string peer) => $$"""
        apiVersion: cilium.io/v2
        kind: CiliumNetworkPolicy
        metadata:
          name: {{name}}
        spec:
          endpointSelector:
            matchLabels:
              flow: server
          ingress:
            - fromEndpoints:
                - matchLabels:
                    flow: {{peer}}
        """;
}
