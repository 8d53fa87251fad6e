// SPDX-License-Identifier: Apache-2.0
using Weir.Testing;
using Xunit;

namespace Weir.Linux.Tests;

public sealed class CgroupMountTests
{
    [Theory]
    [InlineData("/sys/fs/cgroup", "30 25 0:26 / /sys/fs/cgroup rw,nosuid shared:4 master:1 - cgroup2 cgroup2 rw,nsdelegate")]
    [InlineData("/a b", "30 25 0:26 / /a\\040b rw - cgroup2 none rw")]
    [InlineData("/second", "30 25 0:26 / /first rw - cgroup2 cgroup2 rw", "31 25 0:26 / /second rw - cgroup2 cgroup2 rw")]
    [InlineData("/own", "30 25 0:26 / /own rw - cgroup2 cgroup2 rw", "31 25 0:26 /.. /outer rw - cgroup2 cgroup2 rw")]
    [InlineData(null, "31 25 0:26 /.. /outer rw - cgroup2 cgroup2 rw", "32 25 0:26 /part /part rw - cgroup2 cgroup2 rw")]
    [InlineData(null, "47 46 0:28 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu", "", "- cgroup2")]
    public void FindRoot_TakesTheLastMountOfTheWholeTree(string? expected, params string[] lines) =>
        Assert.Equal(expected, CgroupMount.FindRoot(lines));

    [PrivilegedFact]
    public void OpenPrivately_OpensTheRoot_AndLeavesNoMount()
    {
        string folder = Path.Combine(Path.GetTempPath(), $"weir-cgroup-{Environment.ProcessId}");

        using FileDescriptor root = CgroupMount.OpenPrivately(folder);

        Assert.True(File.Exists($"/proc/self/fd/{root.Number}/cgroup.procs"));
        Assert.False(Directory.Exists(folder));
        Assert.DoesNotContain(File.ReadLines("/proc/self/mountinfo"), line => line.Contains(folder, StringComparison.Ordinal));
    }
}
