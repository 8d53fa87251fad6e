// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text.RegularExpressions;
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;
using Xunit.Abstractions;

namespace Weir.EndToEnd.Tests;

/// <summary>Whatever one container throws at the proxy, others are served, its memory has an end, and when the container
/// is gone there is nothing left to do.</summary>
[Collection(HostileHttpHost.Name)]
public sealed partial class HttpFloodTests : IDisposable
{
    private const int Mega = 1024 * 1024;
    private const int MostGrowth = 64;
    private const double TicksPerSecond = 100;

    /// <summary>Of 2 s. A worker that spins takes 2 s, or 4.</summary>
    private const double MostIdleSeconds = 0.3;

    private readonly ITestOutputHelper _output;
    private readonly DockerHost _host;
    private readonly string _network;
    private readonly string _flooder;
    private readonly string _other;
    private readonly string _flooded;
    private readonly string _server;
    private readonly List<BackgroundCommand> _servers = [];

    public HttpFloodTests(DockerHost host, ITestOutputHelper output)
    {
        _host = host;
        _output = output;
        _network = host.MakeNetwork("--no-ipv6");
        _flooder = host.RunClient("flooder", _network, "-l", "l7=web");
        _other = host.RunClient("other", _network, "-l", "l7=web");
        _flooded = host.RunClient("flooded", _network, "-l", "l7=api");
        _server = host.RunClient("api", _network, "-l", "l7=api");
        host.Apply("l7.yaml", """
            - endpointSelector: {matchLabels: {l7: api}}
              ingress:
                - fromEndpoints: [{matchLabels: {l7: web}}]
                  toPorts:
                    - ports: [{port: "80", protocol: TCP}, {port: "81", protocol: TCP}]
                      rules: {http: [{path: /x}, {path: /big}]}
            """);
        foreach (string container in new[] { _flooded, _server })
        {
            BackgroundCommand server = Tool(container, "serve", "80");
            _servers.Add(server);
            server.WaitFor("ready", 20);
        }

        _servers.Add(host.Sandbox.Start("nsenter", "-t", host.PidOf(_flooded), "-n", "nghttpd", "--no-tls", "81"));
        Wait.Until(() => Ask("0.2").Contains("failed 0", StringComparison.Ordinal), 10, () => host.Agent.Log);
    }

    public void Dispose()
    {
        _servers.ForEach(server => server.Dispose());
        _host.DeletePolicies();
        _host.Remove(_flooder, _other, _flooded, _server);
        _host.Docker("network", "rm", _network);
    }

    /// <summary>One after the other against the same proxy. WEIR_SECONDS makes each longer, WEIR_FLOOD picks some.</summary>
    [PrivilegedFact]
    public void FloodOfAnyKind_IsTheFloodersOwnAffair()
    {
        string seconds = Environment.GetEnvironmentVariable("WEIR_SECONDS") ?? "1.5";
        string picked = Environment.GetEnvironmentVariable("WEIR_FLOOD") ?? "";
        string proxy = ProxyPid();
        long before = Memory();
        List<string> troubles = [];
        foreach (string kind in _host.Sandbox.Run(["python3", ToolPath, "kinds"]).OrFail().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (kind.Contains(picked, StringComparison.Ordinal))
            {
                troubles.AddRange(Try(kind, seconds).Select(trouble => $"{kind}: {trouble}"));
            }
        }

        Wait.Until(() => (Memory() - before) / Mega < MostGrowth, 30, () => $"{(Memory() - before) / Mega} MB more than before the first, after the last");
        _output.WriteLine($"{(Memory() - before) / Mega} MB more than before the first");
        Assert.Equal(proxy, ProxyPid());
        Assert.DoesNotContain("is given up", _host.Agent.Log, StringComparison.Ordinal);
        Assert.Empty(troubles);
    }

    private IEnumerable<string> Try(string kind, string seconds)
    {
        long before = Memory();
        double cpuBefore = Cpu();
        using BackgroundCommand flood = Tool(_flooder, "flood", kind, _host.AddressOf(_flooded, _network), "80", seconds);
        string asked = Ask(seconds);
        double cpu = Cpu() - cpuBefore;
        long grown = (Memory() - before) / Mega;
        flood.WaitFor("done", 30);
        Thread.Sleep(1000);
        double idleFrom = Cpu();
        Thread.Sleep(2000);
        double idle = Cpu() - idleFrom;
        _output.WriteLine($"{kind}: {asked}; proxy {cpu:F1} s of CPU, {grown} MB more than {before / Mega}, then {idle:F2} s idle; {flood.Output.Trim()}");
        if (!asked.Contains("failed 0", StringComparison.Ordinal))
        {
            yield return $"others were not served: {asked}";
        }

        if (grown > MostGrowth)
        {
            yield return $"{grown} MB more";
        }

        if (idle > MostIdleSeconds)
        {
            yield return $"{idle:F2} s of CPU in 2 s, when the flooder had gone";
        }
    }

    [GeneratedRegex("VmRSS:\\s+([0-9]+)")]
    private static partial Regex Resident();

    private static string ToolPath => Path.Combine(Sandbox.RepoRoot, "tests/Weir.EndToEnd.Tests/Tools/flood_client.py");

    private string Ask(string seconds) =>
        _host.InNetworkOf(_other, "python3", ToolPath, "ask", _host.AddressOf(_server, _network), "80", seconds).Output.Trim();

    private BackgroundCommand Tool(string container, params string[] arguments) =>
        _host.Sandbox.Start(["nsenter", "-t", _host.PidOf(container), "-n", "prlimit", "--nofile=20000", "python3", ToolPath, .. arguments]);

    private long Memory() => long.Parse(
        Resident().Match(_host.Sandbox.Run(["cat", $"/proc/{ProxyPid()}/status"]).OrFail().Output).Groups[1].Value, CultureInfo.InvariantCulture) * 1024;

    /// <summary>Seconds of processor that the proxy has used.</summary>
    private double Cpu() => _host.Sandbox.Run(["cat", $"/proc/{ProxyPid()}/stat"]).OrFail().Output.Split(") ")[^1].Split(' ')[11..13]
        .Sum(ticks => double.Parse(ticks, CultureInfo.InvariantCulture)) / TicksPerSecond;

    private string ProxyPid() => _host.Sandbox.Run(["pgrep", "-n", "-f", "weir [p]roxy"]).OrFail().Output.Trim();
}
