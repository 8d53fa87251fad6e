// SPDX-License-Identifier: Apache-2.0

using Weir.Net;
using Weir.Store;

namespace Weir.Control.Cluster;

/// <summary>Forgets numbers that no node has used for long; the first of the nodes that are alive does, for all. Who begins to use
/// one changes its record, so that of both only one succeeds.</summary>
internal sealed class NumberCollector(IKeyValues shared, ClusterOptions options, TimeProvider time)
{
    private readonly Dictionary<Identity, long> _unusedSince = [];
    private long _looked = time.GetTimestamp();

    internal async Task CollectAsync(ClusterView view, CancellationToken cancel)
    {
        if (time.GetElapsedTime(_looked) < options.TimeToLive / 3)
        {
            return;
        }

        _looked = time.GetTimestamp();
        if (view.Alive.FirstOrDefault() != options.Name)
        {
            _unusedSince.Clear();
            return;
        }

        foreach (Identity used in _unusedSince.Keys.Where(view.Uses.ContainsKey).ToList())
        {
            _unusedSince.Remove(used);
        }

        foreach (ClusterView.NumberedLabels unused in view.Identities.Values.Where(known => !view.Uses.ContainsKey(known.Identity)))
        {
            if (!_unusedSince.TryAdd(unused.Identity, _looked) && time.GetElapsedTime(_unusedSince[unused.Identity]) > options.UnusedFor)
            {
                string key = ClusterKeys.Identity(unused.Labels);
                await shared.CommitAsync(new Transaction().IfUnchanged(key, unused.ModRevision).Delete(key).Delete(ClusterKeys.Number(unused.Identity)), cancel);
                _unusedSince.Remove(unused.Identity);
            }
        }
    }
}
