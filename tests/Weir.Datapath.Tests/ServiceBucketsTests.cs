// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Net;
using Weir.Testing;
using Xunit;

namespace Weir.Datapath.Tests;

/// <summary>Whatever is done to services, their buckets say what weir_service says, or that it is to be asked.</summary>
public sealed class ServiceBucketsTests : IDisposable
{
    private const int Steps = 20_000;
    private const int Ways = (int)BucketLayout.Ways;

    private readonly TestPins _pins = new();
    private readonly List<ServiceKey> _keys = [];
    private Datapath _datapath;

    public ServiceBucketsTests()
    {
        _datapath = Datapath.Open(Options);
        for (int i = 0; i < 2000; i++)
        {
            string address = i % 3 == 0 ? $"2001:db8:{i % 250}::{i / 250}" : $"203.0.{i % 250}.{i / 250}";
            _keys.Add(Key(address, (ushort)(80 + (i % 3)), i % 2 == 0 ? IpProtocol.Tcp : IpProtocol.Udp));
        }

        _keys.AddRange(OfOneBucket(8));
        _keys.AddRange(OfOneBucket(4, 7));
        _keys.AddRange(OfOneBucket(5, v6: true));
        _keys.AddRange(OfOneKey(5));
    }

    private DatapathOptions Options => new()
    {
        PinRoot = _pins.Root, MaxFlows = 1024, EventBytes = 65536, MaxBackends = 64, MaxFrontends = 4096, MaxSlots = 1 << 20, MaxNatEntries = 1024,
    };

    public void Dispose()
    {
        _datapath.Dispose();
        _pins.Dispose();
    }

    [PrivilegedTheory]
    [InlineData(1)]
    [InlineData(2)]
    public void RandomChanges_OfThousandsOfServices_AgreeWithTheHash_AlsoAfterARestart(int seed)
    {
        var random = new Random(seed);
        for (int step = 0; step < Steps; step++)
        {
            ServiceKey key = _keys[random.Next(_keys.Count)];
            if (random.Next(3) == 0)
            {
                _datapath.Services.Remove(key.Addr.ToIPAddress(), key.Port, (IpProtocol)key.Protocol);
            }
            else
            {
                _datapath.Services.Put(RandomRow(random, in key));
            }

            if (step % 2500 == 0)
            {
                Check();
            }
        }

        Check();
        Reopen();
        Check();
        Assert.Equal(WithoutRoom(), _datapath.Services.Buckets.Outside);
        Assert.True(_datapath.Services.List().Count > 1000);
    }

    [PrivilegedFact]
    public void Open_OverATableOfGarbage_MakesItRight()
    {
        foreach (ServiceKey key in _keys.Take(1500))
        {
            _datapath.Services.Put(Row(in key, 512));
        }

        _datapath.Backends.Put(7, IPAddress.Parse("198.51.100.7"), 80, 0, new NextHop(3, [2, 0, 0, 0, 0, 7], [2, 0, 0, 0, 0, 1], IPAddress.Parse("198.51.100.1")));
        _datapath.Backends.Put(8, IPAddress.Parse("2001:db8:3::8"), 80, 0, new NextHop(3, [2, 0, 0, 0, 0, 8], [2, 0, 0, 0, 0, 1], IPAddress.Parse("2001:db8:3::1")));
        BackendHop before = _datapath.Backends.Hops.Find(7);
        BackendHop6 before6 = _datapath.Backends.Hops.Find6(8);
        foreach (string name in new[] { MapNames.Bucket, MapNames.Hop })
        {
            using BpfMap map = BpfMap.OpenPinned($"{_pins.Root}/{name}")!;
            byte[] garbage = new byte[map.Spec.ValueSize];
            new Random(3).NextBytes(garbage);
            map.Update(new byte[4], garbage);
        }

        Reopen();

        Check();
        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                _datapath.Services.Settle();
                return _datapath.Services.Buckets.Outside == 0;
            },
            TimeSpan.FromMinutes(1)));
        Check();
        BackendHop hop = _datapath.Backends.Hops.Find(7);
        Assert.Equal((before.Mac, before.SourceMac, before.Source, before.Outer, before.Ifindex, before.Sum, before.Flags), (hop.Mac, hop.SourceMac, hop.Source, hop.Outer, hop.Ifindex, hop.Sum, hop.Flags));
        Assert.Equal(0x0800_0000_0002UL, before6.Mac);
        BackendHop6 hop6 = _datapath.Backends.Hops.Find6(8);
        Assert.Equal((before6.Mac, before6.SourceMac, before6.Source, before6.Outer, before6.Ifindex, before6.Flags), (hop6.Mac, hop6.SourceMac, hop6.Source, hop6.Outer, hop6.Ifindex, hop6.Flags));

        // A backend has a way of its own family alone.
        Assert.All(Enumerable.Range(8, 1000), id => Assert.Equal(0UL, _datapath.Backends.Hops.Find((uint)id).Mac));
        Assert.All(Enumerable.Range(9, 1000).Append(7), id => Assert.Equal(0UL, _datapath.Backends.Hops.Find6((uint)id).Mac));
    }

    [PrivilegedTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void Bucket_MoreServicesThanWays_SaysThatThereAreMore_UntilTheyAreGone(bool v6)
    {
        List<ServiceKey> keys = OfOneBucket(Ways + 2, v6: v6);
        ServiceBuckets buckets = _datapath.Services.Buckets;
        for (int i = 0; i < keys.Count; i++)
        {
            ServiceKey key = keys[i];
            _datapath.Services.Put(Row(in key, 256));
            Assert.Equal(i < Ways, buckets.Find(in key, out bool more) is not null);
            Assert.Equal(i >= Ways, more);
        }

        Remove(keys[Ways]);
        Assert.True(HasMore(keys[0]));
        Remove(keys[^1]);
        Assert.False(HasMore(keys[0]));
        Assert.NotNull(buckets.Find(keys[0], out _));
    }

    [PrivilegedFact]
    public void ServicesOfIPv6_WithOneKey_AreKnownByTheirAddresses()
    {
        List<ServiceKey> keys = OfOneKey(Ways + 1);
        ServiceBuckets buckets = _datapath.Services.Buckets;
        Assert.Single(keys.Select(key => ServiceBuckets.KeyOf(in key)).Distinct());
        ServiceKey stranger = keys[Ways];
        for (int i = 0; i < Ways; i++)
        {
            ServiceKey key = keys[i];
            _datapath.Services.Put(Row(in key, 1u << i));
        }

        Assert.Equal([1u, 2u, 4u], keys.Take(Ways).Select(key => buckets.Find(in key, out _)!.Value.SlotMask + 1));
        Assert.Null(buckets.Find(in stranger, out bool more));
        Assert.False(more);

        Remove(keys[1]);
        Assert.Equal([1u, null, 4u], keys.Take(Ways).Select(key => buckets.Find(in key, out _)?.SlotMask + 1));
    }

    /// <summary>Also where the other has the same key: a program that read it goes on to read the address.</summary>
    [PrivilegedTheory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void Way_OfOneThatWent_IsNotGivenToAnotherAtOnce_ButBackToTheSame(bool v6, bool oneKey)
    {
        List<ServiceKey> keys = oneKey ? OfOneKey(Ways + 1) : OfOneBucket(Ways + 1, v6: v6);
        foreach (ServiceKey key in keys.Take(Ways))
        {
            _datapath.Services.Put(Row(in key, 256));
        }

        ServiceKey late = keys[Ways];
        ServiceKey first = keys[0];
        Remove(first);
        _datapath.Services.Put(Row(in late, 512));
        Assert.Null(_datapath.Services.Buckets.Find(in late, out bool more));
        Assert.True(more);

        _datapath.Services.Put(Row(in first, 1024));
        Assert.Equal(1024u, _datapath.Services.Buckets.Find(in first, out _)!.Value.SlotMask + 1);
        Remove(first);
        Reopen();

        Assert.NotNull(_datapath.Services.Buckets.Find(in late, out more));
        Assert.False(more);
        Check();
    }

    [PrivilegedFact]
    public void Way_AfterItsRest_IsGivenToAnother()
    {
        List<ServiceKey> keys = OfOneBucket(Ways + 1);
        using BpfMap map = BpfMap.OpenPinned($"{_pins.Root}/{MapNames.Bucket}")!;
        using var buckets = new ServiceBuckets(map, graceNs: 0);
        var entry = new ServiceEntry { FrontendId = 1, SlotMask = 255 };
        foreach (ServiceKey key in keys.Take(Ways))
        {
            buckets.Put(in key, in entry);
        }

        buckets.Remove(keys[1]);
        buckets.Put(keys[Ways], in entry);

        Assert.Equal(Say(entry), Say(buckets.Find(keys[Ways], out bool more)!.Value));
        Assert.False(more);
    }

    [PrivilegedTheory]
    [InlineData(0, false, 1u << 25, 16384u)]
    [InlineData(0, false, 0u, 1u << 18)]
    [InlineData(60, false, 0u, 256u)]
    [InlineData(0, true, 0u, 256u)]
    public void Service_ThatAWordCannotSay_IsAskedOfTheHash(uint affinity, bool hostOnly, uint slots, uint count)
    {
        ServiceKey key = _keys[0];
        using BpfMap map = BpfMap.OpenPinned($"{_pins.Root}/{MapNames.Bucket}")!;
        using var buckets = new ServiceBuckets(map);
        var simple = new ServiceEntry { FrontendId = 1, SlotMask = 255, Mode = ServiceMode.Dsr };
        buckets.Put(in key, in simple);

        buckets.Put(in key, new ServiceEntry
        {
            FrontendId = 1, Slots = slots, SlotMask = count - 1, AffinityS = affinity, Flags = (affinity > 0 ? ServiceFlag.Affinity : 0) | (hostOnly ? ServiceFlag.HostOnly : 0),
        });
        Assert.Null(buckets.Find(in key, out bool more));
        Assert.True(more);

        buckets.Put(in key, in simple);
        Assert.Equal(Say(simple), Say(buckets.Find(in key, out more)!.Value));
        Assert.False(more);
    }

    /// <summary>Keys of services in one bucket.</summary>
    /// <param name="skip">Which: that of the so-manieth address.</param>
    internal static List<ServiceKey> OfOneBucket(int count, int skip = 0, bool v6 = false)
    {
        List<ServiceKey> keys = [];
        int bucket = -1;
        for (int i = skip; keys.Count < count; i++)
        {
            ServiceKey key = Key(v6 ? $"2001:db8:{i >> 16:x}:{i & 0xffff:x}::80" : $"10.{i >> 16}.{(i >> 8) & 255}.{i & 255}", 80, IpProtocol.Tcp);
            bucket = bucket < 0 ? ServiceBuckets.IndexOf(in key) : bucket;
            if (ServiceBuckets.IndexOf(in key) == bucket)
            {
                keys.Add(key);
            }
        }

        return keys;
    }

    /// <summary>Keys of services of IPv6 whose addresses have one hash.</summary>
    private static List<ServiceKey> OfOneKey(int count) =>
        [.. SameHash.Of(IPAddress.Parse("2001:db8:2::80"), count).Select(address => Key(address.ToString(), 80, IpProtocol.Tcp))];

    private static ServiceKey Key(string address, ushort port, IpProtocol protocol) =>
        new() { Addr = IpAddr.From(IPAddress.Parse(address)), Port = port, Protocol = (byte)protocol };

    private static ServiceRow Row(in ServiceKey key, uint slots) =>
        new(key.Addr.ToIPAddress(), key.Port, (IpProtocol)key.Protocol, 5, 0, slots, ServiceMode.Dsr);

    private static ServiceRow RandomRow(Random random, in ServiceKey key)
    {
        uint slots = 1u << random.Next(18);
        return Row(in key, slots) with
        {
            FrontendId = (uint)random.Next(1, 4096),
            FirstSlot = (uint)random.Next((int)((1 << 20) / slots)) * slots,
            Mode = (ServiceMode)random.Next(3),
            AffinitySeconds = random.Next(10) == 0 ? 60u : 0,
            HostOnly = random.Next(20) == 0,
        };
    }

    private void Remove(ServiceKey key) => Assert.True(_datapath.Services.Remove(key.Addr.ToIPAddress(), key.Port, (IpProtocol)key.Protocol));

    private bool HasMore(ServiceKey key)
    {
        _ = _datapath.Services.Buckets.Find(in key, out bool more);
        return more;
    }

    private void Reopen()
    {
        _datapath.Dispose();
        _datapath = Datapath.Open(Options);
    }

    private static (uint, uint, uint, ServiceMode, ServiceFlag) Say(in ServiceEntry entry) =>
        (entry.Slots, entry.SlotMask, entry.FrontendId, entry.Mode, entry.Flags);

    private IReadOnlyList<KeyValuePair<ServiceKey, ServiceEntry>> Hash()
    {
        using BpfMap map = BpfMap.OpenPinned($"{_pins.Root}/{MapNames.Service}")!;
        return [.. new BpfMap<ServiceKey, ServiceEntry>(map).ToList()];
    }

    private void Check()
    {
        Dictionary<(IpAddr, ushort, byte), ServiceEntry> hash = Hash().ToDictionary(pair => (pair.Key.Addr, (ushort)pair.Key.Port, pair.Key.Protocol), pair => pair.Value);
        foreach (ServiceKey key in _keys)
        {
            ServiceEntry? found = _datapath.Services.Buckets.Find(in key, out bool more);
            bool isThere = hash.TryGetValue((key.Addr, key.Port, key.Protocol), out ServiceEntry entry);
            if (found is { } known)
            {
                Assert.True(isThere);
                Assert.Equal(Say(entry), Say(known));
            }
            else
            {
                Assert.True(!isThere || more, $"{key.Addr}:{(ushort)key.Port} is in no bucket and nothing says so");
            }
        }
    }

    /// <summary>What has to be in weir_service alone once every way that is free may be used.</summary>
    private int WithoutRoom() => Hash().GroupBy(pair => ServiceBuckets.IndexOf(pair.Key)).Sum(bucket =>
        bucket.Count(pair => pair.Value.Flags != 0) + Math.Max(0, bucket.Count(pair => pair.Value.Flags == 0) - Ways));
}
