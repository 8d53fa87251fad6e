// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Runtime.InteropServices;
using Weir.Bpf;
using Weir.Datapath;
using Weir.Datapath.Abi;

namespace Weir.Testing;

/// <summary>Has the device's program loaded over empty maps of its own, and runs it on frames. Nothing is attached or
/// pinned. Frames seem to come from the loopback of the calling thread's namespace.</summary>
public sealed class XdpHarness : IDisposable
{
    public const uint Drop = 1; // XDP_DROP
    public const uint Pass = 2; // XDP_PASS
    public const uint Transmit = 3; // XDP_TX
    public const uint Redirect = 4; // XDP_REDIRECT

    /// <summary>The device that frames seem to come from.</summary>
    public const uint Loopback = 1;

    public static readonly byte[] NextHopMac = [2, 0, 0, 0, 1, 0x10];
    public static readonly byte[] DeviceMac = [2, 0, 0, 0, 1, 0x20];

    private const int Reasons = (int)MetricsLayout.Reasons;

    private static readonly Pool<(uint Frontends, uint Slots, uint NatEntries, uint Backends), Loaded> _pool = new();

    private readonly (uint Frontends, uint Slots, uint NatEntries, uint Backends) _room;
    private readonly Loaded _loaded;
    private readonly Dictionary<string, BpfMap> _maps;
    private readonly PerCpuMap<MetricsEntry> _metrics;
    private readonly PerCpuMap<LbStats> _stats;
    private readonly RingBuffer _events;
    private readonly ServiceBuckets _buckets;
    private readonly BackendHops _hops;
    private readonly LbFlag _always;
    private uint _slots;
    private uint _frontends;
    private bool _disposed;

    /// <param name="frontends">Room for services.</param>
    /// <param name="slots">Room for their slots.</param>
    /// <param name="natEntries">Room for flows by SNAT, two entries each; one, as long as they are being opened.</param>
    /// <param name="backends">Room for backends.</param>
    /// <param name="plain">False: plain packets take the general way as well.</param>
    public XdpHarness(uint frontends = 1024, uint slots = 4096, uint natEntries = 4096, uint backends = 4096, bool plain = true)
    {
        _always = plain ? 0 : LbFlag.General;
        _room = (frontends, slots, natEntries, backends);
        _loaded = _pool.Take(_room) ?? new Loaded(frontends, slots, natEntries, backends);
        _maps = _loaded.Maps;
        _metrics = new(_maps[MapNames.Metrics]);
        _stats = new(_maps[MapNames.LbStats]);
        _events = new(_maps[MapNames.Events]);
        _buckets = new(_maps[MapNames.Bucket]);
        _hops = new(_maps[MapNames.Hop]);
        SetSettings(0);
    }

    public BpfProgram Program => _loaded.Object.Program("weir_xdp");

    /// <summary>Flows of TCP by SNAT whose client has proved its address.</summary>
    public BpfMap<NatKey, NatEntry> Nat => new(_maps[MapNames.Nat]);

    /// <summary>Flows of TCP by SNAT whose client has not: one entry each, the backend's side.</summary>
    public BpfMap<NatKey, NatEntry> NatOpen => new(_maps[MapNames.NatOpen]);

    /// <summary>Takes every flow of TCP by SNAT that was opened for one whose client has proved its address.</summary>
    public void ProveOpening()
    {
        var frontends = new BpfMap<uint, FrontendEntry>(_maps[MapNames.Frontend]);
        foreach ((NatKey key, NatEntry entry) in NatOpen.ToList())
        {
            NatOpen.Remove(key);
            Nat.Set(key with { Ack = 0 }, entry with { Ack = 0 });
            frontends.TryGet(entry.FrontendId, out FrontendEntry frontend);
            Nat.Set(
                new NatKey { Src = entry.Addr, Dst = frontend.Addr, Sport = entry.Port, Dport = frontend.Port, Protocol = key.Protocol, Direction = NatDirection.Forward },
                new NatEntry { Addr = key.Dst, Port = key.Dport, Backend = entry.Backend });
        }
    }

    /// <summary>Sees that what is remembered of flows by SNAT for a moment (bpf/lib/near.h) is believed until then: for ever, or
    /// no more. Returns how many directions of flows are.</summary>
    public int SetNearUntil(ulong ns)
    {
        using var until = new NearTimes(_maps[XdpProgram.MapOfCpus]);
        return until.Set(ns);
    }

    public BpfMap<uint, NatHints> NatHint => new(_maps[MapNames.NatHint]);

    public BpfMap<uint, ulong> NatSeed => new(_maps[MapNames.NatSeed]);

    public BpfMap<NatKey, NatEntry> NatUdp => new(_maps[MapNames.NatUdp]);

    public static IpAddr Address(string text) => IpAddr.From(IPAddress.Parse(text));

    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _events.Dispose();
        _buckets.Dispose();
        _hops.Dispose();
        MapReset.Reset(_maps.Values);
        _pool.Return(_room, _loaded);
    }

    public void SetSettings(SettingsFlag flags, LbFlag lbFlags = LbFlag.Services | LbFlag.Nat, ushort firstPort = (ushort)NatPorts.FirstPort, ushort lastPort = (ushort)NatPorts.LastPort, bool takingOver = false)
    {
        var settings = new Settings { Flags = flags, LbFlags = lbFlags | _always, NatFirstPort = firstPort, NatLastPort = lastPort, TakingOver = takingOver ? 1u : 0u };
        new BpfMap<uint, Settings>(_maps[MapNames.Settings]).Set(0, settings);
    }

    /// <summary>Makes a frontend whose slots name these backends in turn; returns its id.</summary>
    public uint AddService(string address, ushort port, byte protocol, ServiceMode mode, uint[] backends, uint affinitySeconds = 0, ServiceFlag flags = 0)
    {
        uint id = ++_frontends;
        uint first = _slots;
        _slots += (uint)backends.Length;
        for (uint i = 0; i < backends.Length; i++)
        {
            SetSlot(first + i, backends[i]);
        }

        new BpfMap<uint, FrontendEntry>(_maps[MapNames.Frontend]).Set(
            id, new FrontendEntry { Addr = Address(address), Port = port, Protocol = protocol });
        PutService(address, port, protocol, new ServiceEntry
        {
            Slots = first,
            SlotMask = (uint)backends.Length - 1,
            FrontendId = id,
            AffinityS = affinitySeconds,
            Mode = mode,
            Flags = affinitySeconds > 0 ? flags | ServiceFlag.Affinity : flags,
        });
        return id;
    }

    /// <summary>As the agent puts a service whose slots are there.</summary>
    public void PutService(string address, ushort port, byte protocol, ServiceEntry entry)
    {
        var key = new ServiceKey { Addr = Address(address), Port = port, Protocol = protocol };
        new BpfMap<ServiceKey, ServiceEntry>(_maps[MapNames.Service]).Set(key, entry);
        _buckets.Put(in key, in entry);
    }

    /// <summary>From the table that the buckets follow, alone: they are not told.</summary>
    public void RemoveFromHash(string address, ushort port, byte protocol) =>
        new BpfMap<ServiceKey, ServiceEntry>(_maps[MapNames.Service]).Remove(new ServiceKey { Addr = Address(address), Port = port, Protocol = protocol });

    public void RemoveService(string address, ushort port, byte protocol)
    {
        var key = new ServiceKey { Addr = Address(address), Port = port, Protocol = protocol };
        new BpfMap<ServiceKey, ServiceEntry>(_maps[MapNames.Service]).Remove(in key);
        _buckets.Remove(in key);
    }

    public void RemoveFrontend(uint id) => new BpfMap<uint, FrontendEntry>(_maps[MapNames.Frontend]).Set(id, default);

    public void SetSlot(uint slot, uint backend, uint previous = 0) =>
        new BpfMap<uint, ServiceSlot>(_maps[MapNames.Slot]).Set(slot, new ServiceSlot { Backend = backend, Previous = previous });

    /// <summary>Says when the frontend's last change began.</summary>
    public void SetChange(uint frontend, ulong startedNs) =>
        new BpfMap<uint, ChangeEntry>(_maps[MapNames.Change]).Set(frontend, new ChangeEntry { StartedNs = startedNs });

    public void AddBackend(uint id, string address, ushort port, string source, uint ifindex = Loopback, BackendFlag flags = BackendFlag.Present, byte[]? mac = null, string? outer = null)
    {
        var entry = new BackendEntry
        {
            Addr = Address(address), Outer = Address(outer ?? address), Source = Address(source), Port = port, Flags = flags, Ifindex = ifindex,
        };
        (mac ?? NextHopMac).CopyTo(entry.Mac);
        DeviceMac.CopyTo(entry.SourceMac);
        SetBackend(id, entry);
    }

    public void RemoveBackend(uint id) => SetBackend(id, default);

    /// <summary>Puts a source into the prefilter: an address, or a prefix of it.</summary>
    public void AddPrefilter(string address, int? bits = null)
    {
        IpAddr addr = Address(address);
        if (bits is not { } length)
        {
            _maps[MapNames.PreAddr].Update(MemoryMarshal.AsBytes(new ReadOnlySpan<IpAddr>(in addr)), [1]);
            return;
        }

        var key = new PrefilterKey { PrefixLen = (uint)(length + (address.Contains(':', StringComparison.Ordinal) ? 0 : 96)), Addr = addr };
        _maps[MapNames.PreNet].Update(MemoryMarshal.AsBytes(new ReadOnlySpan<PrefilterKey>(in key)), [1]);
    }

    /// <summary>Makes the address a container's of this host.</summary>
    public void AddLocal(string address) =>
        new BpfMap<IpAddr, LocalEntry>(_maps[MapNames.Local]).Set(Address(address), new LocalEntry { EndpointId = 1 });

    /// <summary>Makes the address this host's own.</summary>
    public void AddHostAddress(string address)
    {
        var key = new IpcacheKey { PrefixLen = 128, Addr = Address(address) };
        new BpfMap<IpcacheKey, IpcacheEntry>(_maps[MapNames.Ipcache]).Set(key, new IpcacheEntry { Identity = 1 });
    }

    public Outcome Run(byte[] frame)
    {
        byte[] output = new byte[frame.Length + 128];
        ulong[] before = Counters();
        TestRunResult result = Program.TestRun(frame, output);
        ulong[] after = Counters();
        int reason = Enumerable.Range(0, Reasons).FirstOrDefault(r => after[r] != before[r]);
        return new Outcome(result.ReturnValue, (DropReason)reason, output[..result.OutputLength]);
    }

    /// <summary>What becomes of the frame, and nothing else: for many of them.</summary>
    public uint RunFast(byte[] frame, byte[] output) => Program.TestRun(frame, output).ReturnValue;

    /// <summary>Packets and bytes from clients to the frontend.</summary>
    public (ulong Packets, ulong Bytes) Stats(uint frontend)
    {
        LbStats[] cpus = _stats.Get(frontend);
        return (cpus.Aggregate(0UL, (sum, s) => sum + s.Packets), cpus.Aggregate(0UL, (sum, s) => sum + s.Bytes));
    }

    /// <summary>Takes the events that were reported since the last call.</summary>
    public IReadOnlyList<Event> TakeEvents()
    {
        List<Event> events = [];
        _events.Consume(record => events.Add(MemoryMarshal.Read<Event>(record)));
        return events;
    }

    /// <summary>How many packets ended for each reason, as text.</summary>
    public string Endings() => string.Join(' ', Counters().Select((count, reason) => $"{(DropReason)reason}={count}"));

    /// <summary>Events that were not reported.</summary>
    public ulong Lost() => new PerCpuMap<ulong>(_maps[MapNames.Lost]).Get(0).Aggregate(0UL, (sum, cpu) => sum + cpu);

    private void SetBackend(uint id, in BackendEntry entry)
    {
        new BpfMap<uint, BackendEntry>(_maps[MapNames.Backend]).Set(id, entry);
        _hops.Follow(id, in entry);
    }

    private ulong[] Counters() =>
    [
        .. Enumerable.Range(0, Reasons).Select(r =>
            _metrics.Get((uint)((int)Direction.Device * Reasons + r)).Aggregate(0UL, (sum, m) => sum + m.Packets)),
    ];

    /// <summary>The program and its maps, for one harness after the other.</summary>
    private sealed class Loaded
    {
        internal Loaded(uint frontends, uint slots, uint natEntries, uint backends)
        {
            Object = BpfObject.Open(DatapathObject.XdpImage, "xdp");
            foreach (BpfMapSpec spec in Object.DeclaredMaps())
            {
                uint room = spec.Name switch
                {
                    MapNames.Service or MapNames.Frontend or MapNames.Change or MapNames.LbStats => frontends,
                    MapNames.Slot => slots,
                    MapNames.Backend => backends,
                    MapNames.Nat or MapNames.NatUdp => natEntries,
                    MapNames.NatOpen => natEntries / 2,
                    MapNames.NatGiven or MapNames.NatHint => spec.MaxEntries,
                    MapNames.Events => 65536,
                    XdpProgram.MapOfCpus => spec.MaxEntries * (uint)PossibleCpus.Count,
                    _ => Math.Min(spec.MaxEntries, 4096),
                };
                Maps[spec.Name] = BpfMap.Create(spec with { MaxEntries = room });
                Object.ReuseMap(spec.Name, Maps[spec.Name]);
            }

            Object.Load();
        }

        internal BpfObject Object { get; }

        internal Dictionary<string, BpfMap> Maps { get; } = [];
    }
}
