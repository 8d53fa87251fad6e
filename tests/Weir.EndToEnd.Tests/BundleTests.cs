// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>What a maintainer gets to see, and what not.</summary>
[Collection(RestartedHost.Name)]
public sealed class BundleTests(DockerHost host)
{
    private const string Secret = "planted-4711";

    [PrivilegedFact]
    public void Bundle_HasWhatIsNeeded_AndNoSecret_WithTheAgentAndWithout()
    {
        string network = host.MakeNetwork();
        string api = host.RunServer("api", network, "-l", "bundled=api");
        try
        {
            host.Apply("secret.yaml", $$$"""
                - endpointSelector: {matchLabels: {bundled: api}}
                  ingress:
                    - toPorts:
                        - ports: [{port: "9100", protocol: TCP}]
                          rules:
                            http:
                              - headers: ["X-Token: {{{Secret}}}"]
                              - headerMatches:
                                  - name: Authorization
                                    value: Bearer {{{Secret}}}
                """);
            string first = Unpack("first", []);
            Assert.Contains($"\"{api}\"", Read("first", "endpoints.json"), StringComparison.Ordinal);
            Assert.Contains("secret.yaml", Read("first", "policies.json"), StringComparison.Ordinal);
            Assert.Contains("weir_", Read("first", "metrics.txt"), StringComparison.Ordinal);
            Assert.Contains("NAME=", Read("first", "host/system.txt"), StringComparison.Ordinal);
            Assert.Contains("\"file\": \"status.json\"", Read("first", "manifest.json"), StringComparison.Ordinal);
            Assert.DoesNotContain(Secret, first, StringComparison.Ordinal);
            Assert.Equal("600", host.Sandbox.Run(["stat", "-c", "%a", "/run/first.tar.gz"]).OrFail().Output.Trim());

            CommandResult again = host.Weir("bundle", "--file", "/run/first.tar.gz");
            Assert.Equal(2, again.ExitCode);
            Assert.Contains("/run/first.tar.gz exists", again.Error, StringComparison.Ordinal);
            CommandResult nowhere = host.Weir("bundle", "--file", "/nowhere/x.tar.gz");
            Assert.Equal(2, nowhere.ExitCode);
            Assert.Contains("/nowhere/x.tar.gz: there is no such folder", nowhere.Error, StringComparison.Ordinal);

            // An agent with other settings, elsewhere; and settings that are wrong.
            CommandResult typo = host.Weir("bundle", "--config", "/etc/weir/agnet.yaml", "--file", "/run/typo.tar.gz");
            Assert.Equal((2, "weir bundle: --config /etc/weir/agnet.yaml: there is no such file"), (typo.ExitCode, typo.Error.Trim()));
            host.Sandbox.WriteFile("/run/other.yaml", $"socket: /run/nowhere/weir.sock\nmetrics:\n  token-file: /run/{Secret}\n  adress: 127.0.0.1:1\n");
            string other = Unpack("other", ["--config", "/run/other.yaml"]);
            Assert.Contains("adress", Read("other", "host/settings.txt"), StringComparison.Ordinal);

            host.Agent.Kill();
            string second = Unpack("second", ["--no-flows"]);
            Assert.Contains("the agent", Read("second", "manifest.json"), StringComparison.Ordinal);
            Assert.Contains("ok", Read("second", "check.txt"), StringComparison.Ordinal);
            Assert.DoesNotContain("flows.txt", second, StringComparison.Ordinal);
            host.Agent.Start();
        }
        finally
        {
            host.DeletePolicies();
            host.Remove(api);
            host.Docker("network", "rm", network);
        }
    }

    /// <summary>Makes one, and returns all that is in it.</summary>
    private string Unpack(string name, string[] options)
    {
        host.Weir(["bundle", "--file", $"/run/{name}.tar.gz", .. options]).OrFail();
        host.Sandbox.Run(["tar", "-xzf", $"/run/{name}.tar.gz", "-C", "/run"]).OrFail();
        return host.Sandbox.Run(["grep", "-r", "", $"/run/{name}"]).OrFail().Output;
    }

    private string Read(string name, string file) => host.Sandbox.Run(["cat", $"/run/{name}/{file}"]).OrFail().Output;
}
