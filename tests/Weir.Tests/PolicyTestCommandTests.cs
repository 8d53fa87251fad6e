// SPDX-License-Identifier: Apache-2.0
using System.Reflection;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Xunit;

namespace Weir.Tests;

public sealed partial class PolicyTestCommandTests : IDisposable
{
    private const string Policy = "- {endpointSelector: {matchLabels: {role: api}}, ingress: [{fromEndpoints: [{matchLabels: {role: web}}]}]}";

    private static readonly string _root = typeof(PolicyTestCommandTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "RepoRoot").Value!;

    private readonly string _folder = Directory.CreateTempSubdirectory("weir").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task ExampleOfTheGuide_DoesWhatTheGuideSays()
    {
        string guide = File.ReadAllText(Path.Combine(_root, "docs/guides/policy.md"));
        string[] blocks = [.. YamlBlock().Matches(guide).Select(match => match.Groups[1].Value)];
        Write("policy.yaml", blocks[1]);
        string tests = Write("shop.policytest.yaml", blocks[3]);
        (int code, string output, _) = await RunAsync("policy", "test", tests);
        Assert.Equal(0, code);
        Assert.Equal("5 passed, 0 failed", output.Trim());

        // What the guide shows of a failure.
        File.WriteAllText(tests, blocks[3].Replace("to: db, expect: denied}                   #", "to: db, expect: allowed} #", StringComparison.Ordinal));
        (code, output, _) = await RunAsync("policy", "test", tests);
        Assert.Equal(1, code);
        string[] shown = [.. guide[guide.IndexOf("shop.policytest.yaml:9: FAILED", StringComparison.Ordinal)..].Split('\n').Take(4)];
        string[] real = output.Split('\n');
        Assert.EndsWith(shown[0], real[0], StringComparison.Ordinal);
        Assert.Equal(shown[1..3], real[1..3]);
        string[] halves = shown[3].Split("policy.yaml");
        Assert.StartsWith(halves[0], real[3], StringComparison.Ordinal);
        Assert.Contains(halves[1].TrimEnd('…'), real[3], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Examples_AllPass()
    {
        (int code, string output, string error) = await RunAsync("policy", "test", Path.Combine(_root, "examples"));
        Assert.True(code == 0, output + error);
        Assert.Equal(0, (await RunAsync("policy", "validate", "--strict", "-f", Path.Combine(_root, "examples/http.yaml"))).Code);
    }

    [Fact]
    public async Task FolderOfPolicyAndTests_IsReadByEachForItself()
    {
        Write("policy.yaml", Policy);
        Write("a.policytest.yaml", "tests: [{from: role=web, to: role=api, port: 80/tcp, expect: allowed}]");
        Write("b.policytest.yaml", "tests: [{from: role=x, to: role=api, port: 80/tcp, expect: denied}]");
        Assert.Equal((0, "2 passed, 0 failed\n", ""), await RunAsync("policy", "test", _folder));
        Assert.Equal(0, (await RunAsync("policy", "validate", "-f", _folder)).Code);
    }

    [Fact]
    public async Task Results_AreJson_AndJUnit_WhateverNamesAre()
    {
        Write("policy.yaml", Policy);
        string tests = Write("a.policytest.yaml", """
            tests:
              - {name: "<&\"]]>\u0001\uFFFE😀\u202e", from: role=web, to: role=api, port: 80/tcp, expect: denied, by: policy}
              - {from: role=web, to: role=api, port: 80/tcp, expect: allowed}
            """);
        string junit = Path.Combine(_folder, "results.xml");
        (int code, string output, _) = await RunAsync("policy", "test", tests, "-o", "json", "--junit", junit);
        Assert.Equal(1, code);
        using JsonDocument json = JsonDocument.Parse(output);
        Assert.Equal((1, 1), (json.RootElement.GetProperty("passed").GetInt32(), json.RootElement.GetProperty("failed").GetInt32()));
        JsonElement first = json.RootElement.GetProperty("tests")[0];
        Assert.Equal(("denied", "allowed", 2), (first.GetProperty("expected").GetString(), first.GetProperty("got").GetString(), first.GetProperty("line").GetInt32()));

        XElement suite = Assert.Single(XDocument.Load(junit).Root!.Elements("testsuite"));
        Assert.Equal(("2", "1"), (suite.Attribute("tests")!.Value, suite.Attribute("failures")!.Value));
        Assert.Equal("<&\"]]>\uFFFD\uFFFD😀\u202e", suite.Elements("testcase").First().Attribute("name")!.Value);
        XElement failure = suite.Elements("testcase").First().Element("failure")!;
        Assert.Equal("expected denied by policy, got allowed", failure.Attribute("message")!.Value);
        Assert.Contains("allowed by rule policy at", failure.Value, StringComparison.Ordinal);

        (code, _, string error) = await RunAsync("policy", "test", tests, "--junit", Path.Combine(_folder, "no", "results.xml"));
        Assert.Equal(2, code);
        Assert.StartsWith("weir: --junit ", error, StringComparison.Ordinal);
        (_, output, _) = await RunAsync("policy", "test", tests);
        Assert.DoesNotContain('\u0001', output);
    }

    [Theory]
    [InlineData("tests: [{from: wbe, to: role=api, expect: denied}]", "a.policytest.yaml:1:16: error: from: no workload is named \"wbe\"")]
    [InlineData("tests: [{from: role=web, to: role=api, expect: denied, by: polic}]", "a.policytest.yaml:1:60: error: by: no policy is named \"polic\"; did you mean \"policy\"?")]
    [InlineData("policies: [gone.yaml]\ntests: [{from: role=web, to: role=api, expect: denied}]", "a.policytest.yaml:1:12: ")]
    [InlineData("policies: [bad.txt]\ntests: [{from: role=web, to: role=api, expect: denied}]", "bad.txt:1:1: error: ")]
    [InlineData("policies: [a.policytest.yaml]\ntests: [{from: role=web, to: role=api, expect: denied}]", "this is a file of tests: 'weir policy test' takes it")]
    public async Task WrongInput_EndsWith2_AndNamesThePlace(string tests, string error)
    {
        Write("policy.yaml", Policy);
        Write("bad.txt", "{}");
        (int code, string output, string found) = await RunAsync("policy", "test", Write("a.policytest.yaml", tests));
        Assert.Equal((2, ""), (code, output));
        Assert.Contains(error, found, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NothingThere_EndsWith2()
    {
        Assert.Equal(2, (await RunAsync("policy", "test", Path.Combine(_folder, "no"))).Code);
        (int code, _, string error) = await RunAsync("policy", "test", _folder);
        Assert.Equal(2, code);
        Assert.Contains("no *.policytest.yaml is in this folder", error, StringComparison.Ordinal);
    }

    [GeneratedRegex("```yaml\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex YamlBlock();

    private static Task<(int Code, string Output, string Error)> RunAsync(params string[] args) => Executable.RunAsync(args);

    private string Write(string name, string text)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return path;
    }
}
