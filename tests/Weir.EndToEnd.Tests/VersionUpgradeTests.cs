// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Globalization;
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>Another version of Weir, whose maps have other fields, takes this one's place and gives it back, under load. That every field arrives show
/// the tests of Weir.Datapath.Tests/Upgrades; here connections are counted that came to nothing.</summary>
public sealed class VersionUpgradeTests : IDisposable
{
    private const int Kept = 20;

    private static readonly string[] _kinds = ["new-http", "kept-http", "new-echo", "kept-echo"];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("weir-other-version.");

    public void Dispose() => _folder.Delete(recursive: true);

    [PrivilegedFact]
    public void UpgradeAndDowngrade_UnderLoad_LoseNothing()
    {
        string other = MakeOtherVersion();
        using var host = new DockerHost();
        string network = host.MakeNetwork("--no-ipv6");
        string web = host.RunClient("web", network, "-l", "role=web");
        string api = host.RunServer("api", network, "-l", "role=api", "-p", "8080:80");
        using var http = new HttpServer(host, api, 8081);
        host.Apply("upgrade.yaml", """
            - endpointSelector: {matchLabels: {role: api}}
              ingress:
                - fromEndpoints: [{matchLabels: {role: web}}]
                  toPorts:
                    - ports: [{port: "9000", protocol: TCP}]
                    - ports: [{port: "8081", protocol: TCP}]
                      rules: {http: [{path: /x}]}
                - fromEntities: [world]
                  toPorts: [{ports: [{port: "80", protocol: TCP}]}]
            """);
        string address = host.AddressOf(api, network);
        string[] uses =
        [
            $"new-http:{address}:8081", $"kept-http:{address}:8081", $"new-echo:{address}:9000",
            .. Enumerable.Repeat($"kept-echo:{address}:9000", Kept),
        ];
        using BackgroundCommand within = host.Sandbox.Start(["nsenter", "-t", host.PidOf(web), "-n", .. Load(uses)]);
        using BackgroundCommand fromWorld = host.Sandbox.Start(["ip", "netns", "exec", "world", "sh", "-c", $"while :; do curl -fsS -m 60 -o /dev/null http://{DockerHost.HostAddress}:8080/ && echo new-world || echo lost new-world; done"]);
        MustGoOn(within, fromWorld);

        // There and back, and once more: what was taken over is taken over again.
        foreach (string version in (string[])[other, Sandbox.Weir, other, Sandbox.Weir])
        {
            host.Agent.Stop();
            host.Agent.Executable = version;
            host.Agent.Start();
            MustGoOn(within, fromWorld);
        }

        Assert.Contains("Endpoints", host.Weir("status").OrFail().Output, StringComparison.Ordinal);
    }

    private static string[] Load(string[] uses) => ["python3", Path.Combine(Sandbox.RepoRoot, "tests/Weir.EndToEnd.Tests/Tools/load.py"), .. uses];

    /// <summary>Every kind is answered again and again, and none was lost so far.</summary>
    private static void MustGoOn(BackgroundCommand within, BackgroundCommand fromWorld)
    {
        Dictionary<string, int> before = _kinds.ToDictionary(kind => kind, kind => Count(within, kind));
        int world = Count(fromWorld, "new-world");
        Wait.Until(
            () => before.All(kind => Count(within, kind.Key) > kind.Value + (kind.Key == "kept-echo" ? Kept : 2)) && Count(fromWorld, "new-world") > world + 10,
            30,
            () => $"not all go on:\n{Tail(within)}\n{Tail(fromWorld)}");
        string[] lost = [.. $"{within.Output}\n{fromWorld.Output}".Split('\n').Where(line => line.StartsWith("lost", StringComparison.Ordinal))];
        Assert.True(lost.Length == 0, string.Create(CultureInfo.InvariantCulture, $"{lost.Length} were lost:\n{string.Join('\n', lost.Take(20))}"));
    }

    private static int Count(BackgroundCommand command, string line) => command.Output.Split('\n').Count(text => text.Trim() == line);

    private static string Tail(BackgroundCommand command) => string.Join('\n', command.Output.Split('\n').TakeLast(30));

    private string MakeOtherVersion()
    {
        ProcessStartInfo start = new(Path.Combine(Sandbox.RepoRoot, "scripts/other-version.sh"), [_folder.FullName, Sandbox.BuiltAs]) { RedirectStandardError = true, RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;
        Task<string> said = process.StandardOutput.ReadToEndAsync();
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, error + said.GetAwaiter().GetResult());
        return Path.Combine(_folder.FullName, "weir/weir");
    }
}
