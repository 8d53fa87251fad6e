// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>What the agent keeps: damaged, in use, or of an older version.</summary>
[Collection(RestartedHost.Name)]
public sealed class StoreTests : IDisposable
{
    private readonly DockerHost _host;
    private readonly string _network;
    private readonly string _allowed;
    private readonly string _denied;
    private readonly string _web;

    public StoreTests(DockerHost host)
    {
        _host = host;
        _network = host.MakeNetwork();
        _web = host.RunServer("kept", _network, "-l", "kept=web");
        _allowed = host.RunClient("allowed", _network, "-l", "kept=friend");
        _denied = host.RunClient("denied", _network);
        host.Apply("kept.json", """[{"endpointSelector": {"matchLabels": {"kept": "web"}}, "ingress": [{"fromEndpoints": [{"matchLabels": {"kept": "friend"}}]}]}]""");
        MustHold();
    }

    public void Dispose()
    {
        if (!_host.Weir("status").Succeeded)
        {
            _host.Agent.Kill();
            _host.Agent.Start();
        }

        _host.DeletePolicies();
        _host.Remove(_web, _allowed, _denied);
        _host.Docker("network", "rm", _network);
    }

    [PrivilegedFact]
    public void DamagedJournal_StopsTheAgent_AndOpensNothing()
    {
        _host.Agent.Kill();
        string journal = new StateFolder(_host.Sandbox).Journal;
        byte[] whole = File.ReadAllBytes(journal);
        byte[] damaged = [.. whole];
        damaged[40] ^= 1;
        File.WriteAllBytes(journal, damaged);
        CommandResult agent = _host.Sandbox.Run([Sandbox.Weir, "agent"]);
        File.WriteAllBytes(journal, whole);
        Assert.Equal(1, agent.ExitCode);
        Assert.Contains($"/var/lib/weir/{Path.GetFileName(journal)}: what is written at byte 32 is damaged. Nothing was changed.", agent.All, StringComparison.Ordinal);
        Assert.Contains("what is in the kernel stays in force", agent.All, StringComparison.Ordinal);
        Assert.DoesNotContain("remove", agent.All, StringComparison.Ordinal);
        MustHold();
        _host.Agent.Start();
        MustHold();
    }

    [PrivilegedFact]
    public void SecondAgent_WithAllElseItsOwn_DoesNotGetTheState()
    {
        CommandResult agent = _host.Sandbox.Run([Sandbox.Weir, "agent", "--socket", "/run/second/weir.sock", "--pin-root", "/sys/fs/bpf/second"]);
        Assert.Equal(1, agent.ExitCode);
        Assert.Contains("the state folder /var/lib/weir is in use", agent.All, StringComparison.Ordinal);
        Assert.Contains("held by process", agent.All, StringComparison.Ordinal);
        MustHold();
    }

    [PrivilegedFact]
    public void RecordsOfAVersionBeforeJournals_AreTakenOver()
    {
        string endpoints = Endpoints();
        _host.Agent.Kill();
        new StateFolder(_host.Sandbox).WriteAsBeforeJournals();
        new StateFolder(_host.Sandbox, "/run/weir/state").WriteAsBeforeJournals();
        _host.Agent.Start();
        MustHold();
        Assert.Equal(endpoints, Endpoints());
        Assert.NotEqual("", _host.Sandbox.Shell("ls /var/lib/weir/before/policies.json /var/lib/weir/before/networks/*.json /run/weir/state/before/endpoints/*.json"));
        string late = _host.RunClient("late", _network, "-l", "kept=friend");
        _host.MustReach(late, _web);
        _host.Remove(late);
    }

    private string Endpoints() => string.Join('\n', _host.Weir("endpoint", "list").OrFail().Output.Split('\n').Where(line => line.Contains(_network, StringComparison.Ordinal)));

    private void MustHold()
    {
        _host.MustReach(_allowed, _web);
        _host.MustNotReach(_denied, _web);
    }
}
