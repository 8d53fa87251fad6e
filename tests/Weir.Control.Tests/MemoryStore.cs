// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Weir.Store;

namespace Weir.Control.Tests;

/// <summary>Records as JSON in memory: what does not survive its own text fails here too.</summary>
internal sealed class MemoryStore : IStore
{
    private readonly SortedDictionary<string, string> _records = new(StringComparer.Ordinal);

    internal IEnumerable<string> Keys => _records.Keys;

    public T? Get<T>(string key, JsonTypeInfo<T> type)
        where T : class =>
        _records.TryGetValue(key, out string? text) ? JsonSerializer.Deserialize(text, type) : null;

    public void Put<T>(string key, T value, JsonTypeInfo<T> type)
        where T : class =>
        _records[key] = JsonSerializer.Serialize(value, type);

    public void Delete(string key) => _records.Remove(key);

    public IReadOnlyList<T> List<T>(string folder, JsonTypeInfo<T> type)
        where T : class =>
        [.. _records.Where(record => record.Key.StartsWith(folder + "/", StringComparison.Ordinal)).Select(record => JsonSerializer.Deserialize(record.Value, type)!)];
}
