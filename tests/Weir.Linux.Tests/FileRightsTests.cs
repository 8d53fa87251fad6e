// SPDX-License-Identifier: Apache-2.0
using Weir.Testing;
using Xunit;

namespace Weir.Linux.Tests;

/// <summary>Whose files are, and who may use them.</summary>
public sealed class FileRightsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("weir").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void UnderTheMask_FilesAreTheOwnersAlone_AndAfterItNoMore()
    {
        string[] files = [Path.Combine(_folder, "a"), Path.Combine(_folder, "b"), Path.Combine(_folder, "c")];
        File.WriteAllText(files[2], "");
        using (CreationMask.OwnerOnly())
        {
            File.WriteAllText(files[0], "");
        }

        File.WriteAllText(files[1], "");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(files[0]));
        Assert.Equal(File.GetUnixFileMode(files[2]), File.GetUnixFileMode(files[1]));
    }

    [PrivilegedFact]
    public void Group_IsTold_ByNumberAndName()
    {
        string file = Path.Combine(_folder, "a");
        File.WriteAllText(file, "");
        Assert.Equal("root", FileGroup.NameOf(file));
        FileGroup.Set(file, FileGroup.Find("games")!.Value);
        Assert.Equal("games", FileGroup.NameOf(file));
        Assert.Equal(new FileOwner(0, FileGroup.Find("games")!.Value), FileOwner.Of(file));
        Assert.Null(FileOwner.Of(Path.Combine(_folder, "nowhere")));
        Assert.Null(FileGroup.NameOf(Path.Combine(_folder, "nowhere")));
    }

    [Fact]
    public void Users_AreNames_WhereThisMachineHasOne()
    {
        Assert.Equal("root", AccountNames.User(0));
        Assert.Equal("user 4294967294", AccountNames.User(4294967294));
        Assert.Null(AccountNames.Group(4294967294));
    }

    [Fact]
    public void Folder_IsLockedByOne()
    {
        using (FileLock.AcquireFolder(_folder))
        {
            LinuxException refused = Assert.Throws<LinuxException>(() => FileLock.AcquireFolder(_folder));
            Assert.Equal(Errno.TryAgain, refused.Number);
        }

        FileLock.AcquireFolder(_folder).Dispose();
    }
}
