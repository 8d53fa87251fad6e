// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Weir.Bpf;
using Weir.Datapath.Abi;

namespace Weir.Datapath;

/// <summary>weir_moved, weir_affinity, the maps of SNAT and weir_sock: programs write them, the agent removes what names
/// something that is gone.</summary>
internal sealed class ServiceFlows(BpfMap moved, BpfMap affinity, IReadOnlyList<BpfMap> nat, BpfMap sockets)
{
    private delegate bool Condition<TKey, TValue>(in TKey key, in TValue value);

    internal IEnumerable<MapUse> Uses() => new[] { moved, affinity, sockets }.Concat(nat).Select(map => new MapUse(map.Spec.Name, Count(map), map.Spec.MaxEntries));

    internal ServiceFlowCounts Count() => new(Count(moved), Count(affinity), nat.Sum(Count), Count(sockets));

    /// <summary>Removes what is remembered of flows to these frontends while they were under change.</summary>
    internal int ForgetMoved(IReadOnlySet<(IpAddr, ushort, byte)> frontends) =>
        RemoveWhere((in MovedKey key, in MovedEntry _) => frontends.Contains((key.Addr, key.Port, key.Protocol)), moved);

    internal int ForgetBackends(IReadOnlySet<uint> backends) =>
        RemoveWhere((in MovedKey _, in MovedEntry entry) => backends.Contains(entry.Backend), moved)
        + RemoveWhere((in AffinityKey _, in AffinityEntry entry) => backends.Contains(entry.Backend), affinity)
        + nat.Sum(map => RemoveWhere((in NatKey _, in NatEntry entry) => backends.Contains(entry.Backend), map));

    /// <summary>The forward half of a flow by SNAT has the frontend's address, the reverse half its id.</summary>
    internal int ForgetFrontends(IReadOnlySet<uint> ids, IReadOnlySet<(IpAddr, ushort, byte)> frontends) =>
        ForgetMoved(frontends)
        + RemoveWhere((in AffinityKey key, in AffinityEntry _) => ids.Contains(key.FrontendId), affinity)
        + nat.Sum(map => RemoveWhere(
            (in NatKey key, in NatEntry entry) => key.Direction == NatDirection.Forward
                ? frontends.Contains((key.Dst, key.Dport, key.Protocol))
                : ids.Contains(entry.FrontendId),
            map))
        + RemoveWhere((in SockKey _, in SockEntry entry) => ids.Contains(entry.FrontendId), sockets);

    private static int Count(BpfMap map)
    {
        int total = 0;
        map.ForEachBatch((_, _, count) => total += count);
        return total;
    }

    private static int RemoveWhere<TKey, TValue>(Condition<TKey, TValue> condition, BpfMap map)
        where TKey : unmanaged
        where TValue : unmanaged
    {
        int removed = 0;
        map.ForEachBatch((keys, values, count) =>
        {
            ReadOnlySpan<TKey> k = MemoryMarshal.Cast<byte, TKey>(keys);
            ReadOnlySpan<TValue> v = MemoryMarshal.Cast<byte, TValue>(values);
            TKey[] doomed = new TKey[count];
            int found = 0;
            for (int i = 0; i < count; i++)
            {
                if (condition(in k[i], in v[i]))
                {
                    doomed[found++] = k[i];
                }
            }

            removed += found == 0 ? 0 : map.DeleteBatch(MemoryMarshal.AsBytes(doomed.AsSpan(0, found)), found);
        });
        return removed;
    }
}
