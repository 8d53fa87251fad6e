// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Serialization.Metadata;
using Weir.Store;

namespace Weir.Control.Tests;

/// <summary>Records as JSON in memory: what does not survive its own text fails here too.</summary>
#pragma warning disable CA1001 // In memory there is nothing to let go of.
internal sealed class MemoryStore : IStore
#pragma warning restore CA1001
{
    private readonly RecordStore _records;
    private readonly Func<Task<Listing>> _list;

    public MemoryStore()
    {
        var keys = new MemoryKeyValues();
        _records = new RecordStore(keys);
        _list = () => keys.ListAsync("").AsTask();
    }

    internal IEnumerable<string> Keys => _list().Result.Records.Select(record => record.Key);

    public T? Get<T>(string key, JsonTypeInfo<T> type)
        where T : class => _records.Get(key, type);

    public void Put<T>(string key, T value, JsonTypeInfo<T> type)
        where T : class => _records.Put(key, value, type);

    public void Delete(string key) => _records.Delete(key);

    public IReadOnlyList<T> List<T>(string folder, JsonTypeInfo<T> type)
        where T : class => _records.List(folder, type);

    public void Commit(RecordChanges changes) => _records.Commit(changes);
}
