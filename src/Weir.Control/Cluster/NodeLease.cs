// SPDX-License-Identifier: Apache-2.0

using System.Text;
using Weir.Store;

namespace Weir.Control.Cluster;

/// <summary>Says that this node is there: the one record that goes by itself when nobody keeps its lease. All else that a node says
/// of itself stays until it takes it back, since its kernel goes on without its agent.</summary>
internal sealed class NodeLease(IKeyValues shared, ClusterOptions options, NodeRecord node, TimeProvider time)
{
    private TimeSpan Pause => options.TimeToLive / 3;

    /// <returns>The lease, and the revision at which this node has its name.</returns>
    /// <exception cref="ControlException">Another has the name.</exception>
    internal async Task<(long Lease, long Revision)> RegisterAsync(byte[] record, CancellationToken cancel)
    {
        KeyValue? known = await shared.GetAsync(ClusterKeys.Node(options.Name), cancel);
        KeyValue? alive = await shared.GetAsync(ClusterKeys.AliveOf(options.Name), cancel);
        if (alive is not null && Encoding.UTF8.GetString(alive.Value.Span) != node.Instance)
        {
            throw new ControlException($"a node named \"{options.Name}\" is there already{AddressIn(known)}: give this one another node-name");
        }

        long lease = await shared.GrantLeaseAsync(options.TimeToLive, cancel);
        Transaction transaction = new Transaction().IfUnchanged(ClusterKeys.AliveOf(options.Name), alive?.ModRevision ?? 0)
            .Put(ClusterKeys.AliveOf(options.Name), Encoding.UTF8.GetBytes(node.Instance), lease);
        // A node that was away only is known as it was.
        if (known is null || !known.Value.Span.SequenceEqual(record))
        {
            transaction.IfUnchanged(ClusterKeys.Node(options.Name), known?.ModRevision ?? 0).Put(ClusterKeys.Node(options.Name), record);
        }

        TransactionResult registered = await shared.CommitAsync(transaction, cancel);
        return registered.Succeeded ? (lease, registered.Revision) : throw new ControlException($"another node registers as \"{options.Name}\" at the same time");
    }

    /// <summary>Goes on until it fails or is cancelled, whatever else the node has to say meanwhile.</summary>
    /// <exception cref="LeaseNotFoundException">The others count this node as silent.</exception>
    internal async Task KeepAsync(long lease, Action answered, CancellationToken cancel)
    {
        while (true)
        {
            // Not all nodes at the same moment.
            await Task.Delay(Pause * (0.8 + (0.2 * Random.Shared.NextDouble())), time, cancel);
            await shared.KeepAliveAsync(lease, cancel);
            answered();
        }
    }

    private static string AddressIn(KeyValue? record) =>
        record is not null && System.Text.Json.JsonSerializer.Deserialize(record.Value.Span, ClusterContext.Default.NodeRecord) is { } other ? $", with the address {other.Address}" : "";
}
