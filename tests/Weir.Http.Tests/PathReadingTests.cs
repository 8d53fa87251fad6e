// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Http.Http1;
using Xunit;

namespace Weir.Http.Tests;

/// <summary>What servers may make of a path, each of which a rule must allow.</summary>
public sealed class PathReadingTests
{
    [Theory]
    [InlineData("/a/b")]
    [InlineData("/a%20b")]
    [InlineData("/a?b=//&c=/../%2f")]
    [InlineData("/100%25")]
    [InlineData("/.well-known/x")]
    [InlineData("/...")]
    [InlineData("/caf\u00e9")]
    [InlineData("/a%0Ab")]
    [InlineData("/日本")]
    public void PathThatAllReadAlike_HasNoOther(string path) => Assert.Empty(Of(path));

    [Theory]
    [InlineData("/a%2fb", "/a/b")]
    [InlineData("/a%5Cb", "/a/b")]
    [InlineData("/%61dmin?x=%61", "/admin?x=%61")]
    [InlineData("//a///b", "/a/b")]
    [InlineData("/%2F/a", "/a")]
    [InlineData("/public/../private", "/private")]
    [InlineData("/public/./x", "/public/x")]
    [InlineData("/a/b/.", "/a/b/")]
    [InlineData("/a/b/..", "/a/")]
    [InlineData("/../../x?y", "/x?y")]
    [InlineData("/./Packages", "/Packages")]
    [InlineData("/a//../b", "/a/b")] // who resolves first
    [InlineData("/a//../b", "/b")] // who merges first
    [InlineData("/x%2fy/../b", "/b")]
    [InlineData("/x%2fy/../b", "/x/b")]
    [InlineData("/x%2fy/../%62", "/b")]
    [InlineData("/a%252fb", "/a/b")]
    [InlineData("/%2561dmin", "/admin")]
    [InlineData("/a\uff0fb", "/a/b")]
    [InlineData("/a%ef%bc%8fb", "/a/b")]
    [InlineData("/a/\uff0e\uff0e/b", "/b")]
    [InlineData("/a/%EF%BC%8E./b", "/b")]
    [InlineData("/a/\u2025/b", "/b")]
    [InlineData("/\uff41dmin", "/admin")]
    [InlineData("/a\uff3cb", "/a/b")]
    public void Reading_IsAmongThem(string path, string expected) => Assert.Contains(expected, Of(path));

    [Fact]
    public void TooManyReadings_AreRefused() =>
        Assert.Null(PathReadings.Of(Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("//a%2f/%252e\uff0e/..//%25252f", 4)))));

    private static string[] Of(string path)
    {
        var bytes = Encoding.UTF8.GetBytes(path);
        var readings = PathReadings.Of(bytes);
        Assert.NotNull(readings);
        Assert.True(PathReadings.MayDiffer(bytes) || readings.Count == 0);
        return [.. readings.Select(Encoding.UTF8.GetString)];
    }
}
