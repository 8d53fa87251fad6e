// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using System.Reflection;
using Weir.Agent;
using Weir.Cli;
using Weir.Testing;
using Weir.Ui;
using Xunit;

namespace Weir.Tests;

/// <summary>Every command that the documents show is one that the command line takes. (DocumentedCommandRunTests runs them.)</summary>
public sealed class DocumentedCommandTests
{
    private static readonly string _root = typeof(DocumentedCommandTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "RepoRoot").Value!;

    public static TheoryData<string> Documents() => [.. DocumentedCommands.Documents(_root)];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Commands_AreUnderstood(string document)
    {
        RootCommand root = CommandLine.Build([.. AgentCommands.All, .. UiCommands.All]);
        List<string> wrong = [];
        foreach ((int line, string command) in DocumentedCommands.Of(Path.Combine(_root, document)))
        {
            ParseResult parsed = root.Parse(DocumentedCommands.Words(command)[1..]);
            wrong.AddRange(parsed.Errors.Select(error => $"{document}:{line}: {command}: {error.Message}"));
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    [Fact]
    public void ManyAreFound() =>
        Assert.True(DocumentedCommands.Documents(_root).Sum(document => DocumentedCommands.Of(Path.Combine(_root, document)).Count()) > 150);
}
