// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Net;

namespace Weir.Datapath;

/// <summary>weir_ct and weir_ct_brief: programs write them, the agent removes what is over.</summary>
/// <param name="flows">weir_ct, which has room only for so many, and accounts for whose they are.</param>
/// <param name="brief">weir_ct_brief, which forgets by itself.</param>
/// <param name="mostPerEndpoint">Flows that one endpoint may have.</param>
internal sealed class ConntrackTable(
    BpfMap flows,
    BpfMap brief,
    BpfMapMemory<EndpointEntry> endpoints,
    BpfMapMemory<CtUse> use,
    uint mostPerEndpoint)
{
    private delegate bool Condition(in CtKey key, in CtEntry entry);

    /// <summary>Removes expired entries, early where whoever opened them has used up half of what he may have, and sets
    /// all counts right.</summary>
    internal SweepResult Sweep(ulong nowNs)
    {
        // Programs go on counting: what they add and take from here on is kept, what is there now is replaced.
        uint[] before = new uint[endpoints.Count];
        uint[] living = new uint[endpoints.Count];
        for (int id = 0; id < before.Length; id++)
        {
            before[id] = Volatile.Read(ref endpoints[id].CtCount);
        }

        uint usedBefore = Volatile.Read(ref use[0].Entries);
        uint left = flows.Spec.MaxEntries - Math.Min(usedBefore, flows.Spec.MaxEntries);
        uint much = Math.Min(mostPerEndpoint, left / 2) / 2;
        bool IsPressed(int opener) => before[opener] > (opener == 0 ? left / 2 : much);
        int total = 0;
        int deleted = RemoveWhere(flows, (in CtKey key, in CtEntry entry) =>
        {
            int opener = entry.SrcEndpoint % living.Length;
            if (entry.ExpiresNs < nowNs || (IsPressed(opener) && FlowAge.IsDispensable((IpProtocol)key.Protocol, in entry, nowNs)))
            {
                return true;
            }

            total++;
            living[opener]++;
            return false;
        });
        for (int id = 0; id < before.Length; id++)
        {
            if (living[id] != before[id])
            {
                Correct(ref endpoints[id].CtCount, before[id], living[id]);
            }
        }

        Correct(ref use[0].Entries, usedBefore, (uint)total);
        return new SweepResult(total, deleted, (int)flows.Spec.MaxEntries, Enumerable.Range(0, before.Length).Any(IsPressed));
    }

    /// <summary>How many flows live now.</summary>
    /// <param name="endpoint">Those of one endpoint; 0: all.</param>
    internal ConntrackCount Count(ulong nowNs, ushort endpoint)
    {
        const CtFlag http = CtFlag.Proxy | CtFlag.Http;
        int all = 0, inKernel = 0;
        int[] byProxy = new int[byte.MaxValue + 1];
        flows.ForEachBatch((_, values, _) =>
        {
            foreach (ref readonly CtEntry entry in MemoryMarshal.Cast<byte, CtEntry>(values))
            {
                if (entry.ExpiresNs < nowNs || (endpoint != 0 && entry.SrcEndpoint != endpoint && entry.DstEndpoint != endpoint))
                {
                    continue;
                }

                all++;
                if ((entry.Flags & CtFlag.Proxy) == 0 || (entry.Flags & (CtFlag.Closed | CtFlag.Cut)) != 0)
                {
                    continue;
                }

                inKernel += (entry.Flags & http) == http ? 1 : 0;
                byProxy[(int)entry.HttpWhy] += (entry.Flags & http) == CtFlag.Proxy ? 1 : 0;
            }
        });
        return new ConntrackCount(
            all,
            inKernel,
            byProxy.Index().Where(why => why.Item > 0).ToDictionary(why => (HttpWhy)why.Index, why => why.Item));
    }

    /// <summary>How many the table holds.</summary>
    internal int Capacity => (int)flows.Spec.MaxEntries;

    /// <summary>Removes all flows of an endpoint: its number and addresses may serve another.</summary>
    internal int Purge(ushort id) => RemoveWhere((in _, in entry) => entry.SrcEndpoint == id || entry.DstEndpoint == id);

    /// <summary>Removes all flows through frontends that are gone: their numbers may serve others.</summary>
    internal int PurgeFrontends(IReadOnlySet<uint> ids) =>
        RemoveWhere((in _, in entry) => (entry.Flags & CtFlag.Service) != 0 && ids.Contains(entry.FrontendId));

    /// <param name="nowNs">What is over by then and lies where nobody sweeps is left out.</param>
    /// <param name="most">Stops there.</param>
    internal IReadOnlyList<ConntrackRow> List(ulong nowNs, int most)
    {
        List<ConntrackRow> rows = [];
        foreach (BpfMap map in (BpfMap[])[flows, brief])
        {
            map.ForEachBatch((keys, values, _) =>
            {
                ReadOnlySpan<CtKey> k = MemoryMarshal.Cast<byte, CtKey>(keys);
                ReadOnlySpan<CtEntry> v = MemoryMarshal.Cast<byte, CtEntry>(values);
                for (int i = 0; i < k.Length && rows.Count < most; i++)
                {
                    if (map == flows || v[i].ExpiresNs >= nowNs)
                    {
                        rows.Add(Describe(in k[i], in v[i]));
                    }
                }
            });
        }

        return rows;
    }

    /// <summary>Puts the number found in place of the one before, without losing what changed since.</summary>
    private static void Correct(ref uint count, uint before, uint found)
    {
        uint seen;
        uint corrected;
        do
        {
            seen = Volatile.Read(ref count);
            corrected = (uint)Math.Max(0, (long)seen - before + found);
        }
        while (Interlocked.CompareExchange(ref count, corrected, seen) != seen);
    }

    private static ConntrackRow Describe(in CtKey key, in CtEntry entry)
    {
        bool fromB = (entry.Flags & CtFlag.OriginB) != 0;
        return new ConntrackRow(
            (fromB ? key.AddrB : key.AddrA).ToIPAddress(),
            (ushort)(fromB ? key.PortB : key.PortA),
            (fromB ? key.AddrA : key.AddrB).ToIPAddress(),
            (ushort)(fromB ? key.PortA : key.PortB),
            (IpProtocol)key.Protocol,
            new Identity(entry.SrcIdentity),
            new Identity(entry.DstIdentity),
            entry.SrcEndpoint,
            entry.DstEndpoint,
            entry.Revision,
            entry.CreatedNs,
            entry.ExpiresNs,
            entry.Packets,
            entry.Bytes,
            entry.Flags,
            entry.FrontendId,
            entry.HttpWhy);
    }

    private int RemoveWhere(Condition condition) => RemoveWhere(flows, condition) + RemoveWhere(brief, condition);

    private static int RemoveWhere(BpfMap map, Condition condition)
    {
        int deleted = 0;
        CtKey[] doomed = [];
        map.ForEachBatch((keys, values, count) =>
        {
            ReadOnlySpan<CtKey> k = MemoryMarshal.Cast<byte, CtKey>(keys);
            ReadOnlySpan<CtEntry> v = MemoryMarshal.Cast<byte, CtEntry>(values);
            if (doomed.Length < count)
            {
                doomed = new CtKey[count];
            }

            int found = 0;
            for (int i = 0; i < count; i++)
            {
                if (condition(in k[i], in v[i]))
                {
                    doomed[found++] = k[i];
                }
            }

            // At once, so that hardly a flow can begin anew under the same key in between.
            deleted += found == 0 ? 0 : map.DeleteBatch(MemoryMarshal.AsBytes(doomed.AsSpan(0, found)), found);
        });
        return deleted;
    }
}
