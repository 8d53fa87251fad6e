// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Weir.Bpf;
using Weir.Datapath.Abi;

namespace Weir.Datapath;

/// <summary>weir_backend, in memory that programs read: what changes under living flows changes word by word. Then the
/// ways of plain packets follow.</summary>
public sealed class BackendTable : IDisposable
{
    private const int MacLength = 6;

    private readonly BpfMapMemory<BackendEntry> _memory;
    private readonly BackendHops _hops;

    internal BackendTable(BpfMap map, BpfMap hops)
    {
        _memory = new(map);
        _hops = new(hops);
        for (uint id = 1; id < _hops.Count; id++)
        {
            _hops.Follow(id, id < Max ? EntryOf(id) : default);
        }
    }

    internal BackendHops Hops => _hops;

    /// <summary>Ids are 1 to one less than this.</summary>
    public uint Max => (uint)_memory.Count;

    /// <summary>Fills an entry that no slot names yet. Without a next hop packets for a remote backend are dropped
    /// until <see cref="SetNextHop"/>.</summary>
    public void Put(uint id, IPAddress address, ushort port, BackendFlag flags, NextHop? nextHop = null)
    {
        ArgumentNullException.ThrowIfNull(address);
        ref BackendEntry entry = ref EntryOf(id);
        Clear(ref entry);
        entry.Addr = IpAddr.From(address);
        entry.Outer = entry.Addr;
        entry.Port = port;
        if (nextHop is { } hop)
        {
            SetNextHop(id, hop);
        }

        Thread.MemoryBarrier();
        SetFlags(id, flags);
    }

    /// <summary>Changes the way to a backend, also under traffic. A new MAC alone is one word; where more changes,
    /// packets in between have no next hop rather than a wrong one.</summary>
    /// <returns>False: it is that one already.</returns>
    public bool SetNextHop(uint id, NextHop nextHop)
    {
        ArgumentNullException.ThrowIfNull(nextHop.Source);
        ref BackendEntry entry = ref EntryOf(id);
        ref ulong mac = ref MacWord(ref entry.Mac);
        ref ulong sourceMac = ref MacWord(ref entry.SourceMac);
        ulong newMac = WordOf(nextHop.Mac);
        ulong newSourceMac = WordOf(nextHop.SourceMac);
        IpAddr source = IpAddr.From(nextHop.Source);
        IpAddr outer = nextHop.Outer is null ? entry.Addr : IpAddr.From(nextHop.Outer);
        bool elsewhere = entry.Ifindex != (uint)nextHop.Ifindex || sourceMac != newSourceMac || entry.Source != source || entry.Outer != outer;
        if (!elsewhere && mac == newMac)
        {
            return false;
        }

        if (elsewhere)
        {
            Volatile.Write(ref mac, 0);
            Thread.MemoryBarrier();
            Volatile.Write(ref entry.Ifindex, (uint)nextHop.Ifindex);
            Volatile.Write(ref sourceMac, newSourceMac);
            entry.Source = source;
            entry.Outer = outer;
            Thread.MemoryBarrier();
        }

        Volatile.Write(ref mac, newMac);
        _hops.Follow(id, in entry);
        return true;
    }

    /// <summary>Forgets the next hop's MAC: packets are dropped, with a reason.</summary>
    public void ClearNextHop(uint id)
    {
        ref BackendEntry entry = ref EntryOf(id);
        Volatile.Write(ref MacWord(ref entry.Mac), 0);
        _hops.Follow(id, in entry);
    }

    /// <summary>Replaces all flags; <see cref="BackendFlag.Present"/> is always among them.</summary>
    public void SetFlags(uint id, BackendFlag flags)
    {
        ref BackendEntry entry = ref EntryOf(id);
        Volatile.Write(ref Unsafe.As<BackendFlag, byte>(ref entry.Flags), (byte)(flags | BackendFlag.Present));
        _hops.Follow(id, in entry);
    }

    /// <summary>Takes a backend away that no slot names. Before its id is given again,
    /// <see cref="ServiceTable.Forget"/> what flow tables say of it.</summary>
    public void Remove(uint id)
    {
        Clear(ref EntryOf(id));
        _hops.Follow(id, default);
    }

    /// <summary>Null: there is no such backend.</summary>
    public BackendRow? Get(uint id)
    {
        BackendEntry entry = EntryOf(id);
        return (entry.Flags & BackendFlag.Present) != 0 ? RowOf(id, in entry) : null;
    }

    public IReadOnlyList<BackendRow> List()
    {
        List<BackendRow> rows = [];
        for (uint id = 1; id < Max; id++)
        {
            if (Get(id) is { } row)
            {
                rows.Add(row);
            }
        }

        return rows;
    }

    public void Dispose()
    {
        _memory.Dispose();
        _hops.Dispose();
    }

    /// <summary>As it lies in memory, with two bytes of zero behind it.</summary>
    internal static ulong WordOf(ReadOnlySpan<byte> mac)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(mac.Length, MacLength);
        Span<byte> word = stackalloc byte[sizeof(ulong)];
        word.Clear();
        mac.CopyTo(word);
        return MemoryMarshal.Read<ulong>(word);
    }

    private static void Clear(ref BackendEntry entry)
    {
        entry.Flags = 0;
        Thread.MemoryBarrier();
        entry = default;
    }

    private static BackendRow RowOf(uint id, in BackendEntry entry)
    {
        NextHop? nextHop = entry.Ifindex == 0
            ? null
            : new NextHop((int)entry.Ifindex, ((ReadOnlySpan<byte>)entry.Mac).ToArray(), ((ReadOnlySpan<byte>)entry.SourceMac).ToArray(), entry.Source.ToIPAddress(), entry.Outer == entry.Addr ? null : entry.Outer.ToIPAddress());
        return new BackendRow(id, entry.Addr.ToIPAddress(), entry.Port, entry.Flags, nextHop);
    }

    /// <summary>A MAC and the two bytes of padding after it: 8 bytes, aligned.</summary>
    private static ref ulong MacWord(ref InlineArray6<byte> mac) => ref Unsafe.As<InlineArray6<byte>, ulong>(ref mac);

    private ref BackendEntry EntryOf(uint id)
    {
        ArgumentOutOfRangeException.ThrowIfZero(id);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(id, Max);
        return ref _memory[(int)id];
    }
}
