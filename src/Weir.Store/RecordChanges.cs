// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Weir.Store;

/// <summary>Records to put and keys to delete, all in one transaction.</summary>
public sealed class RecordChanges
{
    internal Transaction Transaction { get; } = new();

    /// <summary>Puts a record in place of what is there.</summary>
    public RecordChanges Put<T>(string key, T value, JsonTypeInfo<T> type)
        where T : class
    {
        Transaction.Put(key, JsonSerializer.SerializeToUtf8Bytes(value, type));
        return this;
    }

    /// <summary>Nothing happens if there is none.</summary>
    public RecordChanges Delete(string key)
    {
        Transaction.Delete(key);
        return this;
    }
}
