// SPDX-License-Identifier: Apache-2.0

using System.Text;
using Weir.Control.State;
using Weir.Store;

namespace Weir.Control.Cluster;

/// <summary>Keeps what the shared store said last, so that it holds over a restart of the agent while that store is away.
/// Called on the writer's thread.</summary>
internal sealed class ClusterMemory
{
    private const string Folder = "cluster";

    private readonly IStore _store;
    private readonly Dictionary<string, string> _known;

    internal ClusterMemory(IStore store)
    {
        _store = store;
        _known = store.List(Folder, StateContext.Default.KeptShared).ToDictionary(kept => kept.Key, kept => kept.Value);
    }

    /// <summary>What was heard last.</summary>
    internal Listing Listing => new(0, [.. _known.Select(kept => new KeyValue(kept.Key, Encoding.UTF8.GetBytes(kept.Value), 0, 0))]);

    /// <summary>All that there is.</summary>
    internal void Keep(Listing all)
    {
        HashSet<string> present = [.. all.Records.Select(record => record.Key)];
        Keep([.. all.Records.Select(record => (record.Key, (KeyValue?)record)), .. _known.Keys.Where(key => !present.Contains(key)).Select(key => (key, (KeyValue?)null))]);
    }

    /// <param name="changes">The record by its key; null: it is gone.</param>
    internal void Keep(IReadOnlyCollection<(string Key, KeyValue? Record)> changes)
    {
        var kept = new RecordChanges();
        bool any = false;
        foreach ((string key, KeyValue? record) in changes)
        {
            string? value = record is null ? null : Encoding.UTF8.GetString(record.Value.Span);
            if (_known.GetValueOrDefault(key) == value)
            {
                continue;
            }

            any = true;
            if (value is null)
            {
                kept.Delete($"{Folder}/{key}");
                _known.Remove(key);
            }
            else
            {
                kept.Put($"{Folder}/{key}", new KeptShared(key, value), StateContext.Default.KeptShared);
                _known[key] = value;
            }
        }

        if (any)
        {
            _store.Commit(kept);
        }
    }
}
