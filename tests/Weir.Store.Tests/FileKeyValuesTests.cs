// SPDX-License-Identifier: Apache-2.0
using Weir.Store.Files;
using Xunit;

namespace Weir.Store.Tests;

public sealed class FileKeyValuesTests : KeyValuesContract
{
    private const UnixFileMode OwnersFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly string _folder = Directory.CreateTempSubdirectory("weir-store").FullName;

    private protected override Task<IKeyValues> OpenAsync() =>
        Task.FromResult<IKeyValues>(FileKeyValues.Open(Path.Combine(_folder, "state"), new FileStoreOptions { Time = Time }));

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task OpenedAgain_HasRecordsRevisionsAndLeases()
    {
        string before;
        long lease;
        await using (FileKeyValues store = OpenOther())
        {
            lease = await store.GrantLeaseAsync(TimeSpan.FromSeconds(10));
            await store.CommitAsync(new Transaction().Put("networks/a", "1").Put("b", "2", lease));
            await store.CommitAsync(new Transaction().Put("networks/a", "3"));
            before = await store.DumpAsync();
        }

        Time.Pass(TimeSpan.FromSeconds(60));
        await using (FileKeyValues store = OpenOther())
        {
            Assert.Equal(before, await store.DumpAsync());
            Assert.NotEqual(lease, await store.GrantLeaseAsync(TimeSpan.FromSeconds(10)));
            await store.KeepAliveAsync(lease);
            await using IAsyncEnumerator<RevisionChanges> watch = store.WatchAsync("").GetAsyncEnumerator();
            Time.Pass(TimeSpan.FromSeconds(11));
            Assert.True(await watch.MoveNextAsync());
            Assert.Equal("4: b=gone<2", watch.Current.Dump());
        }
    }

    [Fact]
    public void Folder_IsTheOwnersAlone_AlsoIfItWasNot()
    {
        string folder = Path.Combine(_folder, "open");
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
        using (new RecordStore(FileKeyValues.Open(folder)))
        {
            Assert.Equal(OwnersFile | UnixFileMode.UserExecute, File.GetUnixFileMode(folder));
            Assert.Equal(OwnersFile, File.GetUnixFileMode(Path.Combine(folder, "journal-00000001")));
            Assert.Equal(OwnersFile, File.GetUnixFileMode(Path.Combine(folder, "snapshot-00000001")));
        }
    }

    /// <summary>"--state /srv": neither its mode nor what is in it is the agent's to change.</summary>
    [Fact]
    public async Task FolderOfOtherPeople_StaysAsItIs_AndThatIsSaid()
    {
        const UnixFileMode Open = OwnersFile | UnixFileMode.UserExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;
        string folder = Path.Combine(_folder, "srv");
        Directory.CreateDirectory(Path.Combine(folder, "site/data"));
        await File.WriteAllTextAsync(Path.Combine(folder, "site/data.json"), "not even JSON");
        await File.WriteAllTextAsync(Path.Combine(folder, "package.json"), "{}");
        File.SetUnixFileMode(folder, Open);
        string[] before = Directory.GetFileSystemEntries(folder, "*", SearchOption.AllDirectories);
        List<string> warnings = [];
        await FileKeyValues.Open(folder, new FileStoreOptions { IsReadOnly = true }).DisposeAsync();
        Assert.Equal(before, Directory.GetFileSystemEntries(folder, "*", SearchOption.AllDirectories));
        for (int i = 0; i < 2; i++)
        {
            await using FileKeyValues store = FileKeyValues.Open(folder, new FileStoreOptions { Warn = warnings.Add });
            Assert.Empty((await store.ListAsync("")).Records);
        }

        Assert.Equal(2, warnings.Count);
        Assert.Contains($"others than its owner may enter {folder}", warnings[0], StringComparison.Ordinal);
        Assert.Equal(Open, File.GetUnixFileMode(folder));
        Assert.Empty(before.Except(Directory.GetFileSystemEntries(folder, "*", SearchOption.AllDirectories)));
    }

    [Fact]
    public async Task Folder_IsOneProcesssAtATime()
    {
        FileKeyValues first = OpenOther();
        StoreInUseException e = Assert.Throws<StoreInUseException>(() => OpenOther());
        Assert.Contains($"{_folder}/other is in use", e.Message, StringComparison.Ordinal);
        Assert.Contains($"process {Environment.ProcessId}", e.Message, StringComparison.Ordinal);
        await first.DisposeAsync();
        await OpenOther().DisposeAsync();
    }

    [Fact]
    public async Task FolderThatCannotBeMade_IsNamed()
    {
        string file = Path.Combine(_folder, "file");
        await File.WriteAllTextAsync(file, "");
        StoreException e = Assert.Throws<StoreException>(() => FileKeyValues.Open(file));
        Assert.Contains(file, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task LongJournal_BecomesASnapshot_AndThePreviousIsKept()
    {
        var disk = new TestDisk();
        await using (FileKeyValues store = Open(disk, new FileStoreOptions { SmallestJournal = 500 }))
        {
            for (int i = 0; i < 100; i++)
            {
                await store.CommitAsync(new Transaction().Put($"k{i % 3}", $"{i}"));
            }
        }

        string[] names = [.. disk.List()];
        Assert.Equal(4, names.Length);
        Assert.Equal(2, names.Count(name => name.StartsWith("snapshot-", StringComparison.Ordinal)));
        Assert.True(disk.Contents.Values.All(content => content.Length < 1000));

        // To go back, the newest generation is moved away.
        foreach (string name in names.Where(name => name.EndsWith(names[^1][^8..], StringComparison.Ordinal)))
        {
            disk.Delete(name);
        }

        await using FileKeyValues back = Open(disk);
        Assert.Equal(3, (await back.ListAsync("")).Records.Count);
    }

    [Fact]
    public async Task Transaction_OfManyRecords_IsSyncedOnce()
    {
        var disk = new TestDisk();
        await using FileKeyValues store = Open(disk);
        (int syncs, int nameSyncs) = (disk.Syncs, disk.NameSyncs);
        for (int i = 0; i < 10; i++)
        {
            await store.CommitAsync(new Transaction().Put("a", $"{i}").Put("b", $"{i}").Delete("c").Put($"d{i}", ""));
        }

        Assert.Equal((syncs + 10, nameSyncs), (disk.Syncs, disk.NameSyncs));
    }

    [Fact]
    public async Task ReadOnly_LeavesTheFolderAsItIs()
    {
        var disk = new TestDisk();
        await using (FileKeyValues store = Open(disk))
        {
            await store.CommitAsync(new Transaction().Put("a", "1"));
        }

        disk.FailAt = 0;
        await using FileKeyValues copy = Open(disk, new FileStoreOptions { IsReadOnly = true });
        await copy.CommitAsync(new Transaction().Put("b", "1"));
        Assert.Equal("3: a=1@2-2/0 b=1@3-3/0", await copy.DumpAsync());
        Assert.False(disk.HasFailed);
    }

    private static FileKeyValues Open(TestDisk disk, FileStoreOptions? options = null) => FileKeyValues.Open(disk, "/disk", options ?? new FileStoreOptions(), null);

    private FileKeyValues OpenOther() => FileKeyValues.Open(Path.Combine(_folder, "other"), new FileStoreOptions { Time = Time });
}
