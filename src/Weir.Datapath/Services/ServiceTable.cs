// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Runtime.CompilerServices;
using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Net;

namespace Weir.Datapath;

/// <summary>The frontends of services: weir_service, weir_frontend, weir_slot, weir_change and weir_lb_stats, and the buckets
/// that plain packets find them by. All of it is in the kernel; nothing here is remembered but how many there are.</summary>
public sealed class ServiceTable : IDisposable
{
    private readonly Lock _lock = new();
    private readonly LbFlags _flags;
    private readonly BpfMap<ServiceKey, ServiceEntry> _services;
    private readonly ServiceBuckets _buckets;
    private readonly BpfMapMemory<FrontendEntry> _frontends;
    private readonly BpfMapMemory<ServiceSlot> _slots;
    private readonly BpfMapMemory<ChangeEntry> _changes;
    private readonly PerCpuMap<LbStats> _stats;
    private readonly ServiceFlows _flows;
    private readonly ConntrackTable _conntrack;
    private int _count;

    internal ServiceTable(DatapathMaps maps, LbFlags flags, ConntrackTable conntrack)
    {
        _flags = flags;
        _conntrack = conntrack;
        _services = new(maps[MapNames.Service]);
        _frontends = new(maps[MapNames.Frontend]);
        _slots = new(maps[MapNames.Slot]);
        _changes = new(maps[MapNames.Change]);
        _stats = new(maps[MapNames.LbStats]);
        _flows = new(maps[MapNames.Moved], maps[MapNames.Affinity], [maps[MapNames.Nat], maps[MapNames.NatOpen], maps[MapNames.NatUdp]], maps[MapNames.Sock]);
        List<KeyValuePair<ServiceKey, ServiceEntry>> known = _services.ToList();
        _buckets = new(maps[MapNames.Bucket]);
        _buckets.Follow(known);
        _count = known.Count;
        _flags.Set(LbFlag.Services, _count > 0);
    }

    /// <summary>Frontend ids are 1 to one less than this.</summary>
    public uint MaxFrontends => (uint)_frontends.Count;

    public uint MaxSlots => (uint)_slots.Count;

    internal ServiceBuckets Buckets => _buckets;

    /// <summary>The address of a frontend, also of one that is gone as long as nothing has its number. Null: it never
    /// had any.</summary>
    public IPEndPoint? FindFrontend(uint frontendId)
    {
        if (frontendId == 0 || frontendId >= MaxFrontends)
        {
            return null;
        }

        FrontendEntry entry = _frontends[(int)frontendId];
        return entry.Port.Value == 0 ? null : new IPEndPoint(entry.Addr.ToIPAddress(), entry.Port.Value);
    }

    /// <summary>Puts a frontend in force, new or not: its slots, and the backends that they name, must be there. The
    /// address that replies get is written before the service that names it.</summary>
    /// <exception cref="Linux.LinuxException">There are too many.</exception>
    public void Put(ServiceRow row)
    {
        Check(row);
        ServiceKey key = KeyOf(row.Address, row.Port, row.Protocol);
        var entry = new ServiceEntry
        {
            Slots = row.FirstSlot,
            SlotMask = row.Slots - 1,
            FrontendId = row.FrontendId,
            AffinityS = row.AffinitySeconds,
            Mode = row.Mode,
            Flags = (row.AffinitySeconds > 0 ? ServiceFlag.Affinity : 0) | (row.HostOnly ? ServiceFlag.HostOnly : 0),
        };
        lock (_lock)
        {
            FrontendOf(row.FrontendId) = new FrontendEntry
            {
                Addr = key.Addr,
                Port = key.Port,
                Protocol = key.Protocol,
                Flags = row.Closed ? FrontendFlag.Closed : 0,
            };
            Thread.MemoryBarrier();
            bool known = _services.TryGet(in key, out _);
            _services.Set(in key, in entry);
            _buckets.Put(in key, in entry);
            _count += known ? 0 : 1;
            _flags.Set(LbFlag.Services, true);
        }
    }

    /// <summary>Takes a frontend out of force: no packet finds it any more. Its weir_frontend entry stays for replies
    /// on their way. False: it was not there.</summary>
    public bool Remove(IPAddress address, ushort port, IpProtocol protocol)
    {
        ServiceKey key = KeyOf(address, port, protocol);
        lock (_lock)
        {
            if (!_services.Remove(in key))
            {
                return false;
            }

            _buckets.Remove(in key);
            _count--;
            _flags.Set(LbFlag.Services, _count > 0);
            return true;
        }
    }

    /// <summary>From time to time: plain packets find what they did not find room for before.</summary>
    public void Settle()
    {
        lock (_lock)
        {
            _buckets.Settle();
        }
    }

    /// <summary>Every frontend in force, in no order.</summary>
    public IReadOnlyList<ServiceRow> List() => [.. _services.ToList().Select(pair => RowOf(pair.Key, pair.Value))];

    /// <summary>Writes a run of slots, each in one word: a packet meets the old or the new one. Of a frontend in force:
    /// <see cref="StartChange"/> first.</summary>
    public void WriteSlots(uint first, ReadOnlySpan<(uint Backend, uint Previous)> slots)
    {
        CheckRun(first, (uint)slots.Length);
        for (int i = 0; i < slots.Length; i++)
        {
            var slot = new ServiceSlot { Backend = slots[i].Backend, Previous = slots[i].Previous };
            Volatile.Write(ref WordOf((int)first + i), Unsafe.BitCast<ServiceSlot, ulong>(slot));
        }
    }

    public (uint Backend, uint Previous)[] ReadSlots(uint first, uint count)
    {
        CheckRun(first, count);
        var slots = new (uint, uint)[count];
        for (int i = 0; i < slots.Length; i++)
        {
            ServiceSlot slot = Unsafe.BitCast<ulong, ServiceSlot>(Volatile.Read(ref WordOf((int)first + i)));
            slots[i] = (slot.Backend, slot.Previous);
        }

        return slots;
    }

    /// <summary>Says that a frontend's slots change now. Before they are written.</summary>
    /// <param name="nowNs">CLOCK_MONOTONIC.</param>
    public void StartChange(uint frontendId, ulong nowNs)
    {
        ref ChangeEntry change = ref ChangeOf(frontendId);
        Volatile.Write(ref change.LastOldNs, nowNs);
        Volatile.Write(ref change.StartedNs, nowNs);
        Thread.MemoryBarrier();
    }

    public ServiceChange ReadChange(uint frontendId)
    {
        ref ChangeEntry change = ref ChangeOf(frontendId);
        return new ServiceChange(Volatile.Read(ref change.StartedNs), Volatile.Read(ref change.LastOldNs));
    }

    /// <summary>All CPUs together.</summary>
    public ServiceStats Stats(uint frontendId)
    {
        CheckId(frontendId);
        ulong packets = 0;
        ulong bytes = 0;
        ulong connects = 0;
        foreach (LbStats cpu in _stats.Get(frontendId))
        {
            packets += cpu.Packets;
            bytes += cpu.Bytes;
            connects += cpu.Connects;
        }

        return new ServiceStats(packets, bytes, connects);
    }

    /// <summary>From zero, for another frontend under this id.</summary>
    public void ResetStats(uint frontendId)
    {
        CheckId(frontendId);
        _stats.Clear(frontendId);
    }

    /// <summary>Walks whole tables: for a person who asks, not for a loop.</summary>
    public ServiceFlowCounts CountFlows() => _flows.Count();

    /// <summary>How full the tables are, and what is remembered of flows.</summary>
    internal IEnumerable<MapUse> Uses() => _flows.Uses().Prepend(new MapUse(MapNames.Service, _count, MaxFrontends));

    /// <summary>After the end of a change: what was remembered of these frontends' flows is no longer looked up, and
    /// would be wrong for a later flow between the same ports in the next change.</summary>
    /// <returns>How many entries went.</returns>
    public int ForgetMoved(IReadOnlySet<uint> frontendIds)
    {
        ArgumentNullException.ThrowIfNull(frontendIds);
        return frontendIds.Count == 0 ? 0 : _flows.ForgetMoved(AddressesOf(frontendIds));
    }

    /// <summary>Removes all that flow tables say of backends and frontends that are gone, conntrack's included: their ids
    /// may serve others then. Frontends must be removed already, and no slot name the backends.</summary>
    /// <returns>How many entries went.</returns>
    public int Forget(IReadOnlySet<uint> backendIds, IReadOnlySet<uint> frontendIds)
    {
        ArgumentNullException.ThrowIfNull(backendIds);
        ArgumentNullException.ThrowIfNull(frontendIds);
        int forgotten = backendIds.Count == 0 ? 0 : _flows.ForgetBackends(backendIds);
        if (frontendIds.Count > 0)
        {
            forgotten += _flows.ForgetFrontends(frontendIds, AddressesOf(frontendIds)) + _conntrack.PurgeFrontends(frontendIds);
            foreach (uint id in frontendIds)
            {
                FrontendOf(id) = default;
                ChangeOf(id) = default;
            }
        }

        return forgotten;
    }

    /// <summary>Whether packets are looked up among flows by SNAT: from the first service that needs it until no such
    /// flow can live any more.</summary>
    public void SetNat(bool on) => _flags.Set(LbFlag.Nat, on);

    public void Dispose()
    {
        _buckets.Dispose();
        _frontends.Dispose();
        _slots.Dispose();
        _changes.Dispose();
    }

    private static ServiceKey KeyOf(IPAddress address, ushort port, IpProtocol protocol) =>
        new() { Addr = IpAddr.From(address), Port = port, Protocol = (byte)protocol };

    private ServiceRow RowOf(in ServiceKey key, in ServiceEntry entry) => new(
        key.Addr.ToIPAddress(),
        key.Port,
        (IpProtocol)key.Protocol,
        entry.FrontendId,
        entry.Slots,
        entry.SlotMask + 1,
        entry.Mode,
        (entry.Flags & ServiceFlag.Affinity) != 0 ? entry.AffinityS : 0,
        (entry.Flags & ServiceFlag.HostOnly) != 0,
        (FrontendOf(entry.FrontendId).Flags & FrontendFlag.Closed) != 0);

    private void Check(in ServiceRow row)
    {
        CheckId(row.FrontendId);
        if (!System.Numerics.BitOperations.IsPow2(row.Slots))
        {
            throw new ArgumentException($"a frontend has a power of two of slots, not {row.Slots}");
        }

        CheckRun(row.FirstSlot, row.Slots);
    }

    private void CheckId(uint frontendId)
    {
        ArgumentOutOfRangeException.ThrowIfZero(frontendId);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(frontendId, MaxFrontends);
    }

    private void CheckRun(uint first, uint count) =>
        ArgumentOutOfRangeException.ThrowIfGreaterThan((ulong)first + count, MaxSlots, nameof(first));

    private ref ulong WordOf(int slot) => ref Unsafe.As<ServiceSlot, ulong>(ref _slots[slot]);

    private ref FrontendEntry FrontendOf(uint id)
    {
        CheckId(id);
        return ref _frontends[(int)id];
    }

    private ref ChangeEntry ChangeOf(uint id)
    {
        CheckId(id);
        return ref _changes[(int)id];
    }

    private HashSet<(IpAddr, ushort, byte)> AddressesOf(IReadOnlySet<uint> frontendIds)
    {
        HashSet<(IpAddr, ushort, byte)> addresses = [];
        foreach (uint id in frontendIds)
        {
            FrontendEntry entry = FrontendOf(id);
            addresses.Add((entry.Addr, entry.Port, entry.Protocol));
        }

        return addresses;
    }
}
