// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>"weir cleanup" finds what the configured agent made, and nothing beside it.</summary>
public sealed class CleanupTests(UnitHost host) : IClassFixture<UnitHost>, IDisposable
{
    private const string Elsewhere = "--socket /run/x.sock --state /run/x-state --pin-root /sys/fs/bpf/x --plugin-socket /run/docker/plugins/x.sock";

    private DockerHost Machine => host.Machine;

    public void Dispose()
    {
        if (!Machine.Weir("status").Succeeded)
        {
            Machine.Agent.Start();
        }
    }

    [PrivilegedTheory]
    [InlineData("")]
    [InlineData("--socket /run/other/weir.sock --state /run/other-state")]
    public void BesideARunningAgent_NothingIsRemoved(string flags)
    {
        CommandResult result = Machine.Weir(["cleanup", "--yes", .. Words(flags)]);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("the agent runs", result.Error, StringComparison.Ordinal);
        Machine.Weir("status").OrFail();
        Assert.NotEqual("", Traces("ls /sys/fs/bpf/weir"));
    }

    [PrivilegedFact]
    public void SecondAgent_WithSocketsElsewhere_TakesNothingFromTheFirst()
    {
        CommandResult second = Machine.Sandbox.Run([Sandbox.Weir, "agent", "--socket", "/run/other/weir.sock", "--state", "/run/other-state"], seconds: 20);
        Assert.Equal(1, second.ExitCode);
        Assert.Contains("an agent runs already", second.Error, StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void AgentElsewhere_IsFoundByItsSettings_AndItsFoldersStayOthers()
    {
        Machine.Agent.Stop();
        Machine.Weir("cleanup", "--yes").OrFail();
        string before = Traces("sysctl -n net.ipv4.tcp_early_demux net.ipv4.conf.lo.accept_local net.ipv4.ip_local_reserved_ports; stat -c '%G %a' /run");
        using (BackgroundCommand agent = Machine.Sandbox.Start([Sandbox.Weir, "agent", .. Words(Elsewhere), "--group", "games-of-weir"]))
        {
            Wait.Until(() => Machine.Weir(["status", "--socket", "/run/x.sock"]).Succeeded || agent.HasExited, 20, () => agent.Output);
            Assert.Equal("games-of-weir weir-read root", Traces("stat -c %G /run/x.sock /run/x-read.sock /run | tr '\\n' ' '"));
            Machine.Weir("service", "update", "--name", "shop", "--frontend", "203.0.113.10:80/tcp", "--backends", "10.99.0.1:80", "--socket", "/run/x.sock").OrFail();
            Machine.Sandbox.Run(["pkill", "-TERM", "-f", "weir agent"]).OrFail();
            Wait.Until(() => agent.HasExited, 10, () => agent.Output);
        }

        Assert.Equal("", Machine.Weir("cleanup", "--yes", "--state", "/nowhere", "--pin-root", "/sys/fs/bpf/nowhere").Error);
        Assert.NotEqual("", Traces("ls /sys/fs/bpf/x"));
        CommandResult asked = Machine.Sandbox.Run([Sandbox.Weir, "cleanup", .. Words(Elsewhere)], input: "no\n");
        Assert.Contains("/run/x-state", asked.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("lose their network", asked.Output, StringComparison.Ordinal);

        File.WriteAllText(Machine.Sandbox.HostPath("/run/x.yaml"), "socket: /run/x.sock\nstate: /run/x-state\npin-root: /sys/fs/bpf/x\n");
        Assert.Contains("Every trace", Machine.Sandbox.Run(["env", "WEIR_PLUGIN_SOCKET=/run/docker/plugins/x.sock", Sandbox.Weir, "cleanup", "--yes", "--config", "/run/x.yaml"]).OrFail().Output, StringComparison.Ordinal);
        Assert.Empty(Traces("ls -d /run/x-state /run/x.sock /run/x-read.sock /run/agent.lock /run/state /sys/fs/bpf/x /run/docker/plugins/x.sock; iptables-save | grep WEIR"));
        Assert.Equal(before, Traces("sysctl -n net.ipv4.tcp_early_demux net.ipv4.conf.lo.accept_local net.ipv4.ip_local_reserved_ports; stat -c '%G %a' /run"));
        Assert.Contains("No trace of Weir is here.", Machine.Sandbox.Run([Sandbox.Weir, "cleanup", .. Words(Elsewhere)], input: "").OrFail().Output, StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void Sysctls_AreAsTheyWere()
    {
        Machine.Agent.Stop();
        Machine.Weir("cleanup", "--yes").OrFail();
        string before = Traces("sysctl -a 2> /dev/null | grep -E '^net\\.(ipv4|ipv6)\\.' | grep -vE 'neigh|\\.weir|random|stat|_mem|route\\.max'");
        Machine.Agent.Start();
        string network = Machine.MakeNetwork();
        string server = Machine.RunServer("api", network, "-l", "sysctl=api");
        Machine.Apply("sysctl.yaml", """
            - endpointSelector: {matchLabels: {sysctl: api}}
              ingress: [{fromEntities: [all], toPorts: [{ports: [{port: "80", protocol: TCP}], rules: {http: [{path: /}]}}]}]
            """);
        Machine.Weir("service", "update", "--name", "shop", "--frontend", "203.0.113.10:80/tcp", "--backends", "10.99.0.1:80").OrFail();
        Machine.Remove(server);
        Machine.Docker("network", "rm", network);
        Machine.Agent.Stop();
        Assert.Contains("sysctl net.ipv4.tcp_early_demux: back to", Machine.Sandbox.Run([Sandbox.Weir, "cleanup"], input: "no\n").Output, StringComparison.Ordinal);
        Machine.Weir("cleanup", "--yes").OrFail();
        Assert.Equal(before, Traces("sysctl -a 2> /dev/null | grep -E '^net\\.(ipv4|ipv6)\\.' | grep -vE 'neigh|\\.weir|random|stat|_mem|route\\.max'"));
    }

    private static string[] Words(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private string Traces(string script) => Machine.Sandbox.Shell($"({script}) 2> /dev/null || true").Trim();
}
