// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>The agent as its unit runs it: with those capabilities and no more, and for those groups.</summary>
public sealed class UnitTests(UnitHost host) : IClassFixture<UnitHost>
{
    private const string Policy = """
        - endpointSelector: {matchLabels: {unit: api}}
          ingress:
            - fromEntities: [all]
              toPorts:
                - ports: [{port: "80", protocol: TCP}]
                  rules: {http: [{path: /index.html}]}
        """;

    private DockerHost Machine => host.Machine;

    [PrivilegedFact]
    public void UnderTheUnitsCapabilities_AllOfItWorks()
    {
        string network = Machine.MakeNetwork();
        string client = Machine.RunClient("web", network);
        string server = Machine.RunServer("api", network, "-l", "unit=api", "-p", "80:80", "-p", "53:9000/udp");
        string address = Machine.AddressOf(server, network);
        Machine.Apply("unit.yaml", Policy);
        Wait.Until(() => Get(client, address, "index.html"), 10, () => Machine.Agent.Log);
        Assert.True(Get(client, address, "index.html"));
        Assert.False(Get(client, address, "other"));
        Assert.Contains("hello", Machine.Sandbox.Run(["curl", "-s", "--connect-timeout", "3", "-m", "20", "http://127.0.0.1:80/index.html"]).Output, StringComparison.Ordinal);
        Machine.Weir("service", "update", "--name", "shop", "--frontend", "203.0.113.10:80/tcp", "--backends", "10.99.0.1:80").OrFail();
        Machine.Weir("prefilter", "add", "192.0.2.9").OrFail();
        string network2 = Machine.MakeNetwork();
        Machine.Docker("network", "connect", network2, client);

        Machine.Agent.Stop();
        Machine.Agent.Start();
        Assert.True(Get(client, address, "index.html"));
        string status = Machine.Weir("status").OrFail().Output;
        Assert.DoesNotContain("degraded", status, StringComparison.Ordinal);
        string[] rights = File.ReadAllLines(Machine.Sandbox.HostPath($"/proc/{AgentPid()}/status"));
        Assert.Contains("NoNewPrivs:\t1", rights);

        // The machine of the tests may itself have fewer.
        string[] effective = Machine.Sandbox.Shell($"capsh --decode={rights.Single(line => line.StartsWith("CapEff:", StringComparison.Ordinal))["CapEff:\t".Length..]}").Trim().Split('=')[1].Split(',');
        Assert.Contains("cap_net_bind_service", effective);
        Assert.Empty(effective.Except(UnitHost.Capabilities().Select(name => "cap_" + name)));

        Machine.DeletePolicies();
        Machine.Weir("service", "delete", "--all").OrFail();
        Machine.Weir("prefilter", "remove", "192.0.2.9").OrFail();
        Machine.Remove(client, server);
        Machine.Docker("network", "rm", network, network2);
    }

    [PrivilegedFact]
    public void WithoutTheRightToLowPorts_AnAgentSaysSo()
    {
        Machine.Agent.Stop();
        IReadOnlyList<string> before = Machine.Agent.Launcher;
        string network = "";
        try
        {
            Machine.Agent.Launcher = UnitHost.Limit(UnitHost.Capabilities().Except(["net_bind_service"]));
            Machine.Agent.Start();
            network = Machine.MakeNetwork();
            CommandResult low = Machine.TryDocker("run", "-d", "--name", "low", "--network", network, "-p", "81:80", "weir-busybox", "sleep", "60");
            Assert.Contains("CAP_NET_BIND_SERVICE", low.Error, StringComparison.Ordinal);
            Assert.DoesNotContain("in use", low.Error, StringComparison.Ordinal);
            string high = Machine.RunServer("high", network, "-p", "8081:80");
            Machine.Remove("low", high);
        }
        finally
        {
            Machine.Agent.Stop();
            Machine.Agent.Launcher = before;
            Machine.Agent.Start();
            if (network.Length > 0)
            {
                Machine.Docker("network", "rm", network);
            }
        }
    }

    [PrivilegedFact]
    public void Readers_Look_AndChangeNothing()
    {
        Machine.Apply("who.yaml", Policy);
        uint[] readers = [UnitHost.ReadGroup];
        foreach (string command in new[] { "status", "endpoint list", "identity list", "policy get", "service list", "publish list", "prefilter list", "ip list", "ct list", "map list", "metrics", "monitor --no-follow", "policy explain --from world --to host --port 80/tcp", "version" })
        {
            host.AsSomebody(readers, command.Split(' ')).OrFail();
        }

        foreach (string command in new[] { "policy delete --all", "policy apply -f /run/who.yaml", "policy apply --dry-run -f /run/who.yaml", "service delete --all", "prefilter add 192.0.2.1", "publish allow web 80", "service update --name a --backends 10.0.0.1:80", "service drain --name a --backend 10.0.0.1:80" })
        {
            CommandResult refused = host.AsSomebody(readers, command.Split(' '));
            Assert.Equal(1, refused.ExitCode);
            Assert.Contains("look and not change", refused.Error, StringComparison.Ordinal);
        }

        Assert.Contains("who", Machine.Weir("policy", "get").Output, StringComparison.Ordinal);
        Assert.DoesNotContain("192.0.2.1", Machine.Weir("prefilter", "list").Output, StringComparison.Ordinal);
        Machine.DeletePolicies();
    }

    [PrivilegedFact]
    public void Readers_SeeThePage()
    {
        using BackgroundCommand ui = host.StartAsSomebody([UnitHost.ReadGroup], "ui", "--listen", "127.0.0.1:8765");
        ui.WaitFor("#token=", 20);
        string token = ui.Output[(ui.Output.IndexOf("#token=", StringComparison.Ordinal) + "#token=".Length)..].Split('\n')[0].Trim();
        string key = JsonSerializer.Deserialize<string>(Curl("-H", "Origin: http://127.0.0.1:8765", "--data-raw", token, "http://127.0.0.1:8765/session"))!;
        foreach ((string question, string answer) in new[] { ("status", "\"version\""), ("endpoints", "\"endpoints\""), ("policies", "\"policies\""), ("flows?since=1h", "\"flows\"") })
        {
            Assert.Contains(answer, Curl("-H", $"Authorization: Bearer {key}", $"http://127.0.0.1:8765/api/{question}"), StringComparison.Ordinal);
        }

        CommandResult outsider = host.AsSomebody([], "ui", "--listen", "127.0.0.1:8766");
        Assert.Equal(1, outsider.ExitCode);
        Assert.Contains("join the group weir:", outsider.Error, StringComparison.Ordinal);
        string Curl(params string[] rest) => Machine.Sandbox.Run(["curl", "-sS", "-m", "10", .. rest]).OrFail().Output;
    }

    [PrivilegedFact]
    public void Outsiders_HearOfTheGroup_AndMembersAreKnownByName()
    {
        CommandResult outsider = host.AsSomebody([], "status");
        Assert.Equal(1, outsider.ExitCode);
        Assert.Contains("join the group weir:", outsider.Error, StringComparison.Ordinal);
        File.WriteAllText(Machine.Sandbox.HostPath("/run/who.yaml"), Policy);
        host.AsSomebody([UnitHost.Group], "policy", "apply", "-f", "/run/who.yaml").OrFail();
        Assert.Matches(@"who +CiliumRules +enforce +/run/who\.yaml:1 .* by nobody", Machine.Weir("policy", "get").OrFail().Output);

        // The same text by root, from another place: whoever wrote it is still who wrote it; also after a restart.
        Machine.Sandbox.Shell("mkdir -p /run/elsewhere; cp /run/who.yaml /run/elsewhere/");
        Assert.Contains("unchanged", Machine.Weir("policy", "apply", "-f", "/run/elsewhere/who.yaml").OrFail().Output, StringComparison.Ordinal);
        Machine.Agent.Stop();
        Machine.Agent.Start();
        Assert.Matches(@"who +CiliumRules +enforce +/run/elsewhere/who\.yaml:1 .* by nobody", Machine.Weir("policy", "get").OrFail().Output);
        Machine.DeletePolicies();
    }

    [PrivilegedFact]
    public void MonitorOfNobody_SaysSo()
    {
        CommandResult result = Machine.Weir("monitor", "--from", "nobody", "--to", "no=label", "--related-to", "world", "--no-follow");
        Assert.Equal(0, result.ExitCode);
        Assert.Contains("--from nobody: no container is that now", result.Error, StringComparison.Ordinal);
        Assert.Contains("--to no=label: no container is that now", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("world", result.Error, StringComparison.Ordinal);
    }

    private bool Get(string client, string address, string path) => Machine.Exec(client, "timeout", "5", "wget", "-qO-", $"http://{address}/{path}").Succeeded;

    private string AgentPid() => Machine.Sandbox.Run(["pgrep", "-o", "-f", "weir agent"]).OrFail().Output.Trim();
}
