// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Runtime.CompilerServices;
using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Linux;
using Weir.Linux.Netlink;
using Weir.Net;
using Weir.Policy;
using Weir.Testing;
using Xunit;

namespace Weir.Datapath.Tests;

public sealed class DatapathTests : IDisposable
{
    private const ulong Second = 1_000_000_000;
    private static readonly byte[] _mac = [2, 0, 0, 0, 0, 2];
    private static readonly byte[] _gatewayMac = [2, 0, 0, 0, 0, 1];
    private readonly TestPins _pins = new();
    private readonly TestNamespace _namespace = new();

    private DatapathOptions Options => new() { PinRoot = _pins.Root, MaxFlows = 1024, EventBytes = 65536 };

    public void Dispose()
    {
        _namespace.Dispose();
        _pins.Dispose();
    }

    [PrivilegedFact]
    public void Open_Twice_KeepsWhatTheFirstWrote()
    {
        using (Datapath first = Datapath.Open(Options))
        {
            first.SetIpcache(IpPrefix.Parse("192.0.2.0/24"), new Identity(300));
            Assert.Equal(1u, first.BumpRevision());
        }

        using Datapath second = Datapath.Open(Options);
        Assert.Equal(1u, second.Revision);
        Assert.Equal([new IpcacheRow(IpPrefix.Parse("192.0.2.0/24"), new Identity(300))], second.ListIpcache());
    }

    [PrivilegedFact]
    public void Open_OtherShapes_ListsEveryDifference_AndChangesNothing()
    {
        Datapath.Open(Options).Dispose();
        foreach (string name in (string[])["weir_ct", "weir_settings"])
        {
            File.Delete(Path.Combine(_pins.Root, name));
            using BpfMap other = BpfMap.Create(new BpfMapSpec(name, BpfMapType.Hash, 4, 8, 1024));
            other.Pin(Path.Combine(_pins.Root, name));
        }

        DatapathException e = Assert.Throws<DatapathException>(() => Datapath.Open(Options with { MaxPrefixes = 100 }));

        Assert.Contains("weir_ct: key size is 4, 40 is needed", e.Problems);
        Assert.Contains("weir_settings: type is Hash, Array is needed", e.Problems);
        Assert.Contains(_pins.Root, e.Message, StringComparison.Ordinal);
        using BpfMap prefixes = BpfMap.OpenPinned(Path.Combine(_pins.Root, "weir_ipcache"))!;
        Assert.Equal(Options.MaxPrefixes, prefixes.Spec.MaxEntries);
    }

    [PrivilegedFact]
    public void RemoveAll_AfterOpen_LeavesNoPin()
    {
        Datapath.Open(Options).Dispose();

        Datapath.RemoveAll(_pins.Root);

        Assert.False(Directory.Exists(_pins.Root));
    }

    [PrivilegedFact]
    public void Ipcache_BothFamilies_ComeBackAsWritten()
    {
        using Datapath datapath = Datapath.Open(Options);
        IpcacheRow[] rows =
        [
            new(IpPrefix.Parse("0.0.0.0/0"), new Identity(9)),
            new(IpPrefix.Parse("192.0.2.1/32"), Identity.Host),
            new(IpPrefix.Parse("2001:db8::/32"), new Identity(0x01000001)),
        ];

        datapath.SetIpcache(rows);

        Assert.Equal(rows.ToHashSet(), datapath.ListIpcache().ToHashSet());
        Assert.True(datapath.RemoveIpcache(rows[1].Prefix));
        Assert.False(datapath.RemoveIpcache(rows[1].Prefix));
        Assert.Equal(2, datapath.ListIpcache().Count);
    }

    [PrivilegedFact]
    public void AttachEndpoint_TwiceThenDetach_AppearsOnceAndIsGone() => InNamespace((datapath, links) =>
    {
        EndpointAttachment attachment = NewEndpoint(links, 7);

        datapath.AttachEndpoint(attachment);
        datapath.AttachEndpoint(attachment);
        datapath.SetIdentity(7, new Identity(256));

        EndpointRow row = Assert.Single(datapath.ListEndpoints());
        Assert.Equal((7, new Identity(256), attachment.Ifindex, 3u, true), (row.Id, row.Identity, row.Ifindex, row.NetworkId, row.Internal));
        Assert.Equal(_mac, row.Mac);
        Assert.Equal(
            [new LocalRow(attachment.Ipv4!, 7), new LocalRow(attachment.Ipv6!, 7)],
            datapath.ListLocal().OrderBy(r => r.Address.ToString().Length));

        datapath.DetachEndpoint(7, attachment.Addresses);

        Assert.Empty(datapath.ListEndpoints());
        Assert.Empty(datapath.ListLocal());
    });

    [PrivilegedFact]
    public void DetachEndpoint_AddressTakenByAnother_KeepsTheOther() => InNamespace((datapath, links) =>
    {
        EndpointAttachment first = NewEndpoint(links, 7);
        EndpointAttachment second = NewEndpoint(links, 8) with { Ipv4 = first.Ipv4, Ipv6 = null };
        datapath.AttachEndpoint(first);
        datapath.AttachEndpoint(second);

        datapath.DetachEndpoint(7, first.Addresses);

        Assert.Equal([new LocalRow(first.Ipv4!, 8)], datapath.ListLocal());
    });

    [PrivilegedFact]
    public void AttachEndpoint_NoSuchInterface_LeavesNothing() => InNamespace((datapath, links) =>
    {
        EndpointAttachment attachment = NewEndpoint(links, 7) with { Ifindex = 4711 };

        Assert.Throws<LinuxException>(() => datapath.AttachEndpoint(attachment));

        Assert.Empty(datapath.ListEndpoints());
        Assert.Empty(datapath.ListLocal());
    });

    [PrivilegedFact]
    public void ApplyPolicies_ReplacedAndRemoved_ListShowsTheLatest()
    {
        using Datapath datapath = Datapath.Open(Options);
        PolicyMapEntry[] first =
        [
            new(0, PolicyDirection.Ingress, null, 0, 0, true, 0),
            new(256, PolicyDirection.Egress, 6, 80, 16, true, 4),
            new(257, PolicyDirection.Egress, 17, 8192, 3, false, 5),
        ];
        Assert.Empty(datapath.ListPolicy(1));

        datapath.ApplyPolicies(new Dictionary<ushort, IReadOnlyList<PolicyMapEntry>> { [1] = first, [2] = first, [3] = [] });
        Assert.Equal(first, datapath.ListPolicy(1));
        Assert.Equal(first, datapath.ListPolicy(2));
        Assert.Empty(datapath.ListPolicy(3));

        datapath.ApplyPolicies(new Dictionary<ushort, IReadOnlyList<PolicyMapEntry>> { [1] = first[..1] });
        Assert.Equal(first[..1], datapath.ListPolicy(1));
        Assert.Equal(first, datapath.ListPolicy(2));

        datapath.RemovePolicy(2);
        datapath.RemovePolicy(2);
        Assert.Empty(datapath.ListPolicy(2));
    }

    [PrivilegedFact]
    public void SweepConntrack_SomeExpired_RemovesThemAndSetsTheCounts()
    {
        using Datapath datapath = Datapath.Open(Options);
        using BpfMap conntrack = BpfMap.OpenPinned(_pins.Root + "/weir_ct")!;
        using BpfMap endpoints = BpfMap.OpenPinned(_pins.Root + "/weir_endpoint")!;
        using var memory = new BpfMapMemory<EndpointEntry>(endpoints);
        var map = new BpfMap<CtKey, CtEntry>(conntrack);
        for (ushort port = 1; port <= 900; port++)
        {
            map.Set(Key(port), new CtEntry { SrcEndpoint = (ushort)(1 + (port % 2)), ExpiresNs = port <= 300 ? 10 * Second : 20 * Second });
        }

        memory[1].CtCount = 20;
        memory[2].CtCount = 0;

        SweepResult result = datapath.SweepConntrack(15 * Second);

        Assert.Equal(new SweepResult(600, 300, 1024), result);
        Assert.Equal((300u, 300u), (memory[1].CtCount, memory[2].CtCount));
        Assert.Equal(600, datapath.ListConntrack().Count);
        Assert.Equal(10, datapath.ListConntrack(10).Count);
    }

    [PrivilegedFact]
    public void SweepConntrack_Pressed_RemovesFirstWhatIsUnansweredOrClosing()
    {
        using Datapath datapath = Datapath.Open(Options);
        using BpfMap conntrack = BpfMap.OpenPinned(_pins.Root + "/weir_ct")!;
        using BpfMap endpoints = BpfMap.OpenPinned(_pins.Root + "/weir_endpoint")!;
        using var memory = new BpfMapMemory<EndpointEntry>(endpoints);
        var map = new BpfMap<CtKey, CtEntry>(conntrack);
        const ulong now = 100_000 * Second;
        for (ushort port = 1; port <= 200; port++)
        {
            // Of each endpoint 50 unanswered, 50 established; the last packet was 10 s ago.
            CtFlag flags = port % 2 == 0 ? 0 : CtFlag.Replied | CtFlag.Established;
            CtKey key = Key(port);
            key.Protocol = 6;
            map.Set(key, new CtEntry { SrcEndpoint = port <= 100 ? (ushort)1 : (ushort)2, ExpiresNs = now + FlowAge.TimeoutNs(IpProtocol.Tcp, flags) - (10 * Second), Flags = flags });
        }

        memory[1].CtCount = 100;
        memory[2].CtCount = 100;
        Assert.Equal(new SweepResult(200, 0, 1024), datapath.SweepConntrack(now));

        // Only the first has used up much of what it may have.
        memory[1].CtCount = 300;
        SweepResult result = datapath.SweepConntrack(now);

        Assert.Equal(new SweepResult(150, 50, 1024, IsPressed: true), result);
        Assert.Equal((50u, 100u), (memory[1].CtCount, memory[2].CtCount));
        Assert.Equal(new SweepResult(150, 0, 1024), datapath.SweepConntrack(now));
    }

    [PrivilegedFact]
    public void DetachEndpoint_WithFlows_RemovesOnlyItsOwn()
    {
        using Datapath datapath = Datapath.Open(Options);
        using BpfMap conntrack = BpfMap.OpenPinned(_pins.Root + "/weir_ct")!;
        var map = new BpfMap<CtKey, CtEntry>(conntrack);
        map.Set(Key(1), new CtEntry { SrcEndpoint = 1 });
        map.Set(Key(2), new CtEntry { DstEndpoint = 1 });
        map.Set(Key(3), new CtEntry { SrcEndpoint = 2, Flags = CtFlag.OriginB });

        datapath.DetachEndpoint(1, []);

        ConntrackRow row = Assert.Single(datapath.ListConntrack());
        Assert.Equal((80, 3), (row.SourcePort, row.DestinationPort));
        Assert.Equal((IPAddress.Parse("10.0.0.2"), IPAddress.Parse("10.0.0.1")), (row.Source, row.Destination));
    }

    [PrivilegedFact]
    public void Program_ForgedFrame_ReportsAnEventAndCountsTheDrop() => InNamespace((datapath, links) =>
    {
        EndpointAttachment attachment = NewEndpoint(links, 7);
        datapath.AttachEndpoint(attachment);
        using DatapathMaps maps = DatapathMaps.Open(Options);
        using EndpointProgram program = EndpointProgram.Load(maps, EndpointProgram.ConfigOf(attachment));
        byte[] frame = new byte[64];
        frame[12] = 8;

        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(2u, program.FromEndpoint.TestRun(frame).ReturnValue);
        }

        List<Event> events = [];
        int count = datapath.ReadEvents((in Event e) => events.Add(e), TimeSpan.FromSeconds(1));
        Assert.Equal(3, count);
        Assert.All(events, e =>
        {
            Assert.Equal((EventType.Drop, DropReason.InvalidSourceMac, Verdict.Deny, 7), (e.Type, e.DropReason, e.Verdict, e.EndpointId));
            Assert.Equal(0x0800, (ushort)e.EtherType);
        });
        Assert.Equal([new MetricsRow(Direction.Egress, DropReason.InvalidSourceMac, 3, 192)], datapath.Metrics());
        Assert.Equal(0, datapath.ReadEvents((in Event e) => events.Add(e), TimeSpan.Zero));
        Assert.Equal(0UL, datapath.LostEvents);
    });

    [PrivilegedFact]
    public void ReadEvents_RingOverflows_CountsTheLostOnes() => InNamespace((datapath, links) =>
    {
        EndpointAttachment attachment = NewEndpoint(links, 7);
        datapath.AttachEndpoint(attachment);
        using DatapathMaps maps = DatapathMaps.Open(Options);
        using EndpointProgram program = EndpointProgram.Load(maps, EndpointProgram.ConfigOf(attachment));
        byte[] frame = new byte[64];
        frame[12] = 8;

        program.FromEndpoint.TestRun(frame, repeat: 2000);

        int count = datapath.ReadEvents((in Event _) => { }, TimeSpan.Zero);
        Assert.Equal(65536 / (Unsafe.SizeOf<Event>() + 8), count, 1.0);
        Assert.Equal((ulong)(2000 - count), datapath.LostEvents);

        // The ring goes on over its edge.
        program.FromEndpoint.TestRun(frame, repeat: 100);
        Assert.Equal(100, datapath.ReadEvents((in Event e) => Assert.Equal(7, e.EndpointId), TimeSpan.Zero));
    });

    [PrivilegedFact]
    public void SetFlags_Written_AreRead()
    {
        using Datapath datapath = Datapath.Open(Options);

        datapath.SetFlags(SettingsFlag.Trace | SettingsFlag.Verdict);

        Assert.Equal(SettingsFlag.Trace | SettingsFlag.Verdict, datapath.Flags);
    }

    private static CtKey Key(ushort port) => new()
    {
        AddrA = IpAddr.From(IPAddress.Parse("10.0.0.1")),
        AddrB = IpAddr.From(IPAddress.Parse("10.0.0.2")),
        PortA = port,
        PortB = 80,
        Protocol = 6,
    };

    private static EndpointAttachment NewEndpoint(RtnetlinkSocket links, ushort id) => new()
    {
        Id = id,
        Identity = Identity.Init,
        NetworkId = 3,
        Internal = true,
        Ifindex = links.CreateVeth($"weir{id:x8}", $"wc{id:x8}", _gatewayMac, _mac, 1500),
        Ipv4 = IPAddress.Parse($"10.210.0.{id}"),
        Ipv6 = IPAddress.Parse($"fd77:6569:72::{id}"),
        Gateway4 = IPAddress.Parse("10.210.0.1"),
        Gateway6 = IPAddress.Parse("fd77:6569:72::1"),
        Mac = _mac,
        GatewayMac = _gatewayMac,
    };

    private void InNamespace(Action<Datapath, RtnetlinkSocket> test) => _namespace.Run(() =>
    {
        using Datapath datapath = Datapath.Open(Options);
        using var links = new RtnetlinkSocket();
        test(datapath, links);
    });
}
