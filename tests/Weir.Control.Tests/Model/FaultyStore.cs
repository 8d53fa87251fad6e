// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Serialization.Metadata;
using Weir.Store;

namespace Weir.Control.Tests.Model;

/// <summary>A store whose writing counts among a host's effects: it fails, and the agent ends, as there.</summary>
internal sealed class FaultyStore(IStore inner, MemoryHost host) : IStore
{
    public T? Get<T>(string key, JsonTypeInfo<T> type)
        where T : class => inner.Get(key, type);

    public IReadOnlyList<T> List<T>(string folder, JsonTypeInfo<T> type)
        where T : class => inner.List(folder, type);

    public void Put<T>(string key, T value, JsonTypeInfo<T> type)
        where T : class => host.Write(() => inner.Put(key, value, type));

    public void Delete(string key) => host.Write(() => inner.Delete(key));

    public void Commit(RecordChanges changes) => host.Write(() => inner.Commit(changes));
}
