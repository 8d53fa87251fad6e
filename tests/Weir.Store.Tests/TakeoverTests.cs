// SPDX-License-Identifier: Apache-2.0
using Weir.Store.Files;
using Xunit;

namespace Weir.Store.Tests;

/// <summary>What versions before journals kept: a file of JSON for every record.</summary>
public sealed class TakeoverTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("weir-store").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task FilesOfAnOlderVersion_AreTakenOverOnce_AndKeptBeside()
    {
        Write("policies.json", "{\"a\": 1}");
        Write("networks/1a2b.json", "{}");
        Write("identities/a%20b%2F%2E%2E.json", "[]");
        Write("networks/1a2b.json.new", "{\"hal");
        Write("lost+found/data", "of somebody else");
        for (int i = 0; i < 2; i++)
        {
            await using FileKeyValues store = FileKeyValues.Open(_folder);
            Assert.Equal("2: identities/a b/..=[]@2-2/0 networks/1a2b={}@2-2/0 policies={\"a\": 1}@2-2/0", await store.DumpAsync());
        }

        Assert.Equal("{\"a\": 1}", await File.ReadAllTextAsync(Path.Combine(_folder, "before/policies.json")));
        Assert.True(File.Exists(Path.Combine(_folder, "before/networks/1a2b.json")));
        Assert.Equal(["before", "lost+found"], Directory.GetDirectories(_folder).Select(Path.GetFileName).Order());
        Assert.Empty(Directory.GetFiles(_folder, "*.json"));
    }

    [Fact]
    public void BrokenFile_IsNamed_AndNothingIsChanged()
    {
        Write("networks/a.json", "{}");
        Write("policies.json", "{\"Name\": ");
        StoreDamagedException e = Assert.Throws<StoreDamagedException>(() => FileKeyValues.Open(_folder));
        Assert.StartsWith(Path.Combine(_folder, "policies.json"), e.Message, StringComparison.Ordinal);
        Assert.EndsWith("Restore the file from a backup.", e.Message, StringComparison.Ordinal);
        Assert.Equal(["lock", "networks", "policies.json"], Directory.GetFileSystemEntries(_folder).Select(Path.GetFileName).Order());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task FilesOfAnOlderVersionThatRanSince_AreNotPassedOver(bool wasTakenOver)
    {
        if (wasTakenOver)
        {
            Write("installation.json", "{}");
        }

        await FileKeyValues.Open(_folder).DisposeAsync();
        Write("installation.json", "{\"changed\": true}");
        StoreDamagedException e = Assert.Throws<StoreDamagedException>(() => FileKeyValues.Open(_folder));
        Assert.Contains("move the older one's .json files to another folder", e.Message, StringComparison.Ordinal);
        Assert.Contains("move snapshot-* and journal-* there", e.Message, StringComparison.Ordinal);
        File.Delete(Path.Combine(_folder, "installation.json"));
        await FileKeyValues.Open(_folder).DisposeAsync();
    }

    [Fact]
    public async Task TakeoverCutAnywhere_IsFinished_OrBegunAnew()
    {
        for (long cut = 0; ; cut++)
        {
            var disk = new TestDisk { FailAt = cut };
            disk.Write("networks/a.json", Texts.Bytes("{}"));
            disk.Write("networks/b.json", Texts.Bytes("[]"));
            try
            {
                await FileKeyValues.Open(disk, "/disk", new FileStoreOptions(), null).DisposeAsync();
            }
            catch (IOException)
            {
            }

            foreach (Loss loss in Enum.GetValues<Loss>())
            {
                TestDisk left = disk.After(loss);
                await using FileKeyValues store = FileKeyValues.Open(left, "/disk", new FileStoreOptions(), null);
                Assert.Equal("2: networks/a={}@2-2/0 networks/b=[]@2-2/0", await store.DumpAsync());
                Assert.Equal(["before/networks/a.json", "before/networks/b.json"], left.List().Where(name => name.EndsWith(".json", StringComparison.Ordinal)));
            }

            if (!disk.HasFailed)
            {
                return;
            }
        }
    }

    private void Write(string name, string content)
    {
        string path = Path.Combine(_folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
    }
}
