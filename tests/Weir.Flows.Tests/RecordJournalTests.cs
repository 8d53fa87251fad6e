// SPDX-License-Identifier: Apache-2.0

using Weir.Api;
using Xunit;

namespace Weir.Flows.Tests;

/// <summary>Files of recorded flows: cut, damaged, too many, of another version, and read while they grow.</summary>
public sealed class RecordJournalTests : IDisposable
{
    private static readonly DateTimeOffset _start = new(2026, 11, 28, 12, 0, 0, TimeSpan.Zero);

    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"weir-record-{Guid.NewGuid():N}");
    private readonly List<string> _notes = [];

    public void Dispose()
    {
        if (Directory.Exists(_folder))
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    [Fact]
    public void WhatWasWritten_IsRead_ByTime_AlsoByAnotherThatOpensItLater()
    {
        using (RecordJournal journal = Open())
        {
            Write(journal, 0, 5);
            Assert.Equal([2, 3], Read(journal, 2, 3));
        }

        using RecordJournal again = Open();
        Write(again, 5, 7);
        Assert.Equal([0, 1, 2, 3, 4, 5, 6], Read(again));
        Assert.Empty(Read(again, 100, 200));
        Assert.Equal(_start, again.Extent().Since);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Files()[0]));
        Assert.Empty(_notes);
    }

    [Fact]
    public void CutAtAnyByte_WhatIsWholeBeforeIsThere_AndWritingGoesOn()
    {
        using (RecordJournal journal = Open())
        {
            Write(journal, 0, 3);
        }

        byte[] whole = File.ReadAllBytes(Files()[0]);
        int[] ends = [.. Ends(whole)];
        for (int length = 0; length <= whole.Length; length++)
        {
            Array.ForEach(Files(), File.Delete);
            File.WriteAllBytes(Path.Combine(_folder, $"{_start.ToUnixTimeMilliseconds():D15}.flows"), whole[..length]);
            using RecordJournal journal = Open();
            int[] expected = [.. Enumerable.Range(0, ends.Count(end => end <= length))];
            Assert.Equal(expected, Read(journal));
            Write(journal, 3, 4);
            Assert.Equal([.. expected, 3], Read(journal));
        }
    }

    [Fact]
    public void BitThatChanges_CostsItsBlockAndTheRestOfItsFile_AtMost()
    {
        using (RecordJournal journal = Open())
        {
            Write(journal, 0, 3);
        }

        string file = Files()[0];
        byte[] whole = File.ReadAllBytes(file);
        for (int at = 8; at < whole.Length; at++)
        {
            byte[] damaged = [.. whole];
            damaged[at] ^= 0x10;
            File.WriteAllBytes(file, damaged);
            using RecordJournal journal = Open();
            int[] read = [.. Read(journal)];
            // What it has, it has rightly; a block whose time is no longer asked for may be passed over.
            Assert.Equal([.. new[] { 0, 1, 2 }.Where(read.Contains)], read);
            Assert.True(read.Length < 3);
        }
    }

    [Fact]
    public void FileOfANewerVersion_IsLeftOut_AndSaid()
    {
        using RecordJournal journal = Open();
        Write(journal, 1, 2);
        File.WriteAllText(Path.Combine(_folder, $"{_start.ToUnixTimeMilliseconds():D15}.flows"), "weirrec9 what comes then");
        File.WriteAllText(Path.Combine(_folder, "notes.txt"), "somebody's own");
        Assert.Equal([1], Read(journal));
        Assert.Contains("none of this version's", Assert.Single(_notes), StringComparison.Ordinal);
    }

    [Fact]
    public void WhatIsTooMuch_OrTooOld_Goes_TheOldestFirst()
    {
        var options = new RecordOptions(_folder) { MostBytes = 1024 * 1024, Longest = TimeSpan.FromDays(3650) };
        using (var journal = new RecordJournal(options, TimeProvider.System))
        {
            Write(journal, 0, 300, size: 10_000);
            int[] left = [.. Read(journal)];
            Assert.InRange(journal.Extent().Bytes, 1, options.MostBytes + 100_000);
            Assert.InRange(left.Length, 30, 299);
            Assert.Equal(Enumerable.Range(300 - left.Length, left.Length), left);
        }

        using var brief = new RecordJournal(options with { Longest = TimeSpan.FromMinutes(1) }, TimeProvider.System);
        DateTimeOffset now = DateTimeOffset.UtcNow;
        brief.Append(Block(300), now, now);
        Assert.Single(Files(), file => !file.Contains($"{now.ToUnixTimeMilliseconds():D15}", StringComparison.Ordinal));
    }

    [Fact]
    public void FolderThatIsNone_IsTheCallersToHearOf_AndItGoesOnWhenItIsOne()
    {
        File.WriteAllText(_folder, "");
        using RecordJournal journal = Open();
        Assert.ThrowsAny<IOException>(() => Write(journal, 0, 1));
        Assert.Empty(Read(journal));
        File.Delete(_folder);
        Write(journal, 1, 2);
        Assert.Equal([1], Read(journal));
    }

    [Fact]
    public void FileThatIsBeingRead_MayGoOn_OrGo()
    {
        using RecordJournal journal = Open();
        Write(journal, 0, 2);
        using IEnumerator<RecordBlock> reading = journal.Read(_start, DateTimeOffset.MaxValue, _notes.Add).GetEnumerator();
        Assert.True(reading.MoveNext());
        Write(journal, 2, 3);
        Array.ForEach(Files(), File.Delete);
        Assert.True(reading.MoveNext());
        Assert.True(reading.MoveNext());
        Assert.False(reading.MoveNext());
    }

    private RecordJournal Open() => new(new RecordOptions(_folder) { Longest = TimeSpan.FromDays(3650) }, TimeProvider.System);

    private string[] Files() => [.. Directory.GetFiles(_folder, "*.flows").Order(StringComparer.Ordinal)];

    private static void Write(RecordJournal journal, int from, int to, int size = 0)
    {
        for (int i = from; i < to; i++)
        {
            journal.Append(Block(i, size), _start.AddSeconds(i), _start.AddSeconds(i + 0.5));
        }
    }

    private static RecordBlock Block(int number, int size = 0) => new() { Lost = (ulong)number, Flows = { new RecordedFlow { Flow = new Flow { Explanation = Noise(number, size) } } } };

    private static string Noise(int seed, int size)
    {
        byte[] bytes = new byte[size / 2];
        new Random(seed).NextBytes(bytes);
        return Convert.ToHexString(bytes);
    }

    private int[] Read(RecordJournal journal, int since = -1, int until = 1_000_000) =>
        [.. journal.Read(_start.AddSeconds(since), _start.AddSeconds(until), _notes.Add).Select(block => (int)block.Lost)];

    /// <summary>Where each block ends.</summary>
    private static IEnumerable<int> Ends(byte[] file)
    {
        for (int at = 8; at < file.Length;)
        {
            at += 28 + BitConverter.ToInt32(file, at);
            yield return at;
        }
    }
}
