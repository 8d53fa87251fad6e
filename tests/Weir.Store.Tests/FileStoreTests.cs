// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Serialization;
using Xunit;

namespace Weir.Store.Tests;

public sealed class FileStoreTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("weir-store").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Put_IsReadBack_AlsoByAnotherStore()
    {
        new FileStore(_folder).Put("things/a", new Thing("a", 1), ThingContext.Default.Thing);
        Assert.Equal(new Thing("a", 1), new FileStore(_folder).Get("things/a", ThingContext.Default.Thing));
    }

    [Fact]
    public void Put_Again_Replaces_AndDelete_Forgets()
    {
        var store = new FileStore(_folder);
        store.Put("a", new Thing("a", 1), ThingContext.Default.Thing);
        store.Put("a", new Thing("a", 2), ThingContext.Default.Thing);
        Assert.Equal(2, store.Get("a", ThingContext.Default.Thing)!.Number);
        store.Delete("a");
        store.Delete("a");
        Assert.Null(store.Get("a", ThingContext.Default.Thing));
    }

    [Fact]
    public void List_IsInOrder_AndLeavesOtherFoldersAlone()
    {
        var store = new FileStore(_folder);
        Assert.Empty(store.List("things", ThingContext.Default.Thing));
        foreach (string name in new[] { "b", "a", "c" })
        {
            store.Put("things/" + name, new Thing(name, 0), ThingContext.Default.Thing);
        }

        store.Put("others/d", new Thing("d", 0), ThingContext.Default.Thing);
        Assert.Equal(["a", "b", "c"], store.List("things", ThingContext.Default.Thing).Select(thing => thing.Name));
    }

    [Theory]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("a b%2F\n")]
    public void OddKey_StaysInsideTheFolder(string key)
    {
        var store = new FileStore(_folder);
        store.Put("things/" + key, new Thing(key, 7), ThingContext.Default.Thing);
        Assert.Equal(7, store.Get("things/" + key, ThingContext.Default.Thing)!.Number);
        Assert.Single(Directory.GetFiles(Path.Combine(_folder, "things")));
    }

    [Fact]
    public void BrokenRecord_IsNamedByItsFile()
    {
        var store = new FileStore(_folder);
        store.Put("a", new Thing("a", 1), ThingContext.Default.Thing);
        string file = Assert.Single(Directory.GetFiles(_folder));
        File.WriteAllText(file, "{\"Name\": ");
        StoreException e = Assert.Throws<StoreException>(() => store.Get("a", ThingContext.Default.Thing));
        Assert.Contains(file, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Folder_IsTheOwnersAlone()
    {
        string inner = Path.Combine(_folder, "state");
        _ = new FileStore(inner);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(inner));
    }
}

internal sealed record Thing(string Name, int Number);

[JsonSerializable(typeof(Thing))]
internal sealed partial class ThingContext : JsonSerializerContext;
