// SPDX-License-Identifier: Apache-2.0
using System.Reflection;
using System.Text.Json;
using Xunit;

namespace Weir.Tests;

public sealed class PolicyDiffCommandTests : IDisposable
{
    private static readonly string _root = typeof(PolicyDiffCommandTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "RepoRoot").Value!;

    private readonly string _folder = Directory.CreateTempSubdirectory("weir").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Difference_EndsWith1_AndNamesTheRules()
    {
        string old = Write("old", Policy("GET"));
        string @new = Write("new", Policy("GET|PUT"));
        (int code, string output, string error) = await Executable.RunAsync("policy", "diff", old, @new);
        Assert.Equal((1, ""), (code, error));
        Assert.Equal(
            [
                "role=web → role=api 80/tcp: only GET → only GET|PUT",
                "  for example PUT /: passes now",
                $"  - ingress: PUT / is refused with 403: rule policy at {old}/policy.yaml:1 allows only GET",
                $"  + ingress: PUT / is allowed by rule policy at {@new}/policy.yaml:6",
                "1 difference",
            ],
            output.TrimEnd().Split('\n'));

        // The guide shows the same.
        string guide = File.ReadAllText(Path.Combine(_root, "docs/guides/policy.md"));
        Assert.Contains($"$ weir policy diff policies/ new/\n{output.Replace($"{old}/", "policies/", StringComparison.Ordinal).Replace($"{@new}/", "new/", StringComparison.Ordinal)}", guide, StringComparison.Ordinal);

        (code, output, _) = await Executable.RunAsync("policy", "diff", old, @new, "-o", "json");
        Assert.Equal(1, code);
        using JsonDocument json = JsonDocument.Parse(output);
        Assert.False(json.RootElement.GetProperty("same").GetBoolean());
        JsonElement difference = json.RootElement.GetProperty("differences")[0];
        Assert.Equal(("role=web", "80/tcp", "PUT /"), (difference.GetProperty("from")[0].GetString(), difference.GetProperty("ports").GetString(), difference.GetProperty("opened").GetString()));
    }

    [Fact]
    public async Task NoDifference_EndsWith0()
    {
        (int code, string output, _) = await Executable.RunAsync("policy", "diff", Write("old", Policy("GET|PUT")), Write("new", Policy("PUT|GET")));
        Assert.Equal(0, code);
        Assert.StartsWith("no difference", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WrongInput_EndsWith2_AndAnEmptyFolderIsNoPolicy()
    {
        string fine = Write("fine", Policy("GET"));
        string bad = Write("bad", "- {endpointSelectr: {}}");
        (int code, _, string error) = await Executable.RunAsync("policy", "diff", bad, fine);
        Assert.Equal(2, code);
        Assert.Contains("bad/policy.yaml:1:4: error: unknown field", error, StringComparison.Ordinal);
        Assert.Equal(2, (await Executable.RunAsync("policy", "diff", fine, Path.Combine(_folder, "no"))).Code);
        string empty = Directory.CreateDirectory(Path.Combine(_folder, "empty")).FullName;
        (code, string output, error) = await Executable.RunAsync("policy", "diff", empty, fine);
        Assert.Equal(1, code);
        Assert.Contains("compared as no policy", error, StringComparison.Ordinal);
        Assert.Contains("allowed → denied", output, StringComparison.Ordinal);
    }

    private static string Policy(string method) =>
        """
        - endpointSelector: {matchLabels: {role: api}}
          ingress:
            - fromEndpoints: [{matchLabels: {role: web}}]
              toPorts:
                - ports: [{port: "80", protocol: TCP}]
                  rules: {http: [{method: METHOD}]}
        """.Replace("METHOD", method, StringComparison.Ordinal);

    private string Write(string name, string text)
    {
        string folder = Directory.CreateDirectory(Path.Combine(_folder, name)).FullName;
        File.WriteAllText(Path.Combine(folder, "policy.yaml"), text);
        return folder;
    }
}
