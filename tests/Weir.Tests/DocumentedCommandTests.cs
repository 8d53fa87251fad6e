// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using System.Reflection;
using System.Text.RegularExpressions;
using Weir.Agent;
using Weir.Cli;
using Weir.Ui;
using Xunit;

namespace Weir.Tests;

/// <summary>Every command that the documents show is one that the command line takes.</summary>
public sealed partial class DocumentedCommandTests
{
    private static readonly string _root = typeof(DocumentedCommandTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "RepoRoot").Value!;

    public static TheoryData<string> Documents() => [.. Files()];

    private static IEnumerable<string> Files() =>
        [.. new[] { "README.md" }.Concat(Directory.GetFiles(Path.Combine(_root, "docs"), "*.md", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(_root, file)).Where(file => !file.StartsWith("docs/adr", StringComparison.Ordinal)))];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Commands_AreUnderstood(string document)
    {
        RootCommand root = CommandLine.Build([.. AgentCommands.All, .. UiCommands.All]);
        List<string> wrong = [];
        foreach ((int number, string command) in Commands(File.ReadAllLines(Path.Combine(_root, document))))
        {
            ParseResult parsed = root.Parse([.. Words(command).Skip(1)]);
            wrong.AddRange(parsed.Errors.Select(error => $"{document}:{number}: {command}: {error.Message}"));
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    [Fact]
    public void ManyAreFound() =>
        Assert.True(Files().Sum(file => Commands(File.ReadAllLines(Path.Combine(_root, file))).Count()) > 150);

    /// <summary>Those in blocks, without what the shell makes of them and without comments.</summary>
    private static IEnumerable<(int Line, string Command)> Commands(string[] lines)
    {
        bool isInside = false;
        for (int i = 0; i < lines.Length; i++)
        {
            if (lines[i].StartsWith("```", StringComparison.Ordinal))
            {
                isInside = !isInside;
            }
            else if (isInside && Command().Match(lines[i]) is { Success: true } match && !IsGap(match.Value))
            {
                yield return (i + 1, match.Groups["command"].Value.Trim());
            }
        }
    }

    /// <summary>What is left to the reader: "…", NAME, &lt;name&gt;, [--option].</summary>
    private static bool IsGap(string text) => text.Contains('…', StringComparison.Ordinal) || text.Contains("...", StringComparison.Ordinal) || text.Contains('[', StringComparison.Ordinal) || text.Contains('<', StringComparison.Ordinal) || Placeholder().IsMatch(text);

    /// <summary>As a shell takes them.</summary>
    private static IEnumerable<string> Words(string command) =>
        Word().Matches(command).Select(match => match.Value.Replace("'", "", StringComparison.Ordinal).Replace("\"", "", StringComparison.Ordinal));

    [GeneratedRegex("""(?:[^\s'"]|'[^']*'|"[^"]*")+""")]
    private static partial Regex Word();

    [GeneratedRegex(@"^\s*([a-z]*\$ )?(sudo )?(?<command>weir( [^#|>&;]+)?)(?![\w_])")]
    private static partial Regex Command();

    [GeneratedRegex(@"\b[A-Z]{4,}\b")]
    private static partial Regex Placeholder();
}
