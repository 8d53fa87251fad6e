// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Linux;

namespace Weir.Datapath;

/// <summary>What is in weir_bucket, which follow from weir_service: what plain packets find their service by. Programs
/// read while this writes, so that every word is right at every time: a value, and of IPv6 the address, is there before its
/// key; another value for a service is one word; and a way that lost its key gets no other's before all who may have read
/// that one are over.</summary>
/// <param name="graceNs">How long that is; <see cref="SlotAllocator.DefaultGraceNs"/> says why.</param>
internal sealed class ServiceBuckets(BpfMap map, ulong graceNs = SlotAllocator.DefaultGraceNs) : IDisposable
{
    // 2^64 by the golden ratio, as in bpf/lib/bucket.h.
    private const ulong Spread = 0x9e3779b97f4a7c15;

    private const int Ways = (int)BucketLayout.Ways;

    private readonly BpfMapMemory<ServiceBucket> _buckets = new(map, 0, (int)BucketLayout.Count);
    private readonly BpfMapMemory<BucketAddresses> _addresses = new(map, (int)BucketLayout.Count * Unsafe.SizeOf<ServiceBucket>(), (int)BucketLayout.Count);
    private readonly Dictionary<int, Dictionary<Place, ulong>> _outside = []; // by bucket: services and values in weir_service alone; 0: no value says it
    private readonly Dictionary<(int Bucket, int Way), (Place Before, ulong UntilNs)> _resting = [];

    /// <summary>Services that could be in a bucket and are not, for want of room or because a word cannot say them.</summary>
    internal int Outside => _outside.Values.Sum(services => services.Count);

    /// <summary>Makes all buckets what weir_service says, whatever is in them.</summary>
    internal void Follow(IReadOnlyCollection<KeyValuePair<ServiceKey, ServiceEntry>> services)
    {
        HashSet<Place> wanted = [.. services.Select(service => PlaceOf(service.Key))];
        HashSet<Place> known = [];
        for (int at = 0; at < _buckets.Count; at++)
        {
            for (int way = 0; way < Ways; way++)
            {
                Place place = PlaceIn(at, way);
                if (place.Key != 0 && (!wanted.Contains(place) || !known.Add(place)))
                {
                    Clear(at, way);
                }
            }
        }

        // Before the first finds its way, or its bucket would seem to have all.
        wanted.ExceptWith(known);
        foreach (Place place in wanted)
        {
            PutOutside(place, 0);
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
        Place place = PlaceOf(in service);
        int bucket = IndexOf(place.Key);
        int way = FindWay(bucket, place);
        ulong value = Pack(in entry);
        if (value == 0)
        {
            PutOutside(place, 0);
            Clear(bucket, way);
        }
        else if (way >= 0)
        {
            Volatile.Write(ref WayOf(bucket, way).Value, value);
        }
        else if (!TryPutInside(bucket, place, value))
        {
            PutOutside(place, value);
        }
    }

    /// <summary>Gives ways that were taken, or at rest, when they were asked for, and are free now.</summary>
    internal void Settle()
    {
        foreach ((int bucket, Dictionary<Place, ulong> services) in _outside.ToArray())
        {
            foreach ((Place place, ulong value) in services.Where(service => service.Value != 0).ToArray())
            {
                TryPutInside(bucket, place, value);
            }
        }
    }

    /// <summary>After weir_service has it no more.</summary>
    internal void Remove(in ServiceKey service)
    {
        Place place = PlaceOf(in service);
        int bucket = IndexOf(place.Key);
        Clear(bucket, FindWay(bucket, place));
        TakeInside(bucket, place);
    }

    /// <summary>The entry as a plain packet finds it.</summary>
    /// <param name="more">Whether it asks weir_service where this is null.</param>
    internal ServiceEntry? Find(in ServiceKey service, out bool more)
    {
        Place place = PlaceOf(in service);
        int bucket = IndexOf(place.Key);
        int way = FindWay(bucket, place);
        more = Volatile.Read(ref _buckets[bucket].More) != 0;
        return way < 0 ? null : Unpack(Volatile.Read(ref WayOf(bucket, way).Value));
    }

    public void Dispose()
    {
        _buckets.Dispose();
        _addresses.Dispose();
    }

    /// <summary>The bucket that a service picks.</summary>
    internal static int IndexOf(in ServiceKey service) => IndexOf(KeyOf(in service));

    /// <summary>bucket_key and bucket_key_ipv6 in bpf/lib/bucket.h: addresses and ports as they lie in memory.</summary>
    internal static ulong KeyOf(in ServiceKey key)
    {
        ulong rest = (uint)key.Port.NetworkOrder << 16 | key.Protocol;
        if (key.Addr.IsIPv4)
        {
            return (ulong)key.Addr.Word[3].NetworkOrder << 32 | rest;
        }

        ReadOnlySpan<ulong> halves = MemoryMarshal.Cast<IpAddr, ulong>(new ReadOnlySpan<IpAddr>(in key.Addr));
        ulong hash = ((halves[0] * Spread) + halves[1]) * Spread;
        return (hash ^ rest) | (uint)BucketLayout.Ipv6;
    }

    private static Place PlaceOf(in ServiceKey service) => new(KeyOf(in service), service.Addr.IsIPv4 ? default : service.Addr);

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

    private ref IpAddr AddressOf(int bucket, int way) => ref ((Span<IpAddr>)_addresses[bucket].Way)[way];

    private Place PlaceIn(int bucket, int way)
    {
        ulong key = WayOf(bucket, way).Key;
        return new(key, (key & (ulong)BucketLayout.Ipv6) == 0 ? default : AddressOf(bucket, way));
    }

    /// <summary>-1: it has none.</summary>
    private int FindWay(int bucket, Place place)
    {
        int way = 0;
        while (way < Ways && PlaceIn(bucket, way) != place)
        {
            way++;
        }

        return way < Ways ? way : -1;
    }

    /// <summary>-1: there is none.</summary>
    private int FindFree(int bucket, Place place)
    {
        for (int way = 0; way < Ways; way++)
        {
            if (WayOf(bucket, way).Key == 0
                && (!_resting.TryGetValue((bucket, way), out (Place Before, ulong UntilNs) rest) || rest.Before == place || rest.UntilNs <= Clock.MonotonicNs()))
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
            Place before = PlaceIn(bucket, way);
            Volatile.Write(ref WayOf(bucket, way).Key, 0);
            _resting[(bucket, way)] = (before, Clock.MonotonicNs() + graceNs);
        }
    }

    /// <summary>False: no way is free.</summary>
    private bool TryPutInside(int bucket, Place place, ulong value)
    {
        int way = FindFree(bucket, place);
        if (way < 0)
        {
            return false;
        }

        AddressOf(bucket, way) = place.Address;
        Volatile.Write(ref WayOf(bucket, way).Value, value);
        Volatile.Write(ref WayOf(bucket, way).Key, place.Key);
        TakeInside(bucket, place);
        return true;
    }

    /// <summary>Before its key is taken away: whoever misses it asks weir_service.</summary>
    private void PutOutside(Place place, ulong value)
    {
        int bucket = IndexOf(place.Key);
        if (!_outside.TryGetValue(bucket, out Dictionary<Place, ulong>? services))
        {
            _outside[bucket] = services = [];
        }

        services[place] = value;
        Volatile.Write(ref _buckets[bucket].More, 1);
        Thread.MemoryBarrier();
    }

    /// <summary>It is in its bucket, or gone.</summary>
    private void TakeInside(int bucket, Place place)
    {
        if (_outside.TryGetValue(bucket, out Dictionary<Place, ulong>? services) && services.Remove(place) && services.Count == 0)
        {
            _outside.Remove(bucket);
            Volatile.Write(ref _buckets[bucket].More, 0);
        }
    }

    /// <summary>What a way is given to.</summary>
    /// <param name="Address">Of IPv6: those of two services may have one key.</param>
    private readonly record struct Place(ulong Key, IpAddr Address);
}
