// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>Services of hosts that share an etcd: made once, reached at any of them.</summary>
public sealed class ManyHostsServiceTests : IDisposable
{
    private const string Vip = "203.0.113.10";
    private ClusterHosts _hosts = null!;

    public void Dispose() => _hosts?.Dispose();

    [PrivilegedTheory]
    [InlineData("direct")]
    [InlineData("overlay")]
    public void Service_MadeOnce_IsServedAtEveryHost_ByContainersOfAll_AndConnectionsOutliveTheirWay(string way)
    {
        _hosts = new ClusterHosts(2, way == "direct" ? "auto" : way);
        _hosts.MakeNetwork("app", "10.40.0.0/16");
        string near = _hosts[0].RunServer("near", "app", "-l", "role=api");
        string far = _hosts[1].RunServer("far", "app", "-l", "role=api");
        string web = _hosts[1].RunClient("web", "app", "-l", "role=web");
        string[] all = [.. new[] { near, far }.Order()];

        // By the name of one label, on the port on which the containers listen.
        _hosts[0].Weir("service", "update", "--name", "shop", "--frontend", $"{Vip}:8080/tcp", "--selector", "role=api", "--port", "80").OrFail();
        _hosts[1].Weir("service", "update", "--name", "echo", "--frontend", $"{Vip}:9000/tcp", "--selector", "role=api", "--port", "9000").OrFail();
        CommandResult taken = _hosts[1].Weir("service", "update", "--name", "other", "--frontend", $"{Vip}:8080/tcp", "--selector", "role=api");
        Assert.False(taken.Succeeded);
        Assert.Contains("belongs to service \"shop\"", taken.Error, StringComparison.Ordinal);
        foreach (int host in new[] { 0, 1 })
        {
            Wait.Until(() => _hosts[host].Weir("service", "get", "shop").Output is var text && all.All(name => text.Contains(name, StringComparison.Ordinal)), 20, () => _hosts[host].Weir("service", "get", "shop").All);
        }

        string shown = _hosts[0].Weir("service", "get", "shop").OrFail().Output;
        Assert.Matches($@"{near} on host1 +1 +active", shown);
        Assert.Matches($@"{far} on host2 +1 +active", shown);
        Assert.Contains("\"node\": \"host2\"", _hosts[0].Weir("service", "list", "-o", "json").OrFail().Output, StringComparison.Ordinal);

        // From a container, whose socket is led, and from outside, at either host.
        MustServe(all, () => _hosts[1].Exec(web, "timeout", "3", "wget", "-qO-", $"http://{Vip}:8080/"));
        _hosts.MakeClient();
        foreach (int host in new[] { 0, 1 })
        {
            _hosts.RouteClient(Vip, host);
            MustServe(all, FromOutside);
        }

        // Open connections go on when their packets come in at the other host.
        _hosts.RouteClient(Vip, 0);
        BackgroundCommand[] open = [.. Enumerable.Range(0, 6).Select(_ => _hosts.StartInClient("python3", "-c", Talk, Vip))];
        try
        {
            foreach (int host in new[] { 0, 1, 0 })
            {
                _hosts.RouteClient(Vip, host);
                foreach (BackgroundCommand one in open)
                {
                    int before = Said(one);
                    Wait.Until(() => Said(one) > before + 2, 20, () => $"at host {host}: {one.Output}");
                }
            }
        }
        finally
        {
            open.ToList().ForEach(one => one.Dispose());
        }

        // Nobody new comes to the containers of a host that dies.
        _hosts.RouteClient(Vip, 0);
        _hosts[1].Sandbox.Shell("ip link set node0 down");
        _hosts[1].Agent.Kill();
        Wait.Until(() => _hosts[0].Weir("service", "get", "shop").Output.Contains("node host2 is silent", StringComparison.Ordinal), 60, () => _hosts[0].Weir("service", "get", "shop").All);
        Assert.All(Enumerable.Range(0, 10), _ => Assert.Contains($"hello from {near}", FromOutside().Output, StringComparison.Ordinal));
    }

    /// <summary>Says a number every little while, and prints what comes back.</summary>
    private const string Talk = """
        import socket, sys, time
        s = socket.create_connection((sys.argv[1], 9000), timeout=10)
        for i in range(10000):
            s.sendall(b'x')
            if s.recv(1) != b'x': break
            print('said', flush=True)
            time.sleep(0.1)
        """;

    private static int Said(BackgroundCommand one) => one.Output.Split("said").Length;

    private CommandResult FromOutside() => _hosts.RunInClient("timeout", "3", "busybox", "wget", "-qO-", $"http://{Vip}:8080/");

    private string Tell() => string.Join('\n', new[] { 0, 1 }.Select(host =>
        $"{_hosts[host].Weir("service", "get", "shop").All}{_hosts[host].Weir("endpoint", "list").All}{_hosts[host].Sandbox.Run(["timeout", "2", Sandbox.Weir, "monitor", "--last", "20"]).All}{_hosts[host].Agent.Log}"));

    private void MustServe(string[] all, Func<CommandResult> ask)
    {
        HashSet<string> served = [];
        Wait.Until(
            () =>
            {
                served.Add(ask().Output.Trim());
                return all.All(name => served.Contains($"hello from {name}"));
            },
            30,
            () => $"{string.Join(", ", served)}\n{Tell()}");
    }
}
