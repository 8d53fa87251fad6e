// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Bpf;
using Weir.Datapath.Abi;

namespace Weir.Datapath;

/// <summary>weir_node, in memory that programs read.</summary>
internal sealed class NodeTable(BpfMap map) : IDisposable
{
    private readonly BpfMapMemory<NodeEntry> _memory = new(map);

    /// <summary>Puts these in place of those that are there; one that stays as it is, no packet misses.</summary>
    /// <exception cref="DatapathException">A number is 0, too high, or two nodes'; nothing was changed.</exception>
    internal void Replace(IReadOnlyCollection<NodeRow> rows)
    {
        Dictionary<ushort, NodeRow> wanted = [];
        foreach (NodeRow row in rows)
        {
            if (row.Id == 0 || row.Id >= _memory.Count)
            {
                throw new DatapathException($"node {row.Address} has the number {row.Id}: 1 to {_memory.Count - 1} can be had");
            }

            if (!wanted.TryAdd(row.Id, row))
            {
                throw new DatapathException($"nodes {wanted[row.Id].Address} and {row.Address} have the same number, {row.Id}");
            }
        }

        for (int id = 1; id < _memory.Count; id++)
        {
            ref NodeEntry entry = ref _memory[id];
            if (wanted.TryGetValue((ushort)id, out NodeRow row))
            {
                Put(ref entry, row);
            }
            else if (entry.Flags != 0)
            {
                Clear(ref entry);
            }
        }
    }

    internal IReadOnlyList<NodeRow> List()
    {
        List<NodeRow> rows = [];
        for (int id = 1; id < _memory.Count; id++)
        {
            NodeEntry entry = _memory[id];
            if ((entry.Flags & NodeFlag.Present) != 0)
            {
                rows.Add(new NodeRow((ushort)id, entry.Addr.ToIPAddress(), (entry.Flags & NodeFlag.Overlay) != 0));
            }
        }

        return rows;
    }

    public void Dispose() => _memory.Dispose();

    /// <summary>An address is never seen half written: without its flags the entry is nobody's.</summary>
    private static void Put(ref NodeEntry entry, NodeRow row)
    {
        IpAddr address = IpAddr.From(row.Address);
        if (entry.Addr != address)
        {
            Clear(ref entry);
            entry.Addr = address;
            Thread.MemoryBarrier();
        }

        entry.Flags = NodeFlag.Present | (row.IsOverlay ? NodeFlag.Overlay : 0);
    }

    private static void Clear(ref NodeEntry entry)
    {
        entry.Flags = 0;
        Thread.MemoryBarrier();
        entry.Addr = default;
    }
}
