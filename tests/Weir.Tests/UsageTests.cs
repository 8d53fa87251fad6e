// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Weir.Agent;
using Weir.Cli;
using Xunit;

namespace Weir.Tests;

/// <summary>What somebody hears who does not know the command line yet.</summary>
public sealed class UsageTests
{
    public static TheoryData<string> CommandsWithArguments() =>
        [.. CommandLine.Build(AgentCommands.All).Leaves().Where(command => command.Arguments.Any(argument => argument.Arity.MinimumNumberOfValues > 0)).Select(command => string.Join(' ', command.PathBelowRoot()))];

    public static TheoryData<string> CommandsWithRequiredOptions() =>
        [.. CommandLine.Build(AgentCommands.All).Leaves().Where(command => command.Options.Any(option => option.Required)).Select(command => string.Join(' ', command.PathBelowRoot()))];

    [Theory]
    [InlineData("help", "--help")]
    [InlineData("help policy apply", "policy apply --help")]
    [InlineData("policy help", "policy --help")]
    [InlineData("policy help apply", "policy apply --help")]
    [InlineData("status help", "status --help")]
    [InlineData("endpoint get help", "endpoint get help")]
    [InlineData("monitor --from help", "monitor --from help")]
    [InlineData("status", "status")]
    public void HelpAsAWord_IsHelp_WhereItIsNoName(string written, string meant) =>
        Assert.Equal(meant.Split(' '), HelpWord.Replace(CommandLine.Build(AgentCommands.All), written.Split(' ')));

    [Theory]
    [InlineData("explian", "weir explain")]
    [InlineData("log", "weir monitor")]
    [InlineData("log", "weir endpoint log")]
    [InlineData("logs web", "weir monitor")]
    [InlineData("polcy", "weir policy")]
    [InlineData("endpoint lst", "weir endpoint list")]
    [InlineData("endpoint ls", "weir endpoint list")]
    [InlineData("policy list", "weir policy get")]
    [InlineData("service rm", "weir service delete")]
    [InlineData("aply", "weir policy apply")]
    [InlineData("ps", "weir endpoint list")]
    [InlineData("get endpoints", "weir endpoint get")]
    [InlineData("monitor --typ drop", "--type")]
    [InlineData("status --scoket x", "--socket")]
    public void WhatIsNotThere_IsFoundWhereItIs(string written, string meant) =>
        Assert.Contains($"'{meant}'", Describe(written), StringComparison.Ordinal);

    [Theory]
    [InlineData("conquer")]
    [InlineData("list")]
    public void WhatIsNowhere_GetsNoHint(string written) => Assert.DoesNotContain("did you mean", Describe(written), StringComparison.Ordinal);

    [Theory]
    [MemberData(nameof(CommandsWithArguments))]
    public void MissingArgument_IsNamed_WithItsMeaning(string path)
    {
        Argument first = Find(path).Arguments[0];
        string text = Describe(path);
        Assert.Contains($"<{first.Name}> is missing: {first.Description}", text, StringComparison.Ordinal);
        Assert.DoesNotContain("Required argument", text, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(CommandsWithRequiredOptions))]
    public void MissingOption_IsNamed_WithItsMeaning(string path)
    {
        foreach (Option option in Find(path).Options.Where(option => option.Required))
        {
            Assert.Contains($"{option.Name} is missing: {option.Description}", Describe(path), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("ct list --limit abc", "--limit \"abc\" is no number")]
    [InlineData("ct list --limit 0", "--limit must be at least 1")]
    [InlineData("monitor --port 70000", "--port \"70000\" is no number, or none")]
    [InlineData("status -o yaml", "--output \"yaml\"")]
    [InlineData("completion tcsh", "<shell> \"tcsh\"")]
    [InlineData("status --timeout 5x", "--timeout \"5x\"")]
    [InlineData("status --timeout 0s", "--timeout \"0s\"")]
    [InlineData("policy explain --from a --to", "--to has no value")]
    public void WrongValue_IsToldInOneLine_WithoutTypesOfTheLanguage(string written, string part)
    {
        string text = Describe(written);
        Assert.Contains(part, text, StringComparison.Ordinal);
        Assert.DoesNotContain("System.", text, StringComparison.Ordinal);
        Assert.DoesNotContain('\t', text);
    }

    [Fact]
    public void OnlyTheFirstUnknownWord_IsComplainedAbout()
    {
        string text = Describe("monitr --port 80");
        Assert.Contains("'monitr'", text, StringComparison.Ordinal);
        Assert.DoesNotContain("'--port'", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Completion_OffersNoSlash()
    {
        string[] offered = [.. CommandLine.Build(AgentCommands.All).Parse("").GetCompletions().Select(item => item.Label)];
        Assert.Contains("policy", offered);
        Assert.Contains("--version", offered);
        Assert.DoesNotContain(offered, text => text.Contains('?', StringComparison.Ordinal) || text.StartsWith('/'));
    }

    private static Command Find(string path) => CommandLine.Build(AgentCommands.All).Leaves().Single(command => string.Join(' ', command.PathBelowRoot()) == path);

    private static string Describe(string written) => string.Join('\n', UsageErrors.Describe(CommandLine.Build(AgentCommands.All).Parse(written.Split(' '))));
}
