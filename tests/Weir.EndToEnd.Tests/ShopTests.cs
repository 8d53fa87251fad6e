// SPDX-License-Identifier: Apache-2.0
using System.Text.RegularExpressions;
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>The way that docs/guides/observe.md leads, on the stack of examples/shop.</summary>
[Collection(RestartedHost.Name)]
public sealed class ShopTests(DockerHost host)
{
    private const string Draft = "/run/db.yaml";

    [ComposeFact]
    public void FromTheRecord_ToAPolicyInForce()
    {
        string[] compose = ["env", "SHOP_IMAGE=weir-busybox", "docker-compose", "-p", "shop", "-f", Path.Combine(Sandbox.RepoRoot, "examples/shop/compose.yaml")];
        try
        {
            host.Sandbox.Run([.. compose, "up", "-d"]).OrFail();
            foreach ((string from, string to) in new[] { ("web", "api"), ("api", "db"), ("report", "db") })
            {
                Wait.Until(() => Regex.IsMatch(Summary(), $"shop[_-]{from}[_-]1 +shop[_-]{to}[_-]1 +(8080|5432)/tcp"), 30, () => $"{from} → {to} is not on record:\n{Summary()}");
            }

            // What was seen, and no more; read, and without what nobody meant.
            string suggested = host.Weir("policy", "suggest", "--for", "shop/db", "--since", "10m").OrFail().Output;
            Write(suggested);
            host.Weir("policy", "validate", "--strict", "-f", Draft).OrFail();
            Assert.Contains("would refuse 0 of", Try().OrFail().Output, StringComparison.Ordinal);
            Write(Without(suggested, "report"));
            CommandResult tried = Try();
            Assert.Equal(1, tried.ExitCode);
            Assert.Matches(@"would refuse [1-9][0-9]* of [0-9]+ flows:\s+shop[_-]report[_-]1 → shop[_-]db[_-]1 5432/tcp: ", tried.Output);
            Assert.DoesNotMatch("api[_-]1 → ", tried.Output);

            // Judged and told, and nothing is refused.
            Assert.Contains("in audit: not enforced", Apply("--audit"), StringComparison.Ordinal);
            MustTell("--verdict audited", @"verdict shop[_-]report[_-]1 .* → shop[_-]db[_-]1 .*: audited");
            Assert.Equal("rows", Ask("report").Output.Trim());

            // In force.
            Assert.DoesNotContain("audit", Apply(), StringComparison.Ordinal);
            Wait.Until(() => !Ask("report").Succeeded, 10, () => "the report still reaches db");
            Assert.Equal("rows", Ask("api").Output.Trim());
            MustTell("--type drop", @"drop shop[_-]report[_-]1 .* → shop[_-]db[_-]1 .*5432/tcp.* ingress at shop[_-]db[_-]1: policy denied");
            Assert.DoesNotMatch(@"drop shop[_-](web|api)", host.Weir("flows", "--since", "10m", "--type", "drop").OrFail().Output);

            // What the example comes with: requests, too.
            host.DeletePolicies();
            host.Weir("policy", "apply", "-f", Path.Combine(Sandbox.RepoRoot, "examples/shop/policy/")).OrFail();
            Wait.Until(() => !Ask("report").Succeeded && !Ask("web", "api:8080/").Succeeded, 20, () => host.Weir("policy", "get").All);
            Assert.Equal(("rows", "order 3"), (Ask("api").Output.Trim(), Ask("web", "api:8080/orders/3").Output.Trim()));
            MustTell("--type l7", @"http shop[_-]web[_-]1 .* → shop[_-]api[_-]1 .* GET / .*: 403 refused.*examples/shop/policy/api.yaml:");

            CommandResult Ask(string service, string whom = "db:5432/") => host.Sandbox.Run([.. compose, "exec", "-T", service, "timeout", "2", "wget", "-qO-", $"http://{whom}"]);
        }
        finally
        {
            host.DeletePolicies();
            host.Sandbox.Run([.. compose, "down", "-t", "0"]);
        }
    }

    private void Write(string policy) => File.WriteAllText(host.Sandbox.HostPath(Draft), policy);

    private CommandResult Try() => host.Weir("policy", "apply", "--dry-run", "--since", "10m", "-f", Draft);

    private string Apply(params string[] options) => host.Weir(["policy", "apply", "-f", Draft, .. options]).OrFail().Output;

    private void MustTell(string options, string pattern)
    {
        string flows = "";
        Wait.Until(
            () => Regex.IsMatch(flows = host.Weir(["flows", "--since", "10m", .. options.Split(' ')]).OrFail().Output, pattern), 20, () => $"no {pattern} in\n{flows}");
    }

    /// <summary>Without the last entry, which must be this service's.</summary>
    private static string Without(string policy, string service)
    {
        int entry = policy.LastIndexOf("    # ", StringComparison.Ordinal);
        Assert.Contains($"com.docker.compose.service: {service}\n", policy[entry..], StringComparison.Ordinal);
        return policy[..entry];
    }

    private string Summary() => host.Weir("flows", "--since", "10m", "--summary").OrFail().Output;
}
