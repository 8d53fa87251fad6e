// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using Weir.Bpf;
using Weir.Bpf.Btf;
using Weir.Datapath.Abi;
using Weir.Linux;
using Weir.Net;
using Weir.Policy;
using Weir.Testing;
using Xunit;

namespace Weir.Datapath.Tests.Upgrades;

/// <summary>Maps of another version become this one's, entry by entry.</summary>
public sealed class MapUpgradeTests : IDisposable
{
    private readonly TestPins _pins = new();

    public void Dispose() => _pins.Dispose();

    [PrivilegedFact]
    public void OtherVersion_AndBack_EveryFieldOfEveryEntryIsKept()
    {
        using var version = VersionImages.WithOtherLayouts();
        string[] left = [MapNames.Settings, MapNames.Events, MapNames.Policy, MapNames.Listeners];
        string[] empty = [.. MapWriters.Known.Where(map => MapWriters.Of(map) == MapWriter.Nobody)];
        string[] maps = [.. MapWriters.Known.Except(left).Except(empty)];
        Dictionary<string, SortedDictionary<string, string>> before = [];
        Datapath.Open(Options).Dispose();
        foreach ((string name, int seed) in maps.Select((name, seed) => (name, seed)))
        {
            using BpfMap map = Open(name);
            MapContent.Fill(map, seed);
            before[name] = MapContent.Read(map);
            Assert.True(before[name].Count > 0, name);
        }

        foreach (DatapathImages images in (DatapathImages[])[version.Images, DatapathImages.Own])
        {
            using DatapathMaps other = DatapathMaps.Open(Options, images);
            Assert.True(other.AreReplaced);
            other.EndReplacements();
            Assert.All(maps, name => AssertSame(name, before[name], MapContent.Read(other[name])));
        }

    }

    [PrivilegedFact]
    public void NumberThatHasNoRoom_IsRefused_AndChangesNothing()
    {
        using var version = new VersionImages(("abi/ipcache.h", "\t__u32 identity;\n", "\t__u16 identity;\n"));
        using (Datapath datapath = Datapath.Open(Options))
        {
            datapath.SetIpcache(IpPrefix.Parse("198.51.100.0/24"), new Identity(65535));
        }

        DatapathMaps.Open(Options, version.Images).Dispose();
        IReadOnlyList<IpcacheRow> before;
        using (Datapath datapath = Datapath.Open(Options))
        {
            datapath.EndReplacement();
            datapath.SetIpcache(IpPrefix.Parse("203.0.113.0/24"), Identity.ForCidr(7));
            before = datapath.ListIpcache();
            Assert.Equal(2, before.Count);
        }

        DatapathException refused = Assert.Throws<DatapathException>(() => DatapathMaps.Open(Options, version.Images));

        Assert.Contains("weir_ipcache: an entry has a number that this version has no room for", refused.Message, StringComparison.Ordinal);
        using Datapath again = Datapath.Open(Options);
        Assert.False(again.AreMapsReplaced);
        Assert.Equal(before, again.ListIpcache());
    }

    [PrivilegedFact]
    public void MapsOfAVersionBeforeTypes_AreTakenOver()
    {
        IReadOnlyList<IpcacheRow> prefixes;
        using (Datapath datapath = Datapath.Open(Options))
        {
            datapath.SetIpcache(IpPrefix.Parse("198.51.100.0/24"), new Identity(300));
            prefixes = datapath.ListIpcache();
        }

        foreach (string name in MapWriters.Known)
        {
            MapContent.ForgetTypes(name, Path.Combine(Options.PinRoot, name));
        }

        using Datapath again = Datapath.Open(Options);
        Assert.True(again.AreMapsReplaced);
        again.EndReplacement();

        Assert.Equal(prefixes, again.ListIpcache());
        using BpfMap ct = Open(MapNames.Ct);
        Assert.NotEqual(0u, ct.TypesId);
    }

    [PrivilegedFact]
    public void Policies_OtherLayout_AreConverted_AndThoseThatAreOneStayOne()
    {
        using var version = VersionImages.WithOtherLayouts();
        List<PolicyMapEntry> shared = [new(300, PolicyDirection.Ingress, 6, 443, 16, true, 70_000, 5), new(0, PolicyDirection.Egress, null, 0, 0, false, 9)];
        using (Datapath datapath = Datapath.Open(Options))
        {
            datapath.ApplyPolicies(new Dictionary<ushort, IReadOnlyList<PolicyMapEntry>> { [3] = shared, [4] = shared, [5] = [] });
        }

        DatapathMaps.Open(Options, version.Images).Dispose();

        using Datapath back = Datapath.Open(Options);
        Assert.Equal(shared, back.ListPolicy(3));
        Assert.Equal(shared, back.ListPolicy(4));
        using BpfMap policies = Open(MapNames.Policy);
        uint[] ids = [.. new ushort[] { 3, 4, 5 }.Select(id =>
        {
            byte[] inner = new byte[4];
            Assert.True(policies.TryLookup(BitConverter.GetBytes((uint)id), inner));
            return BitConverter.ToUInt32(inner);
        })];
        Assert.Equal(ids[0], ids[1]);
        Assert.NotEqual(ids[0], ids[2]);
    }

    [PrivilegedFact]
    public void Counters_AreAddedOnce_WhenNobodyCountsInTheOldOne()
    {
        using var version = VersionImages.WithOtherLayouts();
        Datapath.Open(Options).Dispose();
        using BpfMap old = Open(MapNames.LbStats);
        Count(old, 7, 100);
        using DatapathMaps other = DatapathMaps.Open(Options, version.Images);
        Count(old, 7, 101); // programs that are not replaced yet
        other.EndReplacements();

        using DatapathMaps back = DatapathMaps.Open(Options);
        back.EndReplacements();
        Assert.Equal(101UL, new PerCpuMap<LbStats>(back[MapNames.LbStats]).Get(7).Aggregate(0UL, (sum, cpu) => sum + cpu.Connects));
    }

    [PrivilegedFact]
    public void EveryMap_SaysWhoWritesIt_AndWhereItsFieldsAre()
    {
        Datapath.Open(Options).Dispose();
        IReadOnlyList<BpfMapSpec> specs = DatapathMaps.Specs(Options);

        Assert.Equal(specs.Select(spec => spec.Name).Order(StringComparer.Ordinal), MapWriters.Known.Order(StringComparer.Ordinal));
        foreach (BpfMapSpec spec in specs)
        {
            using BpfMap map = Open(spec.Name);
            bool cannot = spec.Type is BpfMapType.RingBuffer or BpfMapType.SocketMap or BpfMapType.ArrayOfMaps or BpfMapType.HashOfMaps or BpfMapType.ProgramArray || spec.Name is MapNames.Bucket or MapNames.Hop;
            Assert.True(cannot || map.TypesId != 0, $"{spec.Name} does not say where its fields are");
            if (MapWriters.Of(spec.Name) == MapWriter.Counters)
            {
                Assert.All(MapContent.LayoutOf(map)!.Value.Fields, field => Assert.Equal(sizeof(ulong), field.Size));
            }
        }

        Assert.True(specs.Single(spec => spec.Name == MapNames.Policy).Inner!.CanHaveTypes);
    }

    /// <summary>Programs of another version read the map while this one writes it: what has another layout has another name, too.</summary>
    [Fact]
    public void PlainTables_AreLaidOut_AsTheirNameSays()
    {
        Assert.Equal(("weir_bucket", "weir_hop"), (MapNames.Bucket, MapNames.Hop));
        Assert.Equal(
            (0x100, 3, 32768, 15, 17, 2, 20, 25, 16384),
            ((int)BucketLayout.Ipv6, (int)BucketLayout.Ways, (int)BucketLayout.Count, (int)BucketLayout.Bits, (int)BucketLayout.MaskBits, (int)BucketLayout.ModeBits, (int)BucketLayout.IdBits, (int)BucketLayout.SlotBits, (int)HopLayout.Count));
        BtfReader types = BtfReader.FromElf(DatapathObject.EndpointImage);
        Assert.Equal("way[0].key@0 way[0].value@8 way[1].key@16 way[1].value@24 way[2].key@32 way[2].value@40 more@48", Fields("service_bucket"));
        Assert.Equal("mac@0 source_mac@8 source@16 outer@20 ifindex@24 sum@28 flags@30", Fields("backend_hop"));
        Assert.Equal("mac@0 source_mac@8 source.word@16 outer.word@32 ifindex@48 flags@52", Fields("backend_hop6"));

        string Fields(string type) => string.Join(' ', TypeLayout.Of(types, types.Find(BtfKind.Struct, type)!.Id).Fields.Select(field => $"{field.Path}@{field.Offset}"));
    }

    [PrivilegedFact]
    public void FlowThatGoesOn_InTheOldMap_IsTakenOverAsItIsThere()
    {
        using var version = VersionImages.WithOtherLayouts();
        Datapath.Open(Options).Dispose();
        using BpfMap old = Open(MapNames.Ct);
        var flows = new BpfMap<CtKey, CtEntry>(old);
        ulong now = Clock.MonotonicNs();
        var key = new CtKey { PortA = 1, PortB = 2, Protocol = 6 };
        flows.Set(in key, new CtEntry { CreatedNs = now, ExpiresNs = now + 120_000_000_000, Packets = 1 });
        using DatapathMaps other = DatapathMaps.Open(Options, version.Images);
        flows.Set(in key, new CtEntry { CreatedNs = now, ExpiresNs = now + 60_000_000_000, Packets = 2, Flags = CtFlag.Replied });

        other.EndReplacements();

        Assert.Contains("0:flags[0]=2 0:packets[0]=2", Assert.Single(MapContent.Read(other[MapNames.Ct])).Value, StringComparison.Ordinal);
    }

    /// <summary>The clock of an entry of NAT moves by seconds, a hint has none: what the backend answered within one is in both all the same.</summary>
    [PrivilegedFact]
    public void FlowByNat_ThatIsAnswered_InTheOldMap_IsTakenOverAsItIsThere()
    {
        using var version = VersionImages.WithOtherLayouts();
        Datapath.Open(Options).Dispose();
        using BpfMap oldOpen = Open(MapNames.NatOpen), oldHints = Open(MapNames.NatHint);
        var flows = new BpfMap<NatKey, NatEntry>(oldOpen);
        var hints = new BpfMap<uint, NatHints>(oldHints);
        ulong now = Clock.MonotonicNs();
        var key = new NatKey { Dport = 61000, Protocol = 6, Direction = NatDirection.Reverse };
        flows.Set(in key, new NatEntry { LastNs = now });
        NatHints hint = default;
        hint.Way[0] = new NatHint { Flow = 1, Backend = 1 };
        hints.Set(5, in hint);
        using DatapathMaps other = DatapathMaps.Open(Options, version.Images);
        other.CatchUp();
        flows.Set(in key, new NatEntry { LastNs = now, Flags = (ushort)NatFlag.Answered });
        hint.Way[0] = new NatHint { Flow = 2, Backend = 1 };
        hints.Set(5, in hint);

        other.EndReplacements();

        Assert.Contains($"flags[0]={(int)NatFlag.Answered:X}", Assert.Single(MapContent.Read(other[MapNames.NatOpen])).Value, StringComparison.Ordinal);
        Assert.Contains("flow[0]=2", Assert.Single(MapContent.Read(other[MapNames.NatHint])).Value, StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void Tcp_WaitsWhileProgramsChangePlaces_AndNoLonger_WhateverComesOfIt()
    {
        using var version = VersionImages.WithOtherLayouts();
        Datapath.Open(Options).Dispose();
        using DatapathMaps other = DatapathMaps.Open(Options, version.Images);
        Assert.Throws<InvalidOperationException>(() => other.EndReplacements(() =>
        {
            Assert.Equal(1, TakingOver());
            throw new InvalidOperationException();
        }));
        Assert.Equal((0, true), (TakingOver(), other.AreReplaced));

        int within = 0;
        other.EndReplacements(() => within = TakingOver());
        Assert.Equal((1, 0, false), (within, TakingOver(), other.AreReplaced));

        int TakingOver()
        {
            BpfMap settings = other[MapNames.Settings];
            byte[] value = new byte[settings.UserValueSize];
            Assert.True(settings.TryLookup(new byte[4], value));
            return BitConverter.ToInt32(value, MapContent.LayoutOf(settings)!.Value.Find("taking_over")!.Value.Offset);
        }
    }

    private static void AssertSame(string name, SortedDictionary<string, string> before, SortedDictionary<string, string> now)
    {
        foreach ((string key, string value) in before)
        {
            Assert.True(now.TryGetValue(key, out string? found), $"{name} has no {key}");
            Assert.True(value == found, $"{name} {key}\nbefore {value}\nnow    {found}");
        }

        Assert.Equal(before.Count, now.Count);
    }

    private static void Count(BpfMap stats, uint frontend, ulong connects)
    {
        byte[] value = new byte[stats.UserValueSize];
        var counted = new LbStats { Connects = connects };
        MemoryMarshal.Write(value, in counted);
        stats.Update(BitConverter.GetBytes(frontend), value);
    }

    private DatapathOptions Options => new() { PinRoot = _pins.Root, MaxFlows = 1024, EventBytes = 65536 };

    private BpfMap Open(string name) => BpfMap.OpenPinned(Path.Combine(_pins.Root, name))!;
}
