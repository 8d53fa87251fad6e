// SPDX-License-Identifier: Apache-2.0
using System.Runtime.CompilerServices;
using Xunit;

namespace Weir.Policy.Tests;

/// <summary>
/// Directories Golden/case/{input.yaml or input.json, expected.txt}: the problems of the input, word for
/// word. WEIR_UPDATE_GOLDEN=1 writes expected.txt anew.
/// </summary>
public sealed class GoldenTests
{
    public static TheoryData<string> Cases { get; } =
        [.. Directory.GetDirectories(Path.Combine(SourceDirectory(), "Golden")).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Problems_AreAsExpected(string name)
    {
        var directory = Path.Combine(SourceDirectory(), "Golden", name);
        var input = Directory.GetFiles(directory, "input.*").Single();
        var result = PolicyReader.Read(Path.GetFileName(input), File.ReadAllText(input));
        var actual = string.Concat(result.Problems.Select(problem => problem + "\n"));
        var expected = Path.Combine(directory, "expected.txt");
        if (Environment.GetEnvironmentVariable("WEIR_UPDATE_GOLDEN") == "1")
        {
            File.WriteAllText(expected, actual);
        }

        Assert.Equal(File.ReadAllText(expected), actual);
        Assert.True(result.HasErrors);
        Assert.Empty(result.Documents);
    }

    private static string SourceDirectory([CallerFilePath] string file = "") => Path.GetDirectoryName(file)!;
}
