// SPDX-License-Identifier: Apache-2.0
using Xunit;

namespace Weir.Store.Tests;

/// <summary>The story, cut at every byte that is written and at every operation on the disk.</summary>
public sealed class CrashTests
{
    [Fact]
    public async Task CutAnywhere_WhatWasSaidToBeKeptIsThere_AndNothingInPart() => Assert.Null(await FindFaultAsync(() => new TestDisk()));

    /// <summary>The test itself is tested: on disks that lie it has to find that something is lost.</summary>
    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task WithoutASync_ItWouldBeNoticed(bool ignoresSync, bool ignoresSyncNames)
    {
        Assert.NotNull(await FindFaultAsync(() => new TestDisk { IgnoresSync = ignoresSync, IgnoresSyncNames = ignoresSyncNames }));
    }

    [Fact]
    public async Task DiskThatFailsOnceAnywhere_LeavesNoHalves_AndTheNextWorks()
    {
        for (long at = 0; ; at++)
        {
            var disk = new TestDisk { FailsOnce = true };
            await Open(disk).DisposeAsync();
            var twin = new MemoryKeyValues();
            await using (FileKeyValues store = Open(disk))
            {
                disk.FailAt = disk.Steps + at;
                foreach (Func<IKeyValues, Task> step in Story.Steps)
                {
                    string before = await store.DumpAsync();
                    try
                    {
                        await step(store);
                        await step(twin);
                    }
                    catch (StoreException e)
                    {
                        Assert.Contains("No space left on device", e.Message, StringComparison.Ordinal);
                        Assert.Equal(before, await store.DumpAsync());
                        await step(store);
                        await step(twin);
                    }

                    Assert.Equal(await twin.DumpAsync(), await store.DumpAsync());
                }
            }

            foreach (Loss loss in Enum.GetValues<Loss>())
            {
                await using FileKeyValues again = Open(disk.After(loss));
                Assert.Equal(await twin.DumpAsync(), await again.DumpAsync());
            }

            if (!disk.HasFailed)
            {
                Assert.True(at > 1000, "the story is too short to be one");
                return;
            }
        }
    }

    /// <summary>Null: none. Else where the first is.</summary>
    private static async Task<string?> FindFaultAsync(Func<TestDisk> fresh)
    {
        IReadOnlyList<string> dumps = await Story.DumpsAsync();
        for (long cut = 0; ; cut++)
        {
            TestDisk disk = fresh();
            disk.FailAt = cut;
            int kept = await TellAsync(disk);
            foreach (Loss loss in Enum.GetValues<Loss>())
            {
                if (await JudgeAsync(disk.After(loss), kept, dumps) is { } fault)
                {
                    return $"cut at {cut}, loss of {loss}, {kept} kept: {fault}";
                }
            }

            if (!disk.HasFailed)
            {
                return kept == Story.Steps.Count && cut > 1000 ? null : "the story was not told to its end";
            }
        }
    }

    /// <summary>How many steps the store said it has kept; -1: it could not be opened.</summary>
    private static async Task<int> TellAsync(TestDisk disk)
    {
        int kept = -1;
        try
        {
            await using FileKeyValues store = Open(disk);
            for (kept = 0; kept < Story.Steps.Count; kept++)
            {
                await Story.Steps[kept](store);
            }
        }
        catch (Exception e) when (e is IOException or StoreException)
        {
        }

        return kept;
    }

    private static async Task<string?> JudgeAsync(TestDisk left, int kept, IReadOnlyList<string> dumps)
    {
        try
        {
            string found;
            await using (FileKeyValues store = Open(left))
            {
                found = await store.DumpAsync();
                await store.CommitAsync(new Transaction().Put("after", "1"));
            }

            // The step in which the power went may be there whole, though nobody was told.
            if (!IsAfter(found, kept, dumps) && !IsAfter(found, kept + 1, dumps))
            {
                return found;
            }

            await using FileKeyValues again = Open(left);
            return await again.GetAsync("after") is null ? "what was kept after the crash is lost" : null;
        }
        catch (Exception e) when (e is StoreException)
        {
            return e.Message;
        }
    }

    private static bool IsAfter(string found, int steps, IReadOnlyList<string> dumps) =>
        steps < dumps.Count && found == dumps[Math.Max(steps, 0)];

    private static FileKeyValues Open(TestDisk disk) => FileKeyValues.Open(disk, "/disk", Story.Options, null);
}
