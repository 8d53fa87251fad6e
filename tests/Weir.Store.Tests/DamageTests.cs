// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Globalization;
using System.Text.RegularExpressions;
using Weir.Store.Files;
using Xunit;

namespace Weir.Store.Tests;

/// <summary>Files that are not as they were written. Whoever loses a policy opens what it closed: such a store stays shut.</summary>
public sealed partial class DamageTests
{
    private const string Journal = "journal-00000002";
    private const string Snapshot = "snapshot-00000002";

    [Fact]
    public async Task EveryBitThatChanges_IsNoticed_AndNothingIsWritten()
    {
        TestDisk whole = await MakeAsync();
        foreach (string name in (string[])[Snapshot, Journal])
        {
            byte[] content = whole.Contents[name];
            for (int at = 0; at < content.Length; at++)
            {
                byte[] changed = [.. content];
                changed[at] ^= (byte)(1 << (at % 8));
                StoreDamagedException e = MustNotOpen(With(whole, name, changed));
                Assert.StartsWith($"/disk/{name}: ", e.Message, StringComparison.Ordinal);
                if (at >= FileHeader.Size)
                {
                    int named = int.Parse(AtByte().Match(e.Message).Groups[1].Value, CultureInfo.InvariantCulture);
                    Assert.InRange(at, named, named + 1000);
                }
            }
        }
    }

    [Fact]
    public async Task JournalCutAnywhere_HasTheTransactionsBefore_AndSaysWhatWasCut()
    {
        TestDisk whole = await MakeAsync();
        byte[] content = whole.Contents[Journal];
        int last = -1;
        for (int length = FileHeader.Size; length <= content.Length; length++)
        {
            List<string> warnings = [];
            TestDisk disk = With(whole, Journal, content[..length]);
            await using FileKeyValues store = FileKeyValues.Open(disk, "/disk", new FileStoreOptions { Warn = warnings.Add }, null);
            int count = (await store.ListAsync("later/")).Records.Count;
            Assert.InRange(count, Math.Max(last, 0), last + 1);
            bool isWhole = count > last;
            Assert.Equal(isWhole ? 0 : 1, warnings.Count);
            Assert.True(isWhole || warnings[0].Contains($"/disk/{Journal}", StringComparison.Ordinal));
            last = count;
        }

        Assert.Equal(5, last);
    }

    [Fact]
    public async Task SnapshotCutAnywhere_IsNotOpened()
    {
        TestDisk whole = await MakeAsync();
        byte[] content = whole.Contents[Snapshot];
        for (int length = 0; length < content.Length; length++)
        {
            MustNotOpen(With(whole, Snapshot, content[..length]));
        }

        MustNotOpen(With(whole, Snapshot, [.. content, 0]));
    }

    [Fact]
    public async Task SectorLostInTheMiddle_IsNoCrash()
    {
        TestDisk whole = await MakeAsync(valueLength: 2000);
        byte[] content = whole.Contents[Journal];
        Array.Clear(content, 1024, 512);
        StoreDamagedException e = MustNotOpen(With(whole, Journal, content));
        Assert.Contains($"what is written at byte {FileHeader.Size} is damaged", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task FileThatIsMissing_IsNoticed()
    {
        TestDisk whole = await MakeAsync();
        foreach (string name in (string[])[Snapshot, Journal])
        {
            TestDisk disk = whole.Copy();
            disk.Delete(name);
            Assert.Contains("is missing", MustNotOpen(disk).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task JournalOfAnotherTime_IsNotTaken()
    {
        TestDisk whole = await MakeAsync();
        MustNotOpen(With(whole, Journal, whole.Contents["journal-00000001"]));
        MustNotOpen(With(whole, Snapshot, whole.Contents["snapshot-00000001"]));
        MustNotOpen(With(whole, Journal, whole.Contents[Snapshot]));
    }

    [Fact]
    public async Task Message_SaysWhatToGoBackTo_AndNeverToRemoveAnything()
    {
        TestDisk disk = await MakeAsync();
        byte[] content = disk.Contents[Journal];
        content[FileHeader.Size + 3] ^= 1;
        disk = With(disk, Journal, content);
        string message = MustNotOpen(disk).Message;
        Assert.Equal(
            $"/disk/{Journal}: what is written at byte {FileHeader.Size} is damaged. Nothing was changed. The records as of 2026-01-02 03:04:05 UTC are beside it: "
            + $"to go back to them, move {Snapshot} and {Journal} to another folder; what was changed since is not in them. Or restore /disk/ whole from a backup.",
            message);
        disk.Delete(Snapshot);
        disk.Delete(Journal);
        await using (FileKeyValues back = FileKeyValues.Open(disk, "/disk", new FileStoreOptions(), null))
        {
            Assert.Equal(3, (await back.ListAsync("first/")).Records.Count);
        }

        content = disk.Contents["snapshot-00000001"];
        content[^1] ^= 1;
        Assert.EndsWith("Nothing was changed. Restore /disk/ whole from a backup.", MustNotOpen(With(disk, "snapshot-00000001", content)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Snapshot)]
    [InlineData(Journal)]
    public async Task FileOfANewerVersion_IsRefusedWithWords(string name)
    {
        TestDisk disk = await MakeAsync();
        byte[] content = disk.Contents[name];
        BinaryPrimitives.WriteInt32LittleEndian(content.AsSpan(8), FileHeader.Version + 1);
        Assert.Contains("a newer weir wrote this (format 2; this one reads format 1): start that version again", MustNotOpen(With(disk, name, content)).Message, StringComparison.Ordinal);
    }

    /// <summary>Two generations; the second has a snapshot of three records and a journal of five transactions.</summary>
    private static async Task<TestDisk> MakeAsync(int valueLength = 20)
    {
        var disk = new TestDisk();
        await using (FileKeyValues store = FileKeyValues.Open(disk, "/disk", new FileStoreOptions { SmallestJournal = 250 }, null))
        {
            for (int i = 0; i < 3; i++)
            {
                await store.CommitAsync(new Transaction().Put($"first/{i}", new string((char)('a' + i), 60)));
            }
        }

        await using (FileKeyValues store = FileKeyValues.Open(disk, "/disk", new FileStoreOptions(), null))
        {
            for (int i = 0; i < 5; i++)
            {
                await store.CommitAsync(new Transaction().Put($"later/{i}", new string((char)('a' + i), valueLength)));
            }
        }

        Assert.Equal(["journal-00000001", Journal, "snapshot-00000001", Snapshot], disk.List());
        return disk;
    }

    private static TestDisk With(TestDisk disk, string name, byte[] content)
    {
        TestDisk copy = disk.Copy();
        copy.Write(name, content);
        return copy;
    }

    private static StoreDamagedException MustNotOpen(TestDisk disk)
    {
        disk.FailAt = disk.Steps;
        StoreDamagedException e = Assert.Throws<StoreDamagedException>(() => FileKeyValues.Open(disk, "/disk", new FileStoreOptions(), null));
        Assert.DoesNotContain("remove", e.Message, StringComparison.Ordinal);
        Assert.False(disk.HasFailed);
        disk.FailAt = long.MaxValue;
        return e;
    }

    [GeneratedRegex("byte ([0-9]+) is damaged")]
    private static partial Regex AtByte();
}
