// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Serialization;
using Xunit;

namespace Weir.Store.Tests;

public sealed class RecordStoreTests : IDisposable
{
    private readonly MemoryKeyValues _keys = new();
    private readonly RecordStore _store;

    public RecordStoreTests() => _store = new RecordStore(_keys);

    public void Dispose() => _store.Dispose();

    [Fact]
    public void Put_Again_Replaces_AndDelete_Forgets()
    {
        _store.Put("a", new Thing("a", 1), ThingContext.Default.Thing);
        _store.Put("a", new Thing("a", 2), ThingContext.Default.Thing);
        Assert.Equal(2, _store.Get("a", ThingContext.Default.Thing)!.Number);
        _store.Delete("a");
        _store.Delete("a");
        Assert.Null(_store.Get("a", ThingContext.Default.Thing));
    }

    [Fact]
    public void List_IsInOrder_AndLeavesOtherFoldersAlone()
    {
        Assert.Empty(_store.List("things", ThingContext.Default.Thing));
        foreach (string name in new[] { "b", "a", "c" })
        {
            _store.Put("things/" + name, new Thing(name, 0), ThingContext.Default.Thing);
        }

        _store.Put("thingsandmore/d", new Thing("d", 0), ThingContext.Default.Thing);
        Assert.Equal(["a", "b", "c"], _store.List("things", ThingContext.Default.Thing).Select(thing => thing.Name));
    }

    [Theory]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("a b%2F\n")]
    public void OddKey_IsAKeyAsAnyOther(string key)
    {
        _store.Put("things/" + key, new Thing(key, 7), ThingContext.Default.Thing);
        Assert.Equal(7, _store.Get("things/" + key, ThingContext.Default.Thing)!.Number);
    }

    [Fact]
    public async Task Changes_AreOneTransaction()
    {
        _store.Put("a", new Thing("a", 1), ThingContext.Default.Thing);
        _store.Commit(new RecordChanges().Delete("a").Put("b", new Thing("b", 1), ThingContext.Default.Thing).Put("c", new Thing("c", 1), ThingContext.Default.Thing));
        Listing listing = await _keys.ListAsync("");
        Assert.Equal(3, listing.Revision);
        Assert.Equal(["b", "c"], listing.Records.Select(record => record.Key));
    }

    [Fact]
    public async Task RecordThatCannotBeRead_IsNamed()
    {
        await _keys.CommitAsync(new Transaction().Put("things/a", "{\"Name\": "));
        StoreDamagedException e = Assert.Throws<StoreDamagedException>(() => _store.Get("things/a", ThingContext.Default.Thing));
        Assert.Contains("\"things/a\"", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("remove", e.Message, StringComparison.Ordinal);
    }
}

internal sealed record Thing(string Name, int Number);

[JsonSerializable(typeof(Thing))]
internal sealed partial class ThingContext : JsonSerializerContext;
