// SPDX-License-Identifier: Apache-2.0
using System.Reflection;
using System.Text.RegularExpressions;
using Xunit;

namespace Weir.Structure.Tests;

/// <summary>What keeps a failure from ending a process in silence: one base, and a border at every thread.</summary>
public sealed partial class FailureTests
{
    private static readonly string _root = typeof(FailureTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "RepoRoot").Value!;

    /// <summary>They say to a reader of input what is wrong in it, who catches them at once.</summary>
    private static readonly string[] _withinReaders = ["PatternException", "TooMuchException"];

    private static readonly (string Path, string Text)[] _sources =
    [
        .. Directory.GetFiles(Path.Combine(_root, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains("/obj/", StringComparison.Ordinal))
            .Select(file => (Path.GetRelativePath(_root, file), File.ReadAllText(file))),
    ];

    [Fact]
    public void EveryThread_HasABorder()
    {
        string[] bare = [.. _sources.Where(source => source.Text.Contains("new Thread(", StringComparison.Ordinal)).Select(source => source.Path)];
        Assert.Equal(["src/Weir.Linux/GuardedThread.cs"], bare);
    }

    [Fact]
    public void EveryExceptionOfOurs_HasTheBase()
    {
        Dictionary<string, string> bases = Exceptions();
        Assert.Contains("LinuxException", bases.Keys);
        Assert.All(bases.Keys.Except(_withinReaders), name => Assert.True(IsWeirs(name, bases), $"{name} is not a WeirException"));
    }

    [Fact]
    public void NoCatchList_NamesThreeOfThem()
    {
        Dictionary<string, string> bases = Exceptions();
        string[] expected = [.. bases.Keys.Where(name => IsWeirs(name, bases)), "IOException", "UnauthorizedAccessException", "SocketException"];
        List<string> lists = [];
        foreach ((string path, string text) in _sources.Where(source => !source.Path.EndsWith("/WeirException.cs", StringComparison.Ordinal)))
        {
            foreach (Match list in CatchList().Matches(text))
            {
                if (Word().Matches(list.Groups[1].Value).Select(word => word.Value).Intersect(expected).Count() >= 3)
                {
                    lists.Add($"{path}: {list.Value.Split('\n')[0].Trim()}");
                }
            }
        }

        Assert.True(lists.Count == 0, "WeirException.IsExpected says it: " + string.Join("; ", lists));
    }

    /// <summary>Name → the name of its base.</summary>
    private static Dictionary<string, string> Exceptions() => _sources
        .SelectMany(source => ExceptionClass().Matches(source.Text))
        .ToDictionary(match => match.Groups[1].Value, match => match.Groups[2].Value);

    private static bool IsWeirs(string name, Dictionary<string, string> bases) =>
        name == "WeirException" || (bases.TryGetValue(name, out string? parent) && IsWeirs(parent, bases));

    [GeneratedRegex(@"class (\w+Exception)\b(?:\([^)]*\))?\s*: (\w+)")]
    private static partial Regex ExceptionClass();

    [GeneratedRegex(@"catch \(\w+ \w+\) when \(((?s:.*?))\)\s*\n\s*(?:#pragma[^\n]*\n\s*)?\{")]
    private static partial Regex CatchList();

    [GeneratedRegex(@"\w+Exception\b")]
    private static partial Regex Word();
}
