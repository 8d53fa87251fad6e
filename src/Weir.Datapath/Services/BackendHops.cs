// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;
using Weir.Bpf;
using Weir.Datapath.Abi;

namespace Weir.Datapath;

/// <summary>The ways to backends in weir_plain, which follow from weir_backend. Programs read while this writes: whatever but
/// the MAC changes, there is none meanwhile, and weir_backend is asked.</summary>
internal sealed class BackendHops(BpfMap plain) : IDisposable
{
    private readonly BpfMapMemory<BackendHop> _hops = new(plain, (int)BucketLayout.Count * Unsafe.SizeOf<ServiceBucket>(), (int)HopLayout.Count);

    /// <summary>Those with a larger id are in weir_backend alone.</summary>
    internal uint Count => (uint)_hops.Count;

    /// <summary>After weir_backend has the entry.</summary>
    internal void Follow(uint id, in BackendEntry entry)
    {
        if (id >= Count)
        {
            return;
        }

        ref BackendHop hop = ref _hops[(int)id];
        BackendHop wanted = IsPlain(in entry) ? HopOf(in entry) : default;
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

    /// <summary>As a plain packet finds it.</summary>
    internal BackendHop Find(uint id) => _hops[(int)id];

    public void Dispose() => _hops.Dispose();

    private static bool IsPlain(in BackendEntry entry) =>
        (entry.Flags & (BackendFlag.Present | BackendFlag.Local)) == BackendFlag.Present && entry.Addr.IsIPv4 && entry.Source.IsIPv4 && entry.Outer.IsIPv4;

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
