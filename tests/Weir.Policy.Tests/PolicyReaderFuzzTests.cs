// SPDX-License-Identifier: Apache-2.0
using System.Runtime.CompilerServices;
using Xunit;
using Xunit.Abstractions;

namespace Weir.Policy.Tests;

/// <summary>
/// The policy reader on text that nobody would write: it must answer with documents or with problems that
/// name a place inside the text, and must never throw. WEIR_SEED and WEIR_CASES repeat and enlarge a run.
/// </summary>
public sealed class PolicyReaderFuzzTests(ITestOutputHelper output)
{
    private static readonly string[] Tokens =
    [
        "\n", "\n  ", "\n- ", ": ", "{", "}", "[", "]", "---\n", "...\n", "&a ", "*a", "<<: ", "!!str ", "\"", "'", "#", "|", ">", "%YAML 1.2\n",
        "\t", "\0", "\r", "\uFEFF", "\u2028", "~", "null", "true", "-1", "4294967296", "1e999", "0x1F", "::/0", "0.0.0.0/33", "fromEndpoints", "toPorts",
        "matchLabels", "matchExpressions", "fromCIDRSet", "enableDefaultDeny", "NetworkPolicy", "apiVersion", "kind", "specs", "icmps", "\ud800",
    ];

    [Fact]
    public void AnyText_GivesDocumentsOrProblemsWithAPlace()
    {
        var seed = int.Parse(Environment.GetEnvironmentVariable("WEIR_SEED") ?? $"{Random.Shared.Next()}", null);
        var cases = int.Parse(Environment.GetEnvironmentVariable("WEIR_CASES") ?? "10000", null);
        output.WriteLine($"seed {seed}, {cases} cases");
        var random = new Random(seed);
        var corpus = Corpus();
        for (var i = 0; i < cases; i++)
        {
            var text = Mutate(random, corpus);
            var result = Read(text, seed, i);
            Assert.True(result.Documents.Count == 0 || !result.HasErrors, $"seed {seed}, case {i}: documents beside errors");
            MustReadAgain(result, seed, i);
            // One more: YAML counts the end of an unfinished last line as a line of its own.
            var lines = text.Count(c => c is '\n' or '\r' or '\u0085' or '\u2028' or '\u2029') + 2;
            Assert.All(result.Problems, problem => Assert.True((problem.Location?.Line ?? 0) <= lines, $"seed {seed}, case {i}: {problem} in {lines} lines of\n{text}"));
        }
    }

    /// <summary>Deep nesting must not exhaust the stack, which nothing could catch.</summary>
    [Theory]
    [InlineData("[")]
    [InlineData("{a: ")]
    [InlineData("- ")]
    [InlineData("? ")]
    [InlineData("[{\"a\":")]
    public void DeepNesting_IsAProblem(string opening)
    {
        var text = string.Concat(Enumerable.Repeat(opening, 100_000));
        Assert.True(PolicyReader.Read("deep.yaml", text).HasErrors);
        Assert.True(PolicyReader.Read("deep.json", text).HasErrors);
    }

    private static PolicyReadResult Read(string text, int seed, int number)
    {
        try
        {
            return PolicyReader.Read(text.StartsWith('[') ? "fuzz.json" : "fuzz.yaml", text);
        }
        catch (Exception exception)
        {
            throw new InvalidOperationException($"seed {seed}, case {number}:\n{text}", exception);
        }
    }

    /// <summary>A document's own text is what is kept: an agent that cannot read it again does not start.</summary>
    private static void MustReadAgain(PolicyReadResult result, int seed, int number)
    {
        foreach (var document in result.Documents)
        {
            var again = PolicyReader.Read(document.SourceFile, document.Text, document.FirstLine, isKept: true);
            var same = again.Documents is [var only] && only.Key == document.Key && only.FirstLine == document.FirstLine
                && only.Rules.Select(rule => (rule.Name, rule.Location)).SequenceEqual(document.Rules.Select(rule => (rule.Name, rule.Location)));
            Assert.True(same, $"seed {seed}, case {number}: {document.Key} in line {document.FirstLine} is not itself again: {string.Join("; ", again.Problems)}\n{document.Text}");
        }
    }

    private static string Mutate(Random random, List<string> corpus)
    {
        var text = corpus[random.Next(corpus.Count)];
        for (var changes = random.Next(1, 6); changes > 0; changes--)
        {
            var from = random.Next(text.Length + 1);
            var to = Math.Min(text.Length, from + random.Next(24));
            text = random.Next(5) switch
            {
                0 => text.Remove(from, to - from),
                1 => text.Insert(from, Tokens[random.Next(Tokens.Length)]),
                2 => text.Insert(random.Next(text.Length + 1), text[from..to]),
                3 => text[..from] + Splice(random, corpus) + text[to..],
                _ => text[..from],
            };
        }

        return text;
    }

    private static string Splice(Random random, List<string> corpus)
    {
        var other = corpus[random.Next(corpus.Count)];
        var from = random.Next(other.Length + 1);
        return other[from..Math.Min(other.Length, from + random.Next(60))];
    }

    private static List<string> Corpus([CallerFilePath] string file = "")
    {
        var here = Path.GetDirectoryName(file)!;
        var examples = Path.Combine(here, "..", "..", "examples");
        return
        [
            .. Directory.GetFiles(Path.Combine(here, "Golden"), "input.*", SearchOption.AllDirectories)
                .Concat(Directory.GetFiles(examples, "*.yaml", SearchOption.AllDirectories))
                .Order(StringComparer.Ordinal)
                .Select(File.ReadAllText),
            PolicyObjectTests.List,
            PolicyObjectTests.JsonList,
            PolicyObjectTests.List + "\n---\n" + PolicyObjectTests.JsonList,
        ];
    }
}
