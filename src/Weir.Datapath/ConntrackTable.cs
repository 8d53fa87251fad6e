// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Net;

namespace Weir.Datapath;

/// <summary>weir_ct: programs write it, the agent removes what is over.</summary>
internal sealed class ConntrackTable(BpfMap map, BpfMapMemory<EndpointEntry> endpoints)
{
    private delegate bool Condition(in CtEntry entry);

    /// <summary>Removes expired entries and sets every endpoint's count of flows right.</summary>
    internal SweepResult Sweep(ulong nowNs)
    {
        // Programs go on counting up: what they add from here on is kept, what is there now is replaced.
        uint[] before = new uint[endpoints.Count];
        uint[] living = new uint[endpoints.Count];
        for (int id = 0; id < before.Length; id++)
        {
            before[id] = Volatile.Read(ref endpoints[id].CtCount);
        }

        int total = 0;
        int deleted = RemoveWhere((in CtEntry entry) =>
        {
            if (entry.ExpiresNs < nowNs)
            {
                return true;
            }

            total++;
            living[entry.SrcEndpoint % living.Length]++;
            return false;
        });
        for (int id = 1; id < before.Length; id++)
        {
            if (living[id] != before[id])
            {
                Correct(ref endpoints[id].CtCount, before[id], living[id]);
            }
        }

        return new SweepResult(total, deleted, (int)map.Spec.MaxEntries);
    }

    /// <summary>Removes all flows of an endpoint: its number and addresses may serve another.</summary>
    internal int Purge(ushort id) => RemoveWhere((in CtEntry entry) => entry.SrcEndpoint == id || entry.DstEndpoint == id);

    /// <summary>Removes all flows through frontends that are gone: their numbers may serve others.</summary>
    internal int PurgeFrontends(IReadOnlySet<uint> ids) =>
        RemoveWhere((in CtEntry entry) => (entry.Flags & CtFlag.Service) != 0 && ids.Contains(entry.FrontendId));

    /// <param name="most">Stops there.</param>
    internal IReadOnlyList<ConntrackRow> List(int most)
    {
        List<ConntrackRow> rows = [];
        map.ForEachBatch((keys, values, _) =>
        {
            ReadOnlySpan<CtKey> k = MemoryMarshal.Cast<byte, CtKey>(keys);
            ReadOnlySpan<CtEntry> v = MemoryMarshal.Cast<byte, CtEntry>(values);
            for (int i = 0; i < k.Length && rows.Count < most; i++)
            {
                rows.Add(Describe(in k[i], in v[i]));
            }
        });
        return rows;
    }

    /// <summary>Puts the number found in place of the one before, without losing what was added since.</summary>
    private static void Correct(ref uint count, uint before, uint found)
    {
        uint seen;
        uint corrected;
        do
        {
            seen = Volatile.Read(ref count);
            corrected = seen >= before ? seen - before + found : found; // smaller: the slot was cleared
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
            entry.Flags);
    }

    private int RemoveWhere(Condition condition)
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
                if (condition(in v[i]))
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
