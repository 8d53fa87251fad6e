// SPDX-License-Identifier: Apache-2.0
using System.Text.RegularExpressions;
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>Compose files: networks, service names and Compose's own labels.</summary>
[Collection(RestartedHost.Name)]
public sealed partial class ComposeTests(DockerHost host)
{
    [ComposeFact]
    public void ComposeFile_Works_AndItsServicesCanBeSelected()
    {
        File.WriteAllText(host.Sandbox.HostPath("/run/docker-compose.yml"), """
            version: "2.4"
            services:
              api:
                image: weir-busybox
                ports: ["8300:80"]
                networks: [default, back]
                command: sh -c "echo hello > /www/index.html; exec httpd -f -p 80 -h /www"
              web:
                container_name: shop_web_1
                image: weir-busybox
                command: sleep 600
              batch:
                container_name: shop_batch_1
                image: weir-busybox
                command: sleep 600
            networks:
              default:
                driver: weir
                ipam:
                  driver: weir
              back:
                driver: weir
                ipam:
                  driver: weir
            """);
        string[] compose = ["docker-compose", "-p", "shop", "-f", "/run/docker-compose.yml"];
        try
        {
            host.Sandbox.Run([.. compose, "up", "-d"]).OrFail();
            Wait.Until(
                () => host.Sandbox.Run(["busybox", "wget", "-qO-", "http://127.0.0.1:8300/"]).Succeeded, 6, () => $"the port leads nowhere: {host.Weir("service", "list").All}");
            host.Apply("compose.json", """
                [{"endpointSelector": {"matchLabels": {"com.docker.compose.service": "api"}},
                  "ingress": [{"fromEndpoints": [{"matchLabels": {"com.docker.compose.service": "web"}}]}]}]
                """);
            host.MustReach("shop_web_1", "api");
            host.MustNotReach("shop_batch_1", "api");
        }
        finally
        {
            host.DeletePolicies();
            host.Sandbox.Run([.. compose, "down", "-t", "0"]);
        }
    }

    [ComposeFact]
    public void FiveStacks_BroughtUpSideBySide_AllWork()
    {
        File.WriteAllText(host.Sandbox.HostPath("/run/stack.yml"), """
            version: "2.4"
            services:
              api:
                image: weir-busybox
                command: sh -c "echo hello > /www/index.html; exec httpd -f -p 80 -h /www"
              web:
                image: weir-busybox
                command: sleep 600
            networks:
              default:
                driver: weir
                ipam:
                  driver: weir
            """);
        string[] stacks = [.. Enumerable.Range(1, 5).Select(number => $"stack{number}")];
        string[] Compose(string stack, params string[] command) => ["docker-compose", "-p", stack, "-f", "/run/stack.yml", .. command];
        try
        {
            // While the agent compares itself with Docker again and again, as containers that are renamed make it do.
            string renamed = host.RunClient("renamed", host.MakeNetwork());
            using BackgroundCommand renaming = host.Sandbox.Start("sh", "-c", $"while docker rename {renamed} {renamed}-b && docker rename {renamed}-b {renamed}; do :; done");
            Parallel.ForEach(stacks, stack => host.Sandbox.Run(Compose(stack, "up", "-d")).OrFail());
            foreach (string stack in stacks)
            {
                Wait.Until(
                    () => host.Sandbox.Run(Compose(stack, "exec", "-T", "web", "timeout", "2", "wget", "-qO-", "http://api/")).Output.Trim() == "hello",
                    10,
                    () => $"{stack} does not work: {host.Weir("endpoint", "list").All}");
            }
        }
        finally
        {
            Parallel.ForEach(stacks, stack => host.Sandbox.Run(Compose(stack, "down", "-t", "0")));
        }

        Assert.DoesNotContain("stack", host.Weir("endpoint", "list").Output, StringComparison.Ordinal);
    }

    [ComposeFact]
    public void ExampleOfTheGuide_DoesWhatTheGuideSays()
    {
        string guide = File.ReadAllText(Path.Combine(Sandbox.RepoRoot, "docs/guides/policy.md"));
        string[] blocks = [.. YamlBlock().Matches(guide).Select(match => match.Groups[1].Value)];
        File.WriteAllText(host.Sandbox.HostPath("/run/guide-compose.yml"), "version: \"2.4\"\n" + blocks[0]);
        File.WriteAllText(host.Sandbox.HostPath("/run/guide-policy.yaml"), blocks[1]);
        File.WriteAllText(host.Sandbox.HostPath("/run/guide-host.yaml"), blocks[2]);
        host.Docker("tag", "weir-busybox", "busybox");
        string[] compose = ["docker-compose", "-p", "guide", "-f", "/run/guide-compose.yml"];
        CommandResult Fetch(string service) => host.Sandbox.Run([.. compose, "exec", "-T", service, "timeout", "2", "wget", "-qO-", "http://db/"]);
        CommandResult Explain(string from, string to) => host.Weir("policy", "explain", "--exit-code", "--from", from, "--to", to, "--port", "80/tcp");
        try
        {
            host.Sandbox.Run([.. compose, "up", "-d"]).OrFail();
            Wait.Until(() => IsAnswered(Fetch("batch")), 10, () => $"db does not answer: {Fetch("batch").All}");
            host.Weir("policy", "validate", "--strict", "-f", "/run/guide-policy.yaml", "-f", "/run/guide-host.yaml").OrFail();
            host.Weir("policy", "apply", "-f", "/run/guide-policy.yaml").OrFail();
            Assert.True(IsAnswered(Fetch("web")));
            Assert.False(IsAnswered(Fetch("batch")));
            Assert.Equal(0, Explain("web", "db").ExitCode);
            CommandResult denied = Explain("guide/batch", "guide/db");
            Assert.Equal((1, true), (denied.ExitCode, denied.Output.StartsWith("guide/batch → guide/db 80/tcp: denied", StringComparison.Ordinal)));
            CommandResult host1 = Explain("host", "db");
            Assert.Equal((1, true), (host1.ExitCode, host1.Output.Contains("fromEntities: [host]", StringComparison.Ordinal)));
            host.Weir("policy", "apply", "-f", "/run/guide-host.yaml").OrFail();
            Assert.Equal(0, Explain("host", "db").ExitCode);
            Assert.Contains("no container and no service has that name", Explain("cache", "db").Error, StringComparison.Ordinal);
        }
        finally
        {
            host.DeletePolicies();
            host.Sandbox.Run([.. compose, "down", "-t", "0"]);
        }
    }

    /// <summary>The server has no page: it answers 404, and a client that is denied gets nothing at all.</summary>
    private static bool IsAnswered(CommandResult result) => result.Succeeded || result.All.Contains("404", StringComparison.Ordinal);

    [GeneratedRegex("```yaml\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex YamlBlock();
}
