// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Weir.Bpf;
using Weir.Datapath.Abi;

namespace Weir.Datapath;

/// <summary>What the datapath tells of requests that pass without the proxy, as long as somebody looks. One reader at a time.</summary>
public sealed class SeenRequests : IDisposable
{
    private readonly BpfMap _map;
    private readonly RingBuffer _ring;

    private SeenRequests(BpfMap map)
    {
        _map = map;
        _ring = new RingBuffer(map);
    }

    /// <summary>Gets what is told of a request, and its head if that is new: memory that is gone when the handler returns.</summary>
    public delegate void Handler(in HttpSeen seen, ReadOnlySpan<byte> head);

    /// <summary>Null: there is no datapath that tells of them.</summary>
    public static SeenRequests? TryOpen(string pinRoot) => BpfMap.OpenPinned(Path.Combine(pinRoot, MapNames.HttpSeen)) is { } map ? new SeenRequests(map) : null;

    /// <summary>All that were counted so far; nothing if there is no datapath that counts them as this version does.</summary>
    public static HttpCount Count(string pinRoot)
    {
        using BpfMap? map = BpfMap.OpenPinned(Path.Combine(pinRoot, MapNames.HttpCount));
        HttpCount sum = default;
        if (map is not null && map.Spec.ValueSize == Unsafe.SizeOf<HttpCount>())
        {
            foreach (HttpCount cpu in new PerCpuMap<HttpCount>(map).Get(0))
            {
                sum.Add(in cpu);
            }
        }

        return sum;
    }

    /// <summary>Whether another ring is pinned in the place of this one by now: an agent of another version has put it there.</summary>
    public bool AreReplaced(string pinRoot)
    {
        using BpfMap? map = BpfMap.OpenPinned(Path.Combine(pinRoot, MapNames.HttpSeen));
        return map is not null && map.Id != _map.Id;
    }

    /// <summary>Hands all that was told to the handler, on this thread. Nobody is woken for it.</summary>
    public void Read(Handler handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        _ring.Consume(record =>
        {
            int size = Unsafe.SizeOf<HttpSeen>();
            if (record.Length >= size)
            {
                ref readonly HttpSeen seen = ref MemoryMarshal.AsRef<HttpSeen>(record);
                handler(in seen, record.Slice(size, Math.Min(seen.Length, record.Length - size)));
            }
        });
    }

    public void Dispose()
    {
        _ring.Dispose();
        _map.Dispose();
    }
}
