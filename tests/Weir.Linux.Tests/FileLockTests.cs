// SPDX-License-Identifier: Apache-2.0

using Xunit;

namespace Weir.Linux.Tests;

public sealed class FileLockTests
{
    [Fact]
    public void Acquire_AlreadyHeld_NamesTheHolder()
    {
        string path = Path.GetTempFileName();
        using (FileLock.Acquire(path))
        {
            LinuxException e = Assert.Throws<LinuxException>(() => FileLock.Acquire(path));
            Assert.Equal(Errno.TryAgain, e.Number);
            Assert.Contains($"held by process {Environment.ProcessId}", e.Message, StringComparison.Ordinal);
        }

        FileLock.Acquire(path).Dispose();
        File.Delete(path);
    }
}
