// SPDX-License-Identifier: Apache-2.0
using System.Text;
using System.Text.RegularExpressions;
using Weir.Http.Patterns;
using Xunit;
using Xunit.Abstractions;

namespace Weir.Http.Tests;

public sealed class PatternTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("/public", "/public", true)]
    [InlineData("/public", "/public/", false)]
    [InlineData("/public", "x/public", false)]
    [InlineData("^/public$", "/public", true)]
    [InlineData("/a|/b", "/b", true)]
    [InlineData("/a|/b", "/ab", false)]
    [InlineData("(GET|HEAD)", "HEAD", true)]
    [InlineData("/v[0-9]+/.*", "/v12/x/y", true)]
    [InlineData("/v[^0-9]/", "/v1/", false)]
    [InlineData("a{2,3}", "aaa", true)]
    [InlineData("a{2,3}", "aaaa", false)]
    [InlineData("a{2,}", "aaaaa", true)]
    [InlineData("a{,2}", "a{,2}", true)]
    [InlineData("[[:alpha:]_-]+", "ab_-c", true)]
    [InlineData("\\d\\w\\s\\x41\\.", "1a A.", true)]
    [InlineData("(?i)get", "GeT", true)]
    [InlineData("(?i:a)b", "AB", false)]
    [InlineData("(?:a(?i)b)c", "aBC", false)]
    [InlineData("(?P<name>x)", "x", true)]
    [InlineData("a*?", "aaa", true)]
    [InlineData("", "", true)]
    [InlineData("", "a", false)]
    [InlineData("(^a|b)c", "ac", true)]
    [InlineData("x(^a|b)c", "xac", false)]
    [InlineData("(a$|b)", "a", true)]
    [InlineData("(a$|b)c", "ac", false)]
    [InlineData("grün", "grün", true)]
    [InlineData("[]a]+", "]a]", true)]
    [InlineData("[a-]", "-", true)]
    public void Pattern_MatchesTheWhole(string pattern, string text, bool expected) => Assert.Equal(expected, Matches(pattern, text));

    [Theory]
    [InlineData("*.png", "nothing before it to repeat")]
    [InlineData("(a", "not closed")]
    [InlineData("a)", "closes no group")]
    [InlineData("[a", "not closed")]
    [InlineData("a**", "repeats a repetition")]
    [InlineData("(?=a)", "looks ahead")]
    [InlineData("(?<!a)b", "looks ahead or behind")]
    [InlineData("(a)\\1", "refers back")]
    [InlineData("\\bword", "word boundary")]
    [InlineData("a{3,2}", "second number is below")]
    [InlineData("a{1001}", "more than 1000 times")]
    [InlineData("((a{1000}){1000}){1000}", "too large")]
    [InlineData("[z-a]", "range")]
    [InlineData("[[:nope:]]", "not known")]
    [InlineData("a\\", "ends with")]
    [InlineData("\\q", "not supported")]
    [InlineData("\\xg0", "hexadecimal")]
    [InlineData("[é]", "classes are of bytes")]
    [InlineData("(a|b)*a(a|b){14}", "4096 states")]
    public void BadPattern_IsAnErrorInWords(string pattern, string words)
    {
        var e = Assert.Throws<PatternException>(() => PatternSet.Check(pattern));
        Assert.Contains(words, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void LongAndDeepPatterns_AreErrors()
    {
        Assert.Throws<PatternException>(() => PatternSet.Check(new string('a', 3000)));
        Assert.Throws<PatternException>(() => PatternSet.Check(new string('(', 1000) + new string(')', 1000)));
    }

    [Fact]
    public void PatternsThatMultiplyStates_AreSpreadOverAutomata()
    {
        string[] patterns = [.. Enumerable.Range(0, 300).Select(i => $"/.*x{i:000}.*")];
        var set = new PatternSet(patterns);
        output.WriteLine($"{set.AutomatonCount} automata, {set.StateCount} states");
        Assert.True(set.AutomatonCount > 1);
        var mask = All(set);
        Assert.True(set.Narrow("/a-x007-x123-b"u8, mask));
        Assert.Equal([7, 123], Bits(mask));
    }

    [Fact]
    public void ManyPatterns_AreOneAutomaton()
    {
        string?[] patterns = [null, .. Enumerable.Range(0, 500).Select(i => $"/api/v1/resource{i}/[0-9]+")];
        var set = new PatternSet(patterns);
        Assert.Equal(1, set.AutomatonCount);
        var mask = All(set);
        set.Narrow("/api/v1/resource42/7"u8, mask);
        Assert.Equal([0, 43], Bits(mask));
    }

    /// <summary>The automata against .NET's own engine, on random patterns and texts.</summary>
    [Fact]
    public void RandomPatterns_MatchAsDotNetDoes()
    {
        var seed = int.Parse(Environment.GetEnvironmentVariable("WEIR_SEED") ?? $"{Random.Shared.Next()}", null);
        var cases = int.Parse(Environment.GetEnvironmentVariable("WEIR_CASES") ?? "2000", null);
        output.WriteLine($"seed {seed}, {cases} cases");
        var random = new Random(seed);
        for (var i = 0; i < cases; i++)
        {
            string[] patterns = [.. Enumerable.Range(0, random.Next(1, 5)).Select(_ => RandomPattern(random, 3))];
            var set = new PatternSet(patterns);
            Regex[] peers = [.. patterns.Select(pattern => new Regex($@"\A(?:{pattern})\z", RegexOptions.NonBacktracking))];
            for (var j = 0; j < 20; j++)
            {
                var text = string.Concat(Enumerable.Range(0, random.Next(8)).Select(_ => "abc/."[random.Next(5)]));
                var mask = All(set);
                set.Narrow(Encoding.UTF8.GetBytes(text), mask);
                int[] expected = [.. Enumerable.Range(0, peers.Length).Where(k => peers[k].IsMatch(text))];
                Assert.True(expected.SequenceEqual(Bits(mask)), $"seed {seed}, case {i}: '{text}' against {string.Join("  ", patterns)}");
            }
        }
    }

    private static string RandomPattern(Random random, int depth) => (depth == 0 ? 0 : random.Next(9)) switch
    {
        0 or 1 => new[] { "a", "b", "c", "/", ".", "\\.", "[ab]", "[^a]", "[a-c/]", "\\w" }[random.Next(10)],
        2 => RandomPattern(random, depth - 1) + RandomPattern(random, depth - 1),
        3 => $"(?:{RandomPattern(random, depth - 1)}|{RandomPattern(random, depth - 1)})",
        4 => $"(?:{RandomPattern(random, depth - 1)})*",
        5 => $"(?:{RandomPattern(random, depth - 1)})+",
        6 => $"(?:{RandomPattern(random, depth - 1)})?",
        7 => $"(?:{RandomPattern(random, depth - 1)}){{{random.Next(3)},{random.Next(3, 5)}}}",
        _ => RandomPattern(random, depth - 1) + (random.Next(6) == 0 ? "$" : "") + RandomPattern(random, depth - 1),
    };

    private static bool Matches(string pattern, string text)
    {
        var set = new PatternSet([pattern]);
        return set.Narrow(Encoding.UTF8.GetBytes(text), All(set));
    }

    private static ulong[] All(PatternSet set)
    {
        var mask = new ulong[set.Words];
        mask.AsSpan().Fill(ulong.MaxValue);
        return mask;
    }

    private static int[] Bits(ulong[] mask) => [.. Enumerable.Range(0, mask.Length * 64).Where(i => (mask[i >> 6] & (1UL << (i & 63))) != 0)];
}
