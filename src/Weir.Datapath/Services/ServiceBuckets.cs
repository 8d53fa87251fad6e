// SPDX-License-Identifier: Apache-2.0

using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Linux;

namespace Weir.Datapath;

/// <summary>The buckets of weir_plain, which follow from weir_service: what plain packets find their service by. Programs
/// read while this writes, so that every word is right at every time: a value is there before its key; another value for
/// a key is one word; and a way that lost its key gets no other's before all who may have read that one are over.</summary>
/// <param name="graceNs">How long that is; <see cref="SlotAllocator.DefaultGraceNs"/> says why.</param>
internal sealed class ServiceBuckets(BpfMap plain, ulong graceNs = SlotAllocator.DefaultGraceNs) : IDisposable
{
    // 2^64 by the golden ratio, as in bpf/lib/bucket.h.
    private const ulong Spread = 0x9e3779b97f4a7c15;

    private const int Ways = (int)BucketLayout.Ways;

    private readonly BpfMapMemory<ServiceBucket> _buckets = new(plain, 0, (int)BucketLayout.Count);
    private readonly Dictionary<int, Dictionary<ulong, ulong>> _outside = []; // by bucket: keys and values in weir_service alone; 0: no value says it
    private readonly Dictionary<(int Bucket, int Way), (ulong Key, ulong UntilNs)> _resting = [];

    /// <summary>Services that could be in a bucket and are not, for want of room or because a word cannot say them.</summary>
    internal int Outside => _outside.Values.Sum(services => services.Count);

    /// <summary>Makes all buckets what weir_service says, whatever is in them.</summary>
    internal void Follow(IReadOnlyCollection<KeyValuePair<ServiceKey, ServiceEntry>> services)
    {
        HashSet<ulong> wanted = [.. services.Where(service => service.Key.Addr.IsIPv4).Select(service => KeyOf(service.Key))];
        HashSet<ulong> known = [];
        for (int at = 0; at < _buckets.Count; at++)
        {
            for (int way = 0; way < Ways; way++)
            {
                ulong key = WayOf(at, way).Key;
                if (key != 0 && (!wanted.Contains(key) || !known.Add(key)))
                {
                    Clear(at, way);
                }
            }
        }

        // Before the first finds its way, or its bucket would seem to have all.
        wanted.ExceptWith(known);
        foreach (ulong key in wanted)
        {
            PutOutside(key, 0);
        }

        foreach ((ServiceKey key, ServiceEntry entry) in services)
        {
            Put(in key, in entry);
        }

        for (int at = 0; at < _buckets.Count; at++)
        {
            Volatile.Write(ref _buckets[at].More, _outside.ContainsKey(at) ? 1u : 0u);
        }
    }

    /// <summary>After weir_service has it, new or not.</summary>
    internal void Put(in ServiceKey service, in ServiceEntry entry)
    {
        if (!service.Addr.IsIPv4)
        {
            return;
        }

        ulong key = KeyOf(service);
        int bucket = IndexOf(key);
        int way = FindWay(bucket, key);
        ulong value = Pack(in entry);
        if (value == 0)
        {
            PutOutside(key, 0);
            Clear(bucket, way);
        }
        else if (way >= 0)
        {
            Volatile.Write(ref WayOf(bucket, way).Value, value);
        }
        else if (!TryPutInside(bucket, key, value))
        {
            PutOutside(key, value);
        }
    }

    /// <summary>Gives ways that were taken, or at rest, when they were asked for, and are free now.</summary>
    internal void Settle()
    {
        foreach ((int bucket, Dictionary<ulong, ulong> services) in _outside.ToArray())
        {
            foreach ((ulong key, ulong value) in services.Where(service => service.Value != 0).ToArray())
            {
                TryPutInside(bucket, key, value);
            }
        }
    }

    /// <summary>After weir_service has it no more.</summary>
    internal void Remove(in ServiceKey service)
    {
        if (service.Addr.IsIPv4)
        {
            ulong key = KeyOf(service);
            int bucket = IndexOf(key);
            Clear(bucket, FindWay(bucket, key));
            TakeInside(bucket, key);
        }
    }

    /// <summary>The entry as a plain packet finds it.</summary>
    /// <param name="more">Whether it asks weir_service where this is null.</param>
    internal ServiceEntry? Find(in ServiceKey service, out bool more)
    {
        ulong key = KeyOf(service);
        int bucket = IndexOf(key);
        int way = FindWay(bucket, key);
        more = Volatile.Read(ref _buckets[bucket].More) != 0;
        return way < 0 ? null : Unpack(Volatile.Read(ref WayOf(bucket, way).Value));
    }

    public void Dispose() => _buckets.Dispose();

    /// <summary>The bucket that a service of IPv4 picks.</summary>
    internal static int IndexOf(in ServiceKey service) => IndexOf(KeyOf(service));

    /// <summary>bucket_key in bpf/lib/bucket.h: the address and the port as they lie in memory.</summary>
    private static ulong KeyOf(in ServiceKey key) =>
        (ulong)key.Addr.Word[3].NetworkOrder << 32 | (uint)key.Port.NetworkOrder << 16 | key.Protocol;

    private static int IndexOf(ulong key) => (int)(key * Spread >> (64 - (int)BucketLayout.Bits));

    /// <summary>0: no value says it. None is 0: no frontend's number is.</summary>
    private static ulong Pack(in ServiceEntry entry)
    {
        ulong value = entry.Slots;
        value = value << (int)BucketLayout.IdBits | entry.FrontendId;
        value = value << (int)BucketLayout.ModeBits | (ulong)entry.Mode;
        value = value << (int)BucketLayout.MaskBits | entry.SlotMask;
        ServiceEntry said = Unpack(value);
        return entry.Flags == 0 && said.Slots == entry.Slots && said.FrontendId == entry.FrontendId && said.SlotMask == entry.SlotMask ? value : 0;
    }

    private static ServiceEntry Unpack(ulong value) => new()
    {
        Slots = (uint)(value >> (64 - (int)BucketLayout.SlotBits)),
        FrontendId = (uint)(value >> (int)(BucketLayout.MaskBits + (int)BucketLayout.ModeBits)) & ((1u << (int)BucketLayout.IdBits) - 1),
        Mode = (ServiceMode)((value >> (int)BucketLayout.MaskBits) & ((1u << (int)BucketLayout.ModeBits) - 1)),
        SlotMask = (uint)value & ((1u << (int)BucketLayout.MaskBits) - 1),
    };

    private ref BucketWay WayOf(int bucket, int way) => ref ((Span<BucketWay>)_buckets[bucket].Way)[way];

    /// <summary>-1: it has none.</summary>
    private int FindWay(int bucket, ulong key)
    {
        int way = 0;
        while (way < Ways && Volatile.Read(ref WayOf(bucket, way).Key) != key)
        {
            way++;
        }

        return way < Ways ? way : -1;
    }

    /// <summary>-1: there is none.</summary>
    private int FindFree(int bucket, ulong key)
    {
        for (int way = 0; way < Ways; way++)
        {
            if (WayOf(bucket, way).Key == 0
                && (!_resting.TryGetValue((bucket, way), out (ulong Key, ulong UntilNs) rest) || rest.Key == key || rest.UntilNs <= Clock.MonotonicNs()))
            {
                _resting.Remove((bucket, way));
                return way;
            }
        }

        return -1;
    }

    private void Clear(int bucket, int way)
    {
        if (way >= 0)
        {
            ref ulong key = ref WayOf(bucket, way).Key;
            ulong before = key;
            Volatile.Write(ref key, 0);
            _resting[(bucket, way)] = (before, Clock.MonotonicNs() + graceNs);
        }
    }

    /// <summary>False: no way is free.</summary>
    private bool TryPutInside(int bucket, ulong key, ulong value)
    {
        int way = FindFree(bucket, key);
        if (way < 0)
        {
            return false;
        }

        Volatile.Write(ref WayOf(bucket, way).Value, value);
        Volatile.Write(ref WayOf(bucket, way).Key, key);
        TakeInside(bucket, key);
        return true;
    }

    /// <summary>Before its key is taken away: whoever misses it asks weir_service.</summary>
    private void PutOutside(ulong key, ulong value)
    {
        int bucket = IndexOf(key);
        if (!_outside.TryGetValue(bucket, out Dictionary<ulong, ulong>? services))
        {
            _outside[bucket] = services = [];
        }

        services[key] = value;
        Volatile.Write(ref _buckets[bucket].More, 1);
        Thread.MemoryBarrier();
    }

    /// <summary>It is in its bucket, or gone.</summary>
    private void TakeInside(int bucket, ulong key)
    {
        if (_outside.TryGetValue(bucket, out Dictionary<ulong, ulong>? services) && services.Remove(key) && services.Count == 0)
        {
            _outside.Remove(bucket);
            Volatile.Write(ref _buckets[bucket].More, 0);
        }
    }
}
