// SPDX-License-Identifier: Apache-2.0
using System.Text.RegularExpressions;

namespace Weir.Testing;

/// <summary>The weir commands that README and the documents show in blocks; decisions, which tell of their time, are left out.</summary>
public static partial class DocumentedCommands
{
    /// <summary>The documents, relative to the root of the clone, in order.</summary>
    public static IEnumerable<string> Documents(string root) =>
    [
        "README.md",
        .. Directory.GetFiles(Path.Combine(root, "docs"), "*.md", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(root, file))
            .Where(file => !file.StartsWith("docs/adr", StringComparison.Ordinal)).Order(StringComparer.Ordinal),
    ];

    /// <summary>Those in blocks, without what the shell makes of them, without comments, and without those that leave a gap to the reader.</summary>
    public static IEnumerable<(int Line, string Command)> Of(string path)
    {
        string[] lines = File.ReadAllLines(path);
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

    /// <summary>As a shell takes them.</summary>
    public static string[] Words(string command) =>
        [.. Word().Matches(command).Select(match => match.Value.Replace("'", "", StringComparison.Ordinal).Replace("\"", "", StringComparison.Ordinal))];

    /// <summary>What is left to the reader: "…", NAME, &lt;name&gt;, [--option].</summary>
    private static bool IsGap(string text) => text.Contains('…', StringComparison.Ordinal) || text.Contains("...", StringComparison.Ordinal) || text.Contains('[', StringComparison.Ordinal) || text.Contains('<', StringComparison.Ordinal) || Placeholder().IsMatch(text);

    [GeneratedRegex("""(?:[^\s'"]|'[^']*'|"[^"]*")+""")]
    private static partial Regex Word();

    [GeneratedRegex(@"^\s*([a-z0-9]*\$ )?(sudo )?(?<command>weir( [^#|>&;]+)?)(?![\w_])")]
    private static partial Regex Command();

    [GeneratedRegex(@"\b[A-Z]{4,}\b")]
    private static partial Regex Placeholder();
}
