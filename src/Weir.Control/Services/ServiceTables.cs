// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using System.Net;
using Weir.Datapath;
using Weir.Datapath.Abi;
using Weir.Linux;
using Weir.Services;
using ServiceMode = Weir.Services.ServiceMode;

namespace Weir.Control.Services;

/// <summary>Writes services into the kernel's tables: what a packet may meet first is written last.</summary>
internal sealed class ServiceTables(ServiceTable kernel, BackendTable backends) : IServiceTables
{
    /// <summary>How long a flow may be silent until a change no longer waits for it: as long as most
    /// applications keep a connection without a word.</summary>
    private static readonly TimeSpan _settle = TimeSpan.FromHours(1);

    /// <summary>In place of a backend that is gone: no backend has this number.</summary>
    private const uint Nobody = uint.MaxValue;

    private readonly Dictionary<string, List<BalancedFamily>> _families = []; // one for each address family, by service
    private readonly Dictionary<Frontend, BalancedFamily> _owners = []; // one that another service takes over is never nobody's
    private readonly NumberPool _frontendIds = new(kernel.MaxFrontends);
    private readonly NumberPool _backendIds = new(backends.Max);
    private readonly ConcurrentDictionary<uint, string> _names = []; // of services, by the frontend's number
    private readonly HashSet<uint> _goneBackends = [];
    private readonly HashSet<uint> _goneFrontends = [];
    private readonly SlotAllocator _slots = new(kernel.MaxSlots);
    private bool _hasLost;

    /// <inheritdoc/>
    public string? NameOf(uint frontendId) => _names.GetValueOrDefault(frontendId);

    /// <inheritdoc/>
    public IReadOnlyList<BalancedFamily> FamiliesOf(string name) => _families.GetValueOrDefault(name) ?? [];

    /// <inheritdoc/>
    public IEnumerable<BalancedFamily> Families => _families.Values.SelectMany(families => families);

    /// <inheritdoc/>
    public ILookup<string, BackendAddress> Restore(IEnumerable<Service> services)
    {
        Dictionary<Frontend, ServiceRow> rows = kernel.List().ToDictionary(row => new Frontend(row.Address, row.Port, row.Protocol));
        Dictionary<uint, BackendRow> known = backends.List().ToDictionary(row => row.Id);
        HashSet<uint> kept = [];
        List<(string Service, BackendAddress Backend)> chosen = [];
        foreach (Service service in services)
        {
            foreach (var group in service.Spec.Frontends.Where(rows.ContainsKey).GroupBy(frontend => frontend.IsIpv6))
            {
                BalancedFamily family = FamilyOf(service.Name, group.Key);
                ServiceRow first = rows[group.First()];

                // A row that has another run is written anew with the family's.
                foreach (Frontend frontend in group.Where(frontend => rows[frontend].FirstSlot == first.FirstSlot))
                {
                    ServiceRow row = rows[frontend];
                    rows.Remove(frontend);
                    family.FrontendIds[frontend] = row.FrontendId;
                    _owners[frontend] = family;
                    _frontendIds.Claim(row.FrontendId);
                    _names[row.FrontendId] = service.Name;
                }

                if (_slots.TryReserve(first.FirstSlot, first.Slots))
                {
                    family.FirstSlot = first.FirstSlot;
                    family.SlotCount = first.Slots;
                    chosen.AddRange(RestoreBackends(family, known, kept).Select(backend => (service.Name, backend)));
                }
            }
        }

        foreach ((Frontend frontend, ServiceRow row) in rows)
        {
            kernel.Remove(frontend.Address, frontend.Port, frontend.Protocol);
            _frontendIds.Claim(row.FrontendId);
            _goneFrontends.Add(row.FrontendId);
        }

        foreach (uint id in known.Keys.Except(kept))
        {
            backends.Remove(id);
            _backendIds.Claim(id);
            _goneBackends.Add(id);
        }

        return chosen.ToLookup(one => one.Service, one => one.Backend);
    }

    /// <inheritdoc/>
    public bool HasGone => _goneBackends.Count + _goneFrontends.Count > 0;

    /// <inheritdoc/>
    public bool TakeLoss()
    {
        bool lost = _hasLost;
        _hasLost = false;
        return lost;
    }

    /// <inheritdoc/>
    public void Collect()
    {
        kernel.Forget(_goneBackends, _goneFrontends);
        foreach (uint id in _goneBackends)
        {
            _backendIds.Release(id);
        }

        foreach (uint id in _goneFrontends)
        {
            _frontendIds.Release(id);
            _names.TryRemove(id, out _);
        }

        _goneBackends.Clear();
        _goneFrontends.Clear();
    }

    /// <inheritdoc/>
    public void Reserve(IReadOnlyList<Service> services)
    {
        Require(services.Sum(service => service.Spec.Frontends.Count - FamiliesOf(service.Name).Sum(family => family.FrontendIds.Count)), _frontendIds, "frontends", "max-frontends");
        Require(services.Sum(service => service.Members.Count - FamiliesOf(service.Name).Sum(family => family.BackendIds.Count)), _backendIds, "backends", "max-backends");
        List<uint> taken = [];
        foreach (Service service in services)
        {
            foreach (bool isIpv6 in service.Spec.Frontends.Select(frontend => frontend.IsIpv6).Distinct())
            {
                BalancedFamily? known = FamiliesOf(service.Name).FirstOrDefault(family => family.IsIpv6 == isIpv6);
                uint count = SizeFor(service, isIpv6, 0);
                if (known is { SlotCount: > 0 } && known.SlotCount >= count)
                {
                    continue;
                }

                if (!_slots.TryAllocate(count, Clock.MonotonicNs(), out uint first))
                {
                    taken.ForEach(run => _slots.Free(run, 0));
                    throw new ControlException(
                        $"service \"{service.Name}\" needs {count} slots and there is no room for them: nothing was changed. Delete services, or raise max-slots ({kernel.MaxSlots})");
                }

                taken.Add(first);
            }
        }

        // Each is taken again where it is written; nobody comes between.
        taken.ForEach(run => _slots.Free(run, 0));
    }

    /// <inheritdoc/>
    public void Serve(Service service)
    {
        if (service.NeedsSnat)
        {
            // Never off again: flows may live longer than the service that began them.
            kernel.SetNat(true);
        }

        foreach (bool isIpv6 in service.Spec.Frontends.Select(frontend => frontend.IsIpv6).Distinct())
        {
            ServeFamily(service, FamilyOf(service.Name, isIpv6), [.. service.Members.Where(member => member.Address.IsIpv6 == isIpv6)], Clock.MonotonicNs());
        }
    }

    /// <inheritdoc/>
    public void LetGo(Service service)
    {
        foreach (BalancedFamily family in FamiliesOf(service.Name).ToList())
        {
            foreach (Frontend frontend in family.FrontendIds.Keys.Except(service.Spec.Frontends).ToList())
            {
                RemoveFrontend(family, frontend);
            }

            if (family.FrontendIds.Count == 0)
            {
                RemoveFamily(family);
                _families[service.Name].Remove(family);
            }
        }
    }

    /// <inheritdoc/>
    public void StopServing(string name)
    {
        foreach (BalancedFamily family in FamiliesOf(name))
        {
            RemoveFamily(family);
        }

        _families.Remove(name);
    }

    /// <inheritdoc/>
    public void EndChanges(ulong nowNs)
    {
        foreach (BalancedFamily family in Families.Where(family => family.IsChanging))
        {
            EndChange(family, nowNs);
        }

        kernel.Settle();
    }

    private void EndChange(BalancedFamily family, ulong nowNs)
    {
        ulong last = family.FrontendIds.Values.Select(kernel.ReadChange).Select(change => Math.Max(change.StartedNs, change.LastOldNs)).DefaultIfEmpty().Max();
        if (nowNs - last > (ulong)_settle.TotalNanoseconds)
        {
            kernel.WriteSlots(family.FirstSlot, SlotPlan.End(kernel.ReadSlots(family.FirstSlot, family.SlotCount)));
            kernel.ForgetMoved(family.FrontendIds.Values.ToHashSet());
            family.IsChanging = false;
        }
    }

    /// <inheritdoc/>
    public ServiceStats StatsOf(uint frontendId) => kernel.Stats(frontendId);

    /// <inheritdoc/>
    public Dictionary<BackendAddress, int> SlotsOf(string name)
    {
        Dictionary<BackendAddress, int> counts = [];
        foreach (BalancedFamily family in FamiliesOf(name))
        {
            Dictionary<uint, int> byId = kernel.ReadSlots(family.FirstSlot, family.SlotCount).CountBy(slot => slot.Backend).ToDictionary();
            foreach ((BackendAddress address, uint id) in family.BackendIds)
            {
                counts[address] = byId.GetValueOrDefault(id);
            }
        }

        return counts;
    }

    private BalancedFamily FamilyOf(string name, bool isIpv6)
    {
        List<BalancedFamily> families = _families.TryGetValue(name, out List<BalancedFamily>? known) ? known : _families[name] = [];
        BalancedFamily? family = families.Find(one => one.IsIpv6 == isIpv6);
        if (family is null)
        {
            family = new BalancedFamily(isIpv6);
            families.Add(family);
        }

        return family;
    }

    private static void Require(int more, NumberPool pool, string what, string setting)
    {
        if (more > pool.Free)
        {
            throw new ControlException($"{more} more {what} do not fit: {pool.Free} of {pool.Capacity} are free; nothing was changed. Delete services, or raise {setting}");
        }
    }

    /// <summary>A published port has one backend for ever: there is nothing to choose, so one slot does.</summary>
    private static uint SizeFor(Service service, bool isIpv6, uint current) => service.IsPublished ? Math.Max(current, 1) : TableSize.For(service, isIpv6, current);

    private IEnumerable<BackendAddress> RestoreBackends(BalancedFamily family, Dictionary<uint, BackendRow> known, HashSet<uint> kept)
    {
        (uint Backend, uint Previous)[] slots = kernel.ReadSlots(family.FirstSlot, family.SlotCount);
        family.IsChanging = SlotPlan.IsUnderChange(slots);
        foreach (uint id in slots.SelectMany(slot => new[] { slot.Backend, slot.Previous }).Where(id => id != 0).Distinct())
        {
            if (!known.TryGetValue(id, out BackendRow? row))
            {
                continue;
            }

            var address = new BackendAddress(row.Address, row.Port);
            family.BackendIds[address] = id;
            _backendIds.Claim(id);
            kept.Add(id);
            if (!row.Flags.HasFlag(BackendFlag.NoNew))
            {
                yield return address;
            }
        }
    }

    private void ServeFamily(Service service, BalancedFamily family, Member[] members, ulong nowNs)
    {
        HashSet<BackendAddress> wanted = [.. members.Select(member => member.Address)];
        KeyValuePair<BackendAddress, uint>[] gone = [.. family.BackendIds.Where(backend => !wanted.Contains(backend.Key))];
        foreach (Member member in members)
        {
            WriteBackend(service, family, member);
        }

        uint before = family.SlotCount;
        uint firstBefore = family.FirstSlot;
        uint size = SizeFor(service, family.IsIpv6, before);
        uint[] table = MaglevTable.Build(
            [.. members.Where(member => member.IsChosen).Select(member => TableSize.ShareOf(member, family.BackendIds[member.Address]))], (int)size);
        (uint Backend, uint Previous)[] slots = before == 0
            ? SlotPlan.Begin(table)
            : SlotPlan.Change(kernel.ReadSlots(firstBefore, before), table, gone.Select(backend => backend.Value).Append(Nobody).ToHashSet());
        HashSet<uint> lost = [.. gone.Select(backend => backend.Value)];
        foreach (ref (uint Backend, uint Previous) slot in slots.AsSpan())
        {
            // Its number may be another's soon.
            slot.Previous = lost.Contains(slot.Previous) ? Nobody : slot.Previous;
        }

        if (size != before)
        {
            family.FirstSlot = _slots.TryAllocate(size, nowNs, out uint first) ? first : throw new ControlException($"no room is left for {size} slots: raise max-slots ({kernel.MaxSlots})");
            family.SlotCount = size;
        }

        family.IsChanging = SlotPlan.IsUnderChange(slots);
        WriteFrontends(service, family, slots, nowNs);
        if (before != 0 && size != before)
        {
            _slots.Free(firstBefore, nowNs);
        }

        foreach ((BackendAddress address, uint id) in gone)
        {
            family.BackendIds.Remove(address);
            Forget(id);
        }
    }

    /// <summary>Slots before the entries that lead to them, and the time of the change before the slots.</summary>
    private void WriteFrontends(Service service, BalancedFamily family, (uint Backend, uint Previous)[] slots, ulong nowNs)
    {
        Frontend[] frontends = [.. service.Spec.Frontends.Where(frontend => frontend.IsIpv6 == family.IsIpv6)];
        foreach (Frontend frontend in frontends.Where(frontend => !family.FrontendIds.ContainsKey(frontend)))
        {
            uint id = _frontendIds.Take();
            family.FrontendIds[frontend] = id;
            _names[id] = service.Name;
            kernel.ResetStats(id);
        }

        if (family.IsChanging)
        {
            foreach (uint id in family.FrontendIds.Values)
            {
                kernel.StartChange(id, nowNs);
            }
        }

        kernel.WriteSlots(family.FirstSlot, slots);
        foreach (Frontend frontend in frontends)
        {
            kernel.Put(RowOf(service, family, frontend));
            _owners[frontend] = family;
        }
    }

    private static ServiceRow RowOf(Service service, BalancedFamily family, Frontend frontend) => new(
        frontend.Address,
        frontend.Port,
        frontend.Protocol,
        family.FrontendIds[frontend],
        family.FirstSlot,
        family.SlotCount,
        service.Spec.Mode switch
        {
            ServiceMode.Dsr => Datapath.Abi.ServiceMode.Dsr,
            ServiceMode.DsrL2 => Datapath.Abi.ServiceMode.DsrL2,
            _ => Datapath.Abi.ServiceMode.Snat,
        },
        (uint)service.Spec.AffinitySeconds,
        IPAddress.IsLoopback(frontend.Address),
        service.IsClosed);

    private void WriteBackend(Service service, BalancedFamily family, Member member)
    {
        BackendFlag flags = BackendFlag.Present | (member.IsLocal ? BackendFlag.Local : 0) | (member.IsChosen ? 0 : BackendFlag.NoNew) | (member.Through is null ? 0 : BackendFlag.Node);
        NextHop? hop = member.Hop is { Mac: { } mac } known ? new NextHop(known.Ifindex, mac, known.SourceMac, known.Source, member.Through) : null;
        if (!family.BackendIds.TryGetValue(member.Address, out uint id))
        {
            id = _backendIds.Take();
            family.BackendIds[member.Address] = id;
            backends.Put(id, member.Address.Address, member.Address.Port, flags, hop);
            return;
        }

        if (hop is { } way)
        {
            backends.SetNextHop(id, way);
        }

        backends.SetFlags(id, flags);
    }

    private void Forget(uint backendId)
    {
        backends.Remove(backendId);
        _goneBackends.Add(backendId);
        _hasLost = true;
    }

    private void RemoveFamily(BalancedFamily family)
    {
        foreach (Frontend frontend in family.FrontendIds.Keys.ToList())
        {
            RemoveFrontend(family, frontend);
        }

        foreach (uint id in family.BackendIds.Values)
        {
            Forget(id);
        }

        if (family.SlotCount > 0)
        {
            _slots.Free(family.FirstSlot, Clock.MonotonicNs());
        }
    }

    private void RemoveFrontend(BalancedFamily family, Frontend frontend)
    {
        if (_owners.GetValueOrDefault(frontend) == family)
        {
            kernel.Remove(frontend.Address, frontend.Port, frontend.Protocol);
            _owners.Remove(frontend);
        }

        family.FrontendIds.Remove(frontend, out uint id);
        _goneFrontends.Add(id);
        _hasLost = true;
    }
}
