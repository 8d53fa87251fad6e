// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Serialization.Metadata;

namespace Weir.Store;

/// <summary>Small records by key, kept over restarts. Keys are paths such as "networks/1a2b"; every
/// part is free text. Safe to use from several threads.</summary>
public interface IStore
{
    /// <summary>The record, or null.</summary>
    /// <exception cref="StoreException">It cannot be read.</exception>
    T? Get<T>(string key, JsonTypeInfo<T> type)
        where T : class;

    /// <summary>Keeps a record in place of what was there. When it returns, the record outlives a
    /// crash of the machine; a reader meets the old one or the new, never a part.</summary>
    void Put<T>(string key, T value, JsonTypeInfo<T> type)
        where T : class;

    /// <summary>Nothing happens if there is none.</summary>
    void Delete(string key);

    /// <summary>All records below a folder, in the order of their keys.</summary>
    IReadOnlyList<T> List<T>(string folder, JsonTypeInfo<T> type)
        where T : class;

    /// <summary>Puts and deletes all of it, or nothing.</summary>
    void Commit(RecordChanges changes);
}
