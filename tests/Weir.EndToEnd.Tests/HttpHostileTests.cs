// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text.RegularExpressions;
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;
using Xunit.Abstractions;

namespace Weir.EndToEnd.Tests;

/// <summary>Clients that mean the proxy no good: others are served meanwhile, and its memory has an end.</summary>
[Collection(HostileHttpHost.Name)]
public partial class HttpHostileTests : IDisposable
{
    private const int Mega = 1024 * 1024;
    private readonly ITestOutputHelper _output;
    private readonly DockerHost _host;
    private readonly string _network;
    private readonly string _client;
    private readonly string _other;
    private readonly string _server;
    private readonly string _address;
    private readonly HttpServer _http;
    private readonly string _proxy;

    public HttpHostileTests(DockerHost host, ITestOutputHelper output)
    {
        _host = host;
        _output = output;
        _network = host.MakeNetwork("--no-ipv6");
        _client = host.RunClient("web", _network, "-l", "l7=web");
        _other = host.RunClient("other", _network, "-l", "l7=web");
        _server = host.RunClient("api", _network, "-l", "l7=api");
        _http = new HttpServer(host, _server);
        _address = host.AddressOf(_server, _network);
        host.Apply("l7.yaml", """
            - endpointSelector: {matchLabels: {l7: api}}
              ingress:
                - fromEndpoints: [{matchLabels: {l7: web}}]
                  toPorts:
                    - ports: [{port: "80", protocol: TCP}, {port: "81", protocol: TCP}]
                      rules: {http: [{path: /x}, {path: /big}]}
            """);
        OthersAreServed();
        _proxy = ProxyPid();
    }

    public void Dispose()
    {
        _http.Dispose();
        _host.DeletePolicies();
        _host.Remove(_client, _other, _server);
        _host.Docker("network", "rm", _network);
        GC.SuppressFinalize(this);
    }

    [PrivilegedTheory]
    [InlineData("deaf", 80)]
    [InlineData("deaf2", 81)]
    public void ClientThatTakesNoAnswer_IsReadNoFurther(string how, int port)
    {
        using BackgroundCommand http2 = _host.Sandbox.Start("nsenter", "-t", _host.PidOf(_server), "-n", "nghttpd", "--no-tls", "81");
        long before = Memory();
        using BackgroundCommand hostile = HostileAt(port, how);
        hostile.WaitFor("done", 30);
        Assert.Contains("stopped after", hostile.Output, StringComparison.Ordinal);
        OthersAreServed();
        // Up to 200 MB of requests would have been answered with more than a gigabyte.
        AssertGrewLess(before, 60);
    }

    [PrivilegedFact]
    public void ManyLongUnfinishedHeads_TakeBoundedMemory()
    {
        long before = Memory();
        using BackgroundCommand hostile = Hostile("heads", "4000");
        hostile.WaitFor("done", 60);
        _output.WriteLine(hostile.Output);
        OthersAreServed();
        // 240 MB were sent.
        AssertGrewLess(before, 180);
        Assert.DoesNotContain(_http.Requests, request => request.Head.Contains("yyy", StringComparison.Ordinal));
    }

    [PrivilegedFact]
    public void EarlyResets_LeaveNothingBehind()
    {
        long before = Memory();
        using BackgroundCommand hostile = Hostile("resets", "4000");
        hostile.WaitFor("done", 60);
        OthersAreServed();
        Wait.Until(() => Open() == 0, 10, () => $"{Open()} connections are open still");
        AssertGrewLess(before, 40);
    }

    [PrivilegedFact]
    public void HeadThatComesByteByByte_IsEndedInTime()
    {
        using BackgroundCommand hostile = Hostile("slow");
        hostile.WaitFor("done", 60);
        Match match = Slow().Match(hostile.Output);
        Assert.True(match.Success, hostile.Output);
        Assert.InRange(int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture), 28, 40);
        OthersAreServed();
        Assert.DoesNotContain(_http.Requests, request => request.Head.Contains("yyy", StringComparison.Ordinal));
    }

    /// <summary>Damaged requests of both versions against the running proxy. WEIR_SEED repeats a run, WEIR_SECONDS makes it longer.</summary>
    [PrivilegedFact]
    public void DamagedRequests_DoNotHarmTheProxy_AndNoRefusedOneArrives()
    {
        string seed = Environment.GetEnvironmentVariable("WEIR_SEED") ?? $"{Random.Shared.Next()}";
        string seconds = Environment.GetEnvironmentVariable("WEIR_SECONDS") ?? "8";
        _output.WriteLine($"seed {seed}");
        using BackgroundCommand hostile = Hostile("fuzz", seed, seconds);
        hostile.WaitFor("done", 30 + int.Parse(seconds, CultureInfo.InvariantCulture));
        _output.WriteLine(hostile.Output);
        OthersAreServed();
        Assert.Equal(_proxy, ProxyPid());
        int trouble = _host.Agent.Log.IndexOf("is given up", StringComparison.Ordinal);
        Assert.True(trouble < 0, trouble < 0 ? "" : _host.Agent.Log[trouble..]);
        Assert.All(_http.Requests, request => Assert.Matches("^([^ ]+ /(x|big) HTTP/1|PRI )", request.Head));
    }

    [GeneratedRegex("HTTP/1.1 408 after ([0-9]+) s")]
    private static partial Regex Slow();

    [GeneratedRegex("^weir_http_connections_open ([0-9]+)", RegexOptions.Multiline)]
    private static partial Regex OpenGauge();

    [GeneratedRegex("VmRSS:\\s+([0-9]+)")]
    private static partial Regex Resident();

    private void OthersAreServed() => Wait.Until(
        () => _host.InNetworkOf(_other, "curl", "-sS", "-i", "--connect-timeout", "3", "-m", "20", $"http://{_address}/x").Output.Contains("200 OK", StringComparison.Ordinal),
        10,
        () => _host.Weir("status").All + _host.Agent.Log);

    private void AssertGrewLess(long before, int megabytes)
    {
        long grown = Memory() - before;
        _output.WriteLine($"{grown / Mega} MB more than {before / Mega}");
        Assert.True(grown < megabytes * (long)Mega, $"{grown / Mega} MB more than {before / Mega}");
        Assert.Equal(_proxy, ProxyPid());
    }

    private long Memory() => long.Parse(
        Resident().Match(_host.Sandbox.Run(["cat", $"/proc/{ProxyPid()}/status"]).OrFail().Output).Groups[1].Value, CultureInfo.InvariantCulture) * 1024;

    private long Open() => OpenGauge().Match(_host.Weir("metrics", "--prometheus").Output) is { Success: true } match
        ? long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)
        : -1;

    private string ProxyPid() => _host.Sandbox.Run(["pgrep", "-n", "-f", "weir [p]roxy"]).OrFail().Output.Trim();

    private BackgroundCommand Hostile(params string[] arguments) => HostileAt(80, arguments);

    private BackgroundCommand HostileAt(int port, params string[] arguments) => _host.Sandbox.Start(
        ["nsenter", "-t", _host.PidOf(_client), "-n", "python3", Path.Combine(Sandbox.RepoRoot, "tests/Weir.EndToEnd.Tests/Tools/hostile_client.py"), _address, $"{port}", .. arguments]);
}
