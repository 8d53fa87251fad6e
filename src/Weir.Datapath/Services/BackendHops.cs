// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;
using Weir.Bpf;
using Weir.Datapath.Abi;

namespace Weir.Datapath;

/// <summary>The ways to backends in weir_hop, which follow from weir_backend. Programs read while this
/// writes: whatever but the MAC changes, there is none meanwhile, and weir_backend is asked.</summary>
internal sealed class BackendHops(BpfMap map) : IDisposable
{
    private readonly BpfMapMemory<BackendHop> _hops = new(map, 0, (int)HopLayout.Count);
    private readonly BpfMapMemory<BackendHop6> _hops6 = new(map, (int)HopLayout.Count * Unsafe.SizeOf<BackendHop>(), (int)HopLayout.Count);

    /// <summary>Those with a larger id are in weir_backend alone.</summary>
    internal uint Count => (uint)_hops.Count;

    /// <summary>After weir_backend has the entry.</summary>
    internal void Follow(uint id, in BackendEntry entry)
    {
        if (id < Count)
        {
            bool plain = (entry.Flags & (BackendFlag.Present | BackendFlag.Local)) == BackendFlag.Present;
            Put(ref _hops[(int)id], plain && entry.Addr.IsIPv4 && entry.Source.IsIPv4 && entry.Outer.IsIPv4 ? HopOf(in entry) : default);
            Put(ref _hops6[(int)id], plain && !entry.Addr.IsIPv4 && !entry.Source.IsIPv4 && !entry.Outer.IsIPv4 ? Hop6Of(in entry) : default);
        }
    }

    /// <summary>As a plain packet finds it.</summary>
    internal BackendHop Find(uint id) => _hops[(int)id];

    /// <summary>As one of IPv6 does.</summary>
    internal BackendHop6 Find6(uint id) => _hops6[(int)id];

    public void Dispose()
    {
        _hops.Dispose();
        _hops6.Dispose();
    }

    private static void Put(ref BackendHop hop, in BackendHop wanted)
    {
        bool elsewhere = (hop.SourceMac, hop.Source, hop.Outer, hop.Ifindex, hop.Sum, hop.Flags)
            != (wanted.SourceMac, wanted.Source, wanted.Outer, wanted.Ifindex, wanted.Sum, wanted.Flags);
        if (elsewhere)
        {
            Volatile.Write(ref hop.Mac, 0);
            Thread.MemoryBarrier();
            hop.SourceMac = wanted.SourceMac;
            hop.Source = wanted.Source;
            hop.Outer = wanted.Outer;
            hop.Ifindex = wanted.Ifindex;
            hop.Sum = wanted.Sum;
            hop.Flags = wanted.Flags;
        }

        Volatile.Write(ref hop.Mac, wanted.Mac);
    }

    private static void Put(ref BackendHop6 hop, in BackendHop6 wanted)
    {
        bool elsewhere = (hop.SourceMac, hop.Source, hop.Outer, hop.Ifindex, hop.Flags)
            != (wanted.SourceMac, wanted.Source, wanted.Outer, wanted.Ifindex, wanted.Flags);
        if (elsewhere)
        {
            Volatile.Write(ref hop.Mac, 0);
            Thread.MemoryBarrier();
            hop.SourceMac = wanted.SourceMac;
            hop.Source = wanted.Source;
            hop.Outer = wanted.Outer;
            hop.Ifindex = wanted.Ifindex;
            hop.Flags = wanted.Flags;
        }

        Volatile.Write(ref hop.Mac, wanted.Mac);
    }

    private static BackendHop HopOf(in BackendEntry entry) => new()
    {
        Mac = BackendTable.WordOf(entry.Mac),
        SourceMac = BackendTable.WordOf(entry.SourceMac),
        Source = entry.Source.Word[3],
        Outer = entry.Outer.Word[3],
        Ifindex = entry.Ifindex,
        Sum = SumOf(entry.Source.Word[3].NetworkOrder, entry.Outer.Word[3].NetworkOrder),
        Flags = entry.Flags,
    };

    private static BackendHop6 Hop6Of(in BackendEntry entry) => new()
    {
        Mac = BackendTable.WordOf(entry.Mac),
        SourceMac = BackendTable.WordOf(entry.SourceMac),
        Source = entry.Source,
        Outer = entry.Outer,
        Ifindex = entry.Ifindex,
        Flags = entry.Flags,
    };

    /// <summary>The words of an outer header (bpf/lib/encap.h) but the first and the checksum, as they lie in memory.</summary>
    private static ushort SumOf(uint source, uint outer)
    {
        const uint DontFragment = 0x0040;
        const uint TtlAndProtocol = 0x0440;
        uint sum = DontFragment + TtlAndProtocol + (source & 0xffff) + (source >> 16) + (outer & 0xffff) + (outer >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        return (ushort)(sum + (sum >> 16));
    }
}
