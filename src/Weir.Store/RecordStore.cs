// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Weir.Store;

/// <summary>Records as JSON over any store, for callers that wait. Owns the store beneath.</summary>
public sealed class RecordStore(IKeyValues keys) : IStore, IDisposable
{
    public T? Get<T>(string key, JsonTypeInfo<T> type)
        where T : class =>
        Wait(keys.GetAsync(key)) is { } record ? Read(record, type) : null;

    public void Put<T>(string key, T value, JsonTypeInfo<T> type)
        where T : class =>
        Commit(new RecordChanges().Put(key, value, type));

    public void Delete(string key) => Commit(new RecordChanges().Delete(key));

    public IReadOnlyList<T> List<T>(string folder, JsonTypeInfo<T> type)
        where T : class =>
        [.. Wait(keys.ListAsync(folder + "/")).Records.Select(record => Read(record, type))];

    public void Commit(RecordChanges changes)
    {
        ArgumentNullException.ThrowIfNull(changes);
        Wait(keys.CommitAsync(changes.Transaction));
    }

    public void Dispose() => keys.DisposeAsync().AsTask().GetAwaiter().GetResult();

    private static T Wait<T>(ValueTask<T> task) => task.IsCompletedSuccessfully ? task.Result : task.AsTask().GetAwaiter().GetResult();

    private static T Read<T>(KeyValue record, JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(record.Value.Span, type) ?? throw new JsonException("it is empty");
        }
        catch (JsonException e)
        {
            throw new StoreDamagedException($"the record \"{record.Key}\" cannot be read by this version: {e.Message}; go back to the version that wrote it, or to a backup", e);
        }
    }
}
