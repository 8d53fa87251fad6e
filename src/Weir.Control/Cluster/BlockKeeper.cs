// SPDX-License-Identifier: Apache-2.0

using System.Collections.Immutable;
using System.Text.Json;
using Weir.Control.State;
using Weir.Net;
using Weir.Store;

namespace Weir.Control.Cluster;

/// <summary>Takes blocks of shared networks' ranges for this node, and returns those that it no longer needs.</summary>
/// <param name="heard">Waits until this node has heard what was so at a revision.</param>
internal sealed class BlockKeeper(Writer writer, IKeyValues shared, string node, TimeProvider time, Func<long, CancellationToken, Task> heard)
{
    /// <summary>For so long no address of a block is given before it is returned: one that was given just before has become an
    /// endpoint's by then, or was given up.</summary>
    internal static readonly TimeSpan TimeToLeave = TimeSpan.FromMinutes(2);

    private readonly Dictionary<IpPrefix, long> _leavingSince = [];

    /// <summary>Takes a block of each shared network that has none of this node's, or hardly an address left in them.</summary>
    /// <returns>Whether it took any: then look again.</returns>
    internal async Task<bool> TakeAsync(World world, CancellationToken cancel)
    {
        ClusterView view = world.Cluster ?? ClusterView.Empty;
        bool any = false;
        foreach ((string name, IpPrefix range) in Ranges(view))
        {
            if (BlockPlan.Next(view, world, name, range, node) is not { } block)
            {
                continue;
            }

            string key = ClusterKeys.Block(name, block);
            TransactionResult result = await shared.CommitAsync(
                new Transaction().IfAbsent(key).Put(key, JsonSerializer.SerializeToUtf8Bytes(new BlockRecord(name, block, node), ClusterContext.Default.BlockRecord)), cancel);
            await heard(result.Revision, cancel);
            any = true;
        }

        return any;
    }

    /// <summary>Returns what nobody has an address of, some time after none was given of it any more.</summary>
    internal async Task ReturnAsync(World world, CancellationToken cancel)
    {
        ClusterView view = world.Cluster ?? ClusterView.Empty;
        Dictionary<IpPrefix, string> spare = [];
        foreach ((string name, IpPrefix range) in Ranges(view))
        {
            if (BlockPlan.Spare(view, world, name, range, node) is { } block)
            {
                spare[block] = name;
            }
        }

        await LeaveAsync(world, [.. spare.Keys]);
        foreach ((IpPrefix block, string name) in spare.Where(one => time.GetElapsedTime(_leavingSince[one.Key]) >= TimeToLeave))
        {
            string key = ClusterKeys.Block(name, block);
            KeyValue? now = await shared.GetAsync(key, cancel);
            if (now is not null && JsonSerializer.Deserialize(now.Value.Span, ClusterContext.Default.BlockRecord)?.Node == node && !BlockPlan.IsUsed(writer.World, block))
            {
                TransactionResult result = await shared.CommitAsync(new Transaction().IfUnchanged(key, now.ModRevision).Delete(key), cancel);
                await heard(result.Revision, cancel);
            }
        }
    }

    private static IEnumerable<(string Name, IpPrefix Range)> Ranges(ClusterView view) =>
        view.Networks.Values.SelectMany(network => network.Ranges.Select(range => (network.Name, range)));

    private async Task LeaveAsync(World world, ImmutableHashSet<IpPrefix> leaving)
    {
        foreach (IpPrefix stays in _leavingSince.Keys.Where(block => !leaving.Contains(block)).ToList())
        {
            _leavingSince.Remove(stays);
        }

        foreach (IpPrefix block in leaving)
        {
            _leavingSince.TryAdd(block, time.GetTimestamp());
        }

        if (!world.LeavingBlocks.SetEquals(leaving))
        {
            await writer.RunAsync(() => writer.Publish(now => now with { LeavingBlocks = leaving }));
        }
    }
}
