// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Bpf;
using Weir.Datapath.Abi;

namespace Weir.Datapath;

/// <summary>weir_node, in memory that programs read, and weir_node_id, which finds them by address.</summary>
internal sealed class NodeTable(BpfMap nodes, BpfMap byAddress, BpfMap echoes, LbFlags flags) : IDisposable
{
    private const ushort Self = 0;

    private readonly BpfMapMemory<NodeEntry> _memory = new(nodes);
    private readonly BpfMap<IpAddr, uint> _byAddress = new(byAddress);
    private readonly BpfMap<uint, NodeEcho> _echoes = new(echoes);
    private bool _hasDirect;
    private bool _isStacks;

    /// <summary>Whether what goes to other nodes and comes from them past the overlay is left to the host's stack.</summary>
    internal bool IsStacks
    {
        get => _isStacks;
        set
        {
            _isStacks = value;
            SetFlag();
        }
    }

    /// <summary>Puts these in place of those that are there; one that stays as it is, no packet misses.</summary>
    /// <exception cref="DatapathException">A number is too high, or two have the same number or address; nothing was
    /// changed.</exception>
    internal void Replace(IReadOnlyCollection<NodeRow> rows)
    {
        Dictionary<ushort, NodeRow> wanted = [];
        Dictionary<IpAddr, uint> addresses = [];
        foreach (NodeRow row in rows)
        {
            Check(row, wanted, addresses);
        }

        // Who is no node any more is believed nothing from here on; who is one has a number before he is.
        foreach (IpAddr gone in _byAddress.ToList().Where(known => addresses.GetValueOrDefault(known.Key) != known.Value).Select(known => known.Key))
        {
            _byAddress.Remove(in gone);
        }

        for (int id = 0; id < _memory.Count; id++)
        {
            ref NodeEntry entry = ref _memory[id];
            if (wanted.TryGetValue((ushort)id, out NodeRow? row))
            {
                Put(ref entry, row);
            }
            else if (entry.Flags != 0)
            {
                Clear(ref entry);
            }
        }

        foreach ((IpAddr address, uint id) in addresses)
        {
            _byAddress.Set(in address, id);
        }

        _hasDirect = rows.Any(row => row.Id != Self && !row.IsOverlay);
        SetFlag();
    }

    internal IReadOnlyList<NodeRow> List()
    {
        List<NodeRow> rows = [];
        for (int id = 0; id < _memory.Count; id++)
        {
            NodeEntry entry = _memory[id];
            if ((entry.Flags & NodeFlag.Present) != 0)
            {
                rows.Add(new NodeRow((ushort)id, entry.Addr.ToIPAddress(), (entry.Flags & NodeFlag.Overlay) != 0));
            }
        }

        return rows;
    }

    internal NodeAnswer AnswerOf(ushort id) => _echoes.TryGet(id, out NodeEcho echo) ? new NodeAnswer(echo.Asked, echo.AnsweredNs) : default;

    public void Dispose() => _memory.Dispose();

    private void SetFlag() => flags.Set(LbFlag.Nodes, _hasDirect && !_isStacks);

    private void Check(NodeRow row, Dictionary<ushort, NodeRow> wanted, Dictionary<IpAddr, uint> addresses)
    {
        if (row.Id >= _memory.Count)
        {
            throw new DatapathException($"node {row.Address} has the number {row.Id}: 1 to {_memory.Count - 1} can be had");
        }

        if (!wanted.TryAdd(row.Id, row))
        {
            throw new DatapathException($"nodes {wanted[row.Id].Address} and {row.Address} have the same number, {row.Id}");
        }

        // Nobody else speaks for this host.
        if (row.Id != Self && !addresses.TryAdd(IpAddr.From(row.Address), row.Id))
        {
            throw new DatapathException($"nodes {addresses[IpAddr.From(row.Address)]} and {row.Id} have the same address, {row.Address}");
        }
    }

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
