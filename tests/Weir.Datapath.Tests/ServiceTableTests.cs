// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Runtime.InteropServices;
using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Linux;
using Weir.Net;
using Weir.Testing;
using Xunit;

namespace Weir.Datapath.Tests;

public sealed class ServiceTableTests : IDisposable
{
    private static readonly IPAddress _address = IPAddress.Parse("203.0.113.10");
    private static readonly IPAddress _client = IPAddress.Parse("192.0.2.1");
    private static readonly ServiceRow _row = new(_address, 80, IpProtocol.Tcp, 5, 256, 256);
    private readonly TestPins _pins = new();
    private readonly Datapath _datapath;
    private BpfMap? _kept; // the map that was read last

    public ServiceTableTests() => _datapath = Datapath.Open(Options);

    private DatapathOptions Options => new()
    {
        PinRoot = _pins.Root, MaxFlows = 1024, EventBytes = 65536, MaxBackends = 64, MaxFrontends = 16, MaxSlots = 1024, MaxNatEntries = 1024,
    };

    private ServiceTable Services => _datapath.Services;

    public void Dispose()
    {
        _kept?.Dispose();
        _datapath.Dispose();
        _pins.Dispose();
    }

    [PrivilegedFact]
    public void Put_Rows_AreInTheKernelAndListed()
    {
        ServiceRow[] rows =
        [
            _row,
            new(IPAddress.Parse("2001:db8::10"), 53, IpProtocol.Udp, 6, 512, 512, ServiceMode.DsrL2, 10800),
            new(IPAddress.Loopback, 8080, IpProtocol.Tcp, 15, 0, 1, HostOnly: true),
        ];

        foreach (ServiceRow row in rows)
        {
            Services.Put(row);
        }

        Assert.Equal(rows.ToHashSet(), Services.List().ToHashSet());
        FrontendEntry frontend = Read<FrontendEntry>("weir_frontend", 6);
        Assert.Equal((rows[1].Address, 53, 17), (frontend.Addr.ToIPAddress(), (ushort)frontend.Port, frontend.Protocol));
        using BpfMap map = Open("weir_service");
        ServiceKey key = new() { Addr = IpAddr.From(rows[1].Address), Port = 53, Protocol = 17 };
        Assert.True(new BpfMap<ServiceKey, ServiceEntry>(map).TryGet(in key, out ServiceEntry entry));
        Assert.Equal((512u, 511u, 6u, 10800u, ServiceFlag.Affinity), (entry.Slots, entry.SlotMask, entry.FrontendId, entry.AffinityS, entry.Flags));
    }

    [PrivilegedFact]
    public void Flags_FollowFromWhatIsThere()
    {
        Assert.Equal((LbFlag)0, _datapath.LbFlags);
        Services.Put(_row);
        Services.Put(_row with { Slots = 512 });
        Services.SetNat(true);
        Assert.Equal(LbFlag.Services | LbFlag.Nat, _datapath.LbFlags);
        Assert.Equal(512u, Assert.Single(Services.List()).Slots);

        using (Datapath again = Datapath.Open(Options))
        {
            Assert.Equal(LbFlag.Services | LbFlag.Nat, again.LbFlags);
        }

        Assert.True(Services.Remove(_address, 80, IpProtocol.Tcp));
        Assert.False(Services.Remove(_address, 80, IpProtocol.Tcp));
        Assert.Equal(LbFlag.Nat, _datapath.LbFlags);
        Services.SetNat(false);
        Assert.Equal((LbFlag)0, _datapath.LbFlags);
    }

    [PrivilegedFact]
    public void Slots_Written_AreInTheKernelAsWords()
    {
        (uint, uint)[] slots = [(1, 0), (2, 1), (3, 3), (uint.MaxValue, 0)];

        Services.WriteSlots(1020, slots);

        Assert.Equal(slots, Services.ReadSlots(1020, 4));
        ServiceSlot slot = Read<ServiceSlot>("weir_slot", 1021);
        Assert.Equal((2u, 1u), (slot.Backend, slot.Previous));
        Assert.Equal(0u, Services.ReadSlots(1019, 1)[0].Backend);
        Assert.Throws<ArgumentOutOfRangeException>(() => Services.WriteSlots(1021, slots));
        Assert.Throws<ArgumentOutOfRangeException>(() => Services.ReadSlots(uint.MaxValue, 2));
    }

    [PrivilegedFact]
    public void Slots_ChangedUnderReaders_AreNeverHalfNew()
    {
        (uint, uint)[] one = [(1, 2)];
        (uint, uint)[] other = [(3, 4)];
        Services.WriteSlots(7, one);
        using var stop = new CancellationTokenSource();
        Task writer = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                Services.WriteSlots(7, other);
                Services.WriteSlots(7, one);
            }
        });

        HashSet<(uint, uint)> seen = [];
        for (int i = 0; i < 20_000; i++)
        {
            ServiceSlot slot = Read<ServiceSlot>("weir_slot", 7, i == 0);
            seen.Add((slot.Backend, slot.Previous));
        }

        stop.Cancel();
        writer.GetAwaiter().GetResult();
        Assert.Subset(new HashSet<(uint, uint)> { (1, 2), (3, 4) }, seen);
    }

    [PrivilegedFact]
    public void Change_Started_IsRead()
    {
        Assert.Equal(default, Services.ReadChange(5));

        Services.StartChange(5, 1234);

        Assert.Equal(new ServiceChange(1234, 1234), Services.ReadChange(5));
        Assert.Equal(1234UL, Read<ChangeEntry>("weir_change", 5).LastOldNs);
    }

    [PrivilegedFact]
    public void Stats_AreSummedAndReset()
    {
        using BpfMap map = Open("weir_lb_stats");
        byte[] perCpu = MemoryMarshal.AsBytes<LbStats>([.. Enumerable.Repeat(new LbStats { Packets = 2, Bytes = 300, Connects = 1 }, PossibleCpus.Count)]).ToArray();
        map.Update(BitConverter.GetBytes(5u), perCpu);

        ulong cpus = (ulong)PossibleCpus.Count;
        Assert.Equal(new ServiceStats(2 * cpus, 300 * cpus, cpus), Services.Stats(5));
        Services.ResetStats(5);
        Assert.Equal(default, Services.Stats(5));
        Assert.Throws<ArgumentOutOfRangeException>(() => Services.Stats(16));
    }

    [PrivilegedFact]
    public void Put_Wrong_IsRefused()
    {
        Assert.Equal((16u, 1024u), (Services.MaxFrontends, Services.MaxSlots));
        Assert.Throws<ArgumentException>(() => Services.Put(_row with { Slots = 100 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => Services.Put(_row with { FirstSlot = 1000 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => Services.Put(_row with { FrontendId = 0 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => Services.Put(_row with { FrontendId = 16 }));
        for (ushort port = 1; port <= 16; port++)
        {
            Services.Put(_row with { Port = port });
        }

        Assert.Throws<LinuxException>(() => Services.Put(_row with { Port = 17 }));
        Assert.Equal(16, Services.List().Count);
    }

    [PrivilegedFact]
    public void ForgetMoved_OneFrontend_KeepsTheOthers()
    {
        FillFlows();

        Assert.Equal(1, Services.ForgetMoved(new HashSet<uint> { 5 }));

        Assert.Equal(new ServiceFlowCounts(1, 2, 4, 2), Services.CountFlows());
        Assert.Equal(0, Services.ForgetMoved(new HashSet<uint>()));
    }

    [PrivilegedFact]
    public void Forget_Backend_GoesFromEveryTable()
    {
        FillFlows();

        Assert.Equal(3, Services.Forget(new HashSet<uint> { 1 }, new HashSet<uint>()));

        Assert.Equal(new ServiceFlowCounts(1, 1, 3, 2), Services.CountFlows());
    }

    [PrivilegedFact]
    public void Forget_Frontend_GoesFromEveryTableAndConntrack()
    {
        FillFlows();
        Services.Remove(_address, 80, IpProtocol.Tcp);

        Assert.Equal(6, Services.Forget(new HashSet<uint>(), new HashSet<uint> { 5 }));

        Assert.Equal(new ServiceFlowCounts(1, 1, 2, 1), Services.CountFlows());
        Assert.Equal(2, _datapath.ListConntrack().Count);
        Assert.Equal(default, Read<FrontendEntry>("weir_frontend", 5).Addr);
        Assert.Equal(default, Services.ReadChange(5));
    }

    /// <summary>Two frontends, 5 and 6 with ports 80 and 81, and backends 1 and 2: in each table one entry for each.</summary>
    private void FillFlows()
    {
        using BpfMap moved = Open("weir_moved");
        using BpfMap affinity = Open("weir_affinity");
        using BpfMap nat = Open("weir_nat");
        using BpfMap sockets = Open("weir_sock");
        using BpfMap conntrack = Open("weir_ct");
        IpAddr frontend = IpAddr.From(_address);
        IpAddr client = IpAddr.From(_client);
        for (uint i = 0; i < 2; i++)
        {
            ushort port = (ushort)(80 + i);
            uint id = 5 + i;
            uint backend = 1 + i;
            Services.Put(_row with { Port = port, FrontendId = id });
            Services.StartChange(id, 1);
            new BpfMap<MovedKey, MovedEntry>(moved).Set(
                new MovedKey { Client = client, Addr = frontend, ClientPort = 1000, Port = port, Protocol = 6 }, new MovedEntry { Backend = backend });
            new BpfMap<AffinityKey, AffinityEntry>(affinity).Set(new AffinityKey { Client = client, FrontendId = id }, new AffinityEntry { Backend = backend });
            new BpfMap<NatKey, NatEntry>(nat).Set(
                new NatKey { Src = client, Dst = frontend, Sport = 1000, Dport = port, Protocol = 6, Direction = NatDirection.Forward },
                new NatEntry { Backend = backend });
            new BpfMap<NatKey, NatEntry>(nat).Set(
                new NatKey { Src = frontend, Dst = client, Sport = port, Dport = 61000, Protocol = 6, Direction = NatDirection.Reverse },
                new NatEntry { FrontendId = id });
            new BpfMap<SockKey, SockEntry>(sockets).Set(new SockKey { Cookie = 1 + i, Port = 8080 }, new SockEntry { FrontendId = id });
            new BpfMap<CtKey, CtEntry>(conntrack).Set(new CtKey { PortA = port }, new CtEntry { Flags = CtFlag.Service, FrontendId = id });
        }

        // The number of a frontend means nothing where no service was used.
        new BpfMap<CtKey, CtEntry>(conntrack).Set(new CtKey { PortA = 1 }, new CtEntry { FrontendId = 5 });
        Assert.Equal(new ServiceFlowCounts(2, 2, 4, 2), Services.CountFlows());
    }

    private BpfMap Open(string name) => BpfMap.OpenPinned($"{_pins.Root}/{name}")!;

    private TValue Read<TValue>(string name, uint index, bool anew = true)
        where TValue : unmanaged
    {
        if (anew)
        {
            _kept?.Dispose();
            _kept = Open(name);
        }

        Assert.True(new BpfMap<uint, TValue>(_kept!).TryGet(in index, out TValue value));
        return value;
    }
}
