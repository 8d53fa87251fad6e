// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>Every weir command of README and the guides, run one after the other as they are read, on two hosts with the
/// containers that the guides speak of. The reference has every command's help, which <see cref="ReferenceTests"/> holds.</summary>
public sealed class DocumentedCommandRunTests : IDisposable
{
    private const string Folder = "/run/guides";

    private const string Policy = """
        - endpointSelector: {matchLabels: {role: api}}
          ingress:
          - fromEndpoints: [{matchLabels: {role: web}}]
            toPorts: [{ports: [{port: "80", protocol: TCP}]}]
        """;

    private const string PolicyTest = """
        policies: [policies/]
        workloads: {api: {role: api}, web: {role: web}}
        tests: [{from: web, to: api, port: 80/tcp, expect: allowed}]
        """;

    /// <summary>Those that nothing here can answer: how they end, and what they say.</summary>
    private static readonly Dictionary<string, (int ExitCode, string Said)> _answersNo = new()
    {
        ["weir explain --at 03:12 web api 80/tcp"] = (2, "is not known: the history goes back to"), // the hosts are minutes old
    };

    /// <summary>What has to be so before a command.</summary>
    private readonly Dictionary<string, Action> _before;

    private readonly ClusterHosts _hosts = new(2);

    public DocumentedCommandRunTests() => _before = new()
    {
        ["weir network names app"] = () => _hosts.MakeNetwork("app", "10.40.0.0/16"), // the guide has deleted it
        ["weir node forget host2"] = () =>
        {
            _hosts[1].Agent.Stop();
            Wait.Until(() => _hosts[0].Weir("node", "list").Output.Contains("silent", StringComparison.Ordinal), 40, () => _hosts[0].Weir("node", "list").All);
        },
    };

    public void Dispose() => _hosts.Dispose();

    [PrivilegedFact]
    public void EachDoesWhatItIsShownFor()
    {
        DockerHost host = _hosts[0];
        _hosts.MakeNetwork("lab", "10.60.0.0/16");
        foreach (string role in (string[])["api", "db", "batch", "cron", "other"])
        {
            Run(role);
        }

        Run("web", "-p", "8080:80");
        Run("dns", "-p", "53:9000/udp");
        host.Sandbox.Shell($"mkdir -p {Folder}; cp -r examples {Folder}/; mkdir {Folder}/policies {Folder}/new");
        foreach (string file in (string[])["policy.yaml", "api.yaml", "db.yaml", "policies/api.yaml", "new/api.yaml"])
        {
            host.Sandbox.WriteFile($"{Folder}/{file}", Policy);
        }

        host.Sandbox.WriteFile($"{Folder}/shop.policytest.yaml", PolicyTest);
        foreach (string server in (string[])["api", "db"])
        {
            host.MustReach("web", host.AddressOf(server, "lab")); // on record, for what asks it
        }

        List<string> wrong = [];
        int ran = 0;
        foreach (string document in DocumentedCommands.Documents(Sandbox.RepoRoot).Where(document => !document.StartsWith("docs/reference", StringComparison.Ordinal)))
        {
            foreach ((int line, string command) in DocumentedCommands.Of(Path.Combine(Sandbox.RepoRoot, document)))
            {
                _before.GetValueOrDefault(command)?.Invoke();
                ran++;
                if (Fault(command) is { } fault)
                {
                    wrong.Add($"{document}:{line}: {command}: {fault}");
                }
            }
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
        Assert.True(ran > 90, $"only {ran} were found");

        void Run(string name, params string[] flags) => host.Docker([
            "run", "-d", "--name", name, "--network", "lab", "-l", $"role={name}", "-l", "com.docker.compose.project=shop", "-l", $"com.docker.compose.service={name}", .. flags,
            DockerHost.Image, "sh", "-c", "mkdir -p /www; echo hello > /www/index.html; exec httpd -f -p 80 -h /www"]);
    }

    /// <summary>Null: it did what it is there for.</summary>
    private string? Fault(string command)
    {
        string[] words = [Sandbox.Weir, .. DocumentedCommands.Words(command)[1..]];
        // These go on until somebody ends them.
        bool goesOn = words[1] is "monitor" or "ui" || (words[1] == "top" && !words.Contains("--once"));
        CommandResult result = goesOn
            ? _hosts[0].Sandbox.Run(["timeout", "--preserve-status", "-s", "INT", "3", .. words], folder: Folder)
            : _hosts[0].Sandbox.Run(words, folder: Folder);
        (int exitCode, string said) = _answersNo.GetValueOrDefault(command, (0, ""));
        return result.ExitCode == exitCode && result.All.Contains(said, StringComparison.Ordinal) ? null : $"{result.ExitCode}, {result.All}";
    }
}
