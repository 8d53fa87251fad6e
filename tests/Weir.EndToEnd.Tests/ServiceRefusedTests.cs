// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>A kernel that takes no more services. On a machine of its own: what is frozen stays so.</summary>
public sealed class ServiceRefusedTests : IDisposable
{
    private const string Vip = "203.0.113.10";
    private readonly DockerHost _host = new();

    public void Dispose() => _host.Dispose();

    [PrivilegedFact]
    public void ApplyThatTheKernelRefuses_LeavesAllAsItWas()
    {
        _host.RouteWorldTo("203.0.113.0/24", "2001:db8:113::/48");
        string network = _host.MakeNetwork();
        string server = _host.RunServer("web", network);
        _host.MustReach(_host.RunClient("client", network), server);
        _host.Weir("service", "update", "--name", "shop", "--frontend", $"{Vip}:80/tcp", "--backends", $"{_host.AddressOf(server, network)}:80").OrFail();
        _host.Sandbox.Run(["python3", Path.Combine(Sandbox.RepoRoot, "tests/Weir.EndToEnd.Tests/Tools/freeze.py"), "/sys/fs/bpf/weir/weir_service"]).OrFail();
        CommandResult refused = _host.Weir("service", "update", "--name", "other", "--frontend", "203.0.113.11:80/tcp", "--backends", $"{_host.AddressOf(server, network)}:80");

        Assert.NotEqual(0, refused.ExitCode);
        Assert.Contains("other", refused.Error, StringComparison.Ordinal);
        MustBeAsBefore();
        Assert.NotEqual(0, FromWorld("203.0.113.11").ExitCode);
        _host.Agent.Kill();
        _host.Agent.Start();
        MustBeAsBefore();

        void MustBeAsBefore()
        {
            string list = _host.Weir("service", "list").OrFail().Output;
            Assert.Matches(@"(?m)^shop .* active ", list);
            Assert.DoesNotContain("other", list, StringComparison.Ordinal);
            Assert.Contains($"hello from {server}", FromWorld(Vip).Output, StringComparison.Ordinal);
        }
    }

    private CommandResult FromWorld(string vip) => _host.Sandbox.RunElsewhere("world", "timeout", "2", "busybox", "wget", "-qO-", $"http://{vip}/");
}
