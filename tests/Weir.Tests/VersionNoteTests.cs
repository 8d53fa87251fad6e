// SPDX-License-Identifier: Apache-2.0

using Weir.Agent;
using Xunit;

namespace Weir.Tests;

public sealed class VersionNoteTests : IDisposable
{
    private static readonly DateTimeOffset _then = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("weir-version-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Take_SaysWhichWasBefore_UntilAnotherComes()
    {
        Assert.Equal(new VersionNote("1.0.0", null, null), Take("1.0.0", 0));
        Assert.Equal(new VersionNote("1.0.0", null, null), Take("1.0.0", 1));
        Assert.Equal(new VersionNote("1.1.0", "1.0.0", _then.AddHours(2)), Take("1.1.0", 2));
        Assert.Equal(new VersionNote("1.1.0", "1.0.0", _then.AddHours(2)), Take("1.1.0", 3));
        Assert.Equal(new VersionNote("1.0.0", "1.1.0", _then.AddHours(4)), Take("1.0.0", 4));
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n\n")]
    public void Take_NoteThatSaysNothing_IsWrittenAnew(string content)
    {
        File.WriteAllText(Path.Combine(_folder.FullName, "version"), content);

        Assert.Equal(new VersionNote("1.0.0", null, null), Take("1.0.0", 0));
        Assert.Equal("1.0.0\n", File.ReadAllText(Path.Combine(_folder.FullName, "version")));
    }

    private VersionNote Take(string version, int hours) => VersionNote.Take(_folder.FullName, version, _then.AddHours(hours));
}
