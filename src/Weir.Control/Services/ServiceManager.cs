// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;
using Weir.Control.Endpoints;
using Weir.Control.Host;
using Weir.Control.State;
using Weir.Control.Watch;
using Weir.Datapath;
using Weir.Datapath.Abi;
using Weir.Linux;
using Weir.Net;
using Weir.Policy;
using Weir.Services;
using Weir.Store;

namespace Weir.Control.Services;

/// <summary>Services as they were asked for, and published ports: keeps the kernel's tables true to them,
/// to containers, routes and health. Called on the writer's thread.</summary>
internal sealed class ServiceManager : IDisposable
{
    private const string Folder = "services";
    private const ulong RefreshNs = 30_000_000_000; // how old the knowledge of neighbours may be

    private readonly IStore _store;
    private readonly Datapath.Datapath _datapath;
    private readonly EndpointManager _endpoints;
    private readonly HostAddresses _host;
    private readonly DeviceManager _devices;
    private readonly ServiceTables _tables;
    private readonly StaleSockets _sockets;
    private readonly HealthChecker _health;
    private readonly ILogger _log;
    private readonly MemberReader _members = new();
    private readonly SortedDictionary<string, BalancedService> _services = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _failures = []; // what was said last, by service
    private ulong _refreshedNs;

    /// <param name="healthChanged">Told on another thread; must call <see cref="SetHealth"/> on the writer's.</param>
    /// <param name="closePublished">Whether published ports are closed to outsiders whom nothing lets in.</param>
    internal ServiceManager(
        IStore store, Datapath.Datapath datapath, EndpointManager endpoints, EndpointNamespaces namespaces, HostAddresses host, DeviceManager devices,
        Func<string, BackendAddress, bool, string, Task> healthChanged, bool closePublished, TimeProvider time, ILogger log)
    {
        _store = store;
        _endpoints = endpoints;
        _host = host;
        _devices = devices;
        _datapath = datapath;
        _tables = new ServiceTables(datapath.Services, datapath.Backends, closePublished, ReservePorts);
        _sockets = new StaleSockets(datapath.Sockets, namespaces, log);
        _health = new HealthChecker(healthChanged, time, log);
        _log = log;
    }

    internal IEnumerable<BalancedService> All => _services.Values;

    /// <summary>May be asked from any thread.</summary>
    internal int Count { get; private set; }

    /// <summary>Whether there is anything to serve or to filter at devices now. May be asked from any thread.</summary>
    internal bool AreServed => (_datapath.LbFlags & (LbFlag.Services | LbFlag.PrefilterAddress | LbFlag.PrefilterPrefix)) != 0;

    internal BalancedService? Find(string name) => _services.GetValueOrDefault(name);

    /// <summary>The service that a frontend belongs to; null: it is not known.</summary>
    internal string? NameOf(uint frontendId) => _tables.NameOf(frontendId);

    public void Dispose()
    {
        _health.Dispose();
        _members.Dispose();
    }

    /// <summary>Takes up what is kept and what is in the kernel, and makes them agree.</summary>
    internal void Restore()
    {
        _members.Refresh(_endpoints.Attached);
        foreach (KeptService kept in _store.List(Folder, StateContext.Default.KeptService))
        {
            _services[kept.Spec.Name] = new BalancedService(kept.Spec, isPublished: false) { Drained = [.. kept.Drained] };
        }

        foreach (ServiceSpec published in PublishedPorts.SpecsOf(_endpoints.Attached, _host.All))
        {
            _services[published.Name] = new BalancedService(published, isPublished: true);
        }

        Count = _services.Count;
        _tables.Restore(_services.Values);
        foreach (BalancedService service in _services.Values)
        {
            Program(service, force: true);
        }

        _sockets.End(All);
        NeedDevices();
    }

    /// <summary>What is wrong with these services beside those that are there.</summary>
    internal IReadOnlyList<Problem> Check(IReadOnlyList<ServiceSpec> specs)
    {
        List<Problem> problems = [.. ServiceSpec.ValidateAll(specs)];
        HashSet<string> replaced = [.. specs.Select(spec => spec.Name)];
        Dictionary<Frontend, string> taken = _services.Values.Where(other => !replaced.Contains(other.Spec.Name))
            .SelectMany(other => other.Spec.Frontends.Select(frontend => (frontend, other.Spec.Name)))
            .DistinctBy(pair => pair.frontend).ToDictionary();
        foreach (ServiceSpec spec in specs)
        {
            problems.AddRange(spec.Frontends.Where(taken.ContainsKey).Select(frontend =>
                new Problem(spec.Source, $"service \"{spec.Name}\": {frontend} belongs to service \"{taken[frontend]}\"; delete that one first", Severity.Error)));
        }

        return problems;
    }

    /// <summary>Puts services in force in place of those of their names: all of them, or none.</summary>
    /// <exception cref="ControlException">They do not fit; nothing was changed.</exception>
    internal void Put(IReadOnlyList<ServiceSpec> specs)
    {
        _members.Refresh(_endpoints.Attached, patient: true);
        List<BalancedService> changed = [.. specs.Where(spec => !IsInForce(spec)).Select(spec => Prepare(spec, isPublished: false))];
        PutAll(changed);
        NeedDevices();
        EndStaleSockets();
        foreach (BalancedService service in changed)
        {
            Keep(service);
        }
    }

    internal bool IsInForce(ServiceSpec spec) => Find(spec.Name) is { } known
        && (known.IsPublished
            ? known.Spec.Frontends.SequenceEqual(spec.Frontends) && known.Spec.Backends.SequenceEqual(spec.Backends)
            : SpecText.Of(known.Spec) == SpecText.Of(spec));

    /// <summary>Nothing happens if it is gone.</summary>
    internal void Remove(string name)
    {
        if (TakeAway(name))
        {
            _store.Delete($"{Folder}/{name}");
            Log.ServiceChanged(_log, name, "deleted", 0, 0, 0);
        }

        EndStaleSockets();
    }

    /// <summary>Makes sure that an endpoint's published ports fit beside all others: those in force, and those whose
    /// containers are not known yet.</summary>
    /// <exception cref="ControlException">They do not.</exception>
    internal void RequireRoomFor(Endpoint endpoint)
    {
        IEnumerable<Endpoint> all = _endpoints.All.Where(other => other.ExternalId != endpoint.ExternalId).Append(endpoint)
            .Select(one => one with { State = EndpointState.Ready });
        _tables.Reserve(
            [.. PublishedPorts.SpecsOf(all, _host.All).Where(spec => !IsInForce(spec)).Select(spec => Prepare(spec, isPublished: true))],
            _members.Read,
            Clock.MonotonicNs());
    }

    internal void Drain(BalancedService service, BackendAddress backend, bool undo)
    {
        if (undo ? service.Drained.Remove(backend) : service.Drained.Add(backend))
        {
            Keep(service);
            Program(service, force: false);
        }
    }

    /// <summary>Containers, the host's addresses or routes may have changed.</summary>
    internal void Refresh()
    {
        _members.Refresh(_endpoints.Attached);
        PutPublished();
        foreach (BalancedService service in _services.Values)
        {
            Program(service, force: false);
        }

        EndStaleSockets();
    }

    internal void SetHealth(string name, BackendAddress backend, bool healthy, string detail)
    {
        if (Find(name) is not { } service)
        {
            return;
        }

        service.Health[backend] = new BackendHealth(healthy, detail);
        Log.BackendChanged(_log, backend.ToString(), name, healthy ? "healthy" : "unhealthy", detail);
        Program(service, force: false);
    }

    /// <summary>Every few seconds: routes and neighbours, and changes that are over.</summary>
    internal void Sweep(ulong nowNs)
    {
        if (_tables.HasGone)
        {
            // Some may have connected while their backend went.
            _sockets.End(All);
            _tables.Collect();
        }

        if (_services.Count > 0)
        {
            if (nowNs - _refreshedNs > RefreshNs || _services.Values.Any(service => service.Members.Any(member => member.State == BackendState.Unreachable)))
            {
                _refreshedNs = nowNs;
                Refresh();
            }

            foreach (BalancedFamily family in _services.Values.SelectMany(service => service.Families).Where(family => family.IsChanging))
            {
                _tables.EndChange(family, nowNs);
            }
        }
    }

    /// <summary>The container behind a backend on this host.</summary>
    internal string EndpointOf(Member member) => _members.FindLocal(member.Address.Address)?.Name ?? "";

    internal ServiceStats StatsOf(uint frontendId) => _tables.StatsOf(frontendId);

    /// <summary>How many slots of its family's table a backend has now.</summary>
    internal Dictionary<BackendAddress, int> SlotsOf(BalancedService service) => _tables.SlotsOf(service);

    internal static string StateOf(BalancedService service) =>
        service.Members.Count == 0 ? "no backends"
        : service.Members.Any(member => member.State == BackendState.Active) ? "ok"
        : service.Members.Any(member => member.IsChosen) ? "all backends are unhealthy: all are used"
        : service.Members.Any(member => member.State == BackendState.Draining) ? "every backend is draining"
        : "no backend can be reached";

    private void EndStaleSockets()
    {
        if (_tables.TakeLoss())
        {
            _sockets.End(All);
        }
    }

    private BalancedService Prepare(ServiceSpec spec, bool isPublished)
    {
        var prepared = new BalancedService(spec, isPublished);
        if (Find(spec.Name) is { } known)
        {
            HashSet<BackendAddress> listed = [.. spec.Backends.Select(backend => backend.Address)];
            prepared.Drained = [.. known.Drained.Where(backend => spec.Selector is not null || listed.Contains(backend))];
            prepared.Families.AddRange(known.Families);
            prepared.Members = known.Members;
            foreach ((BackendAddress address, BackendHealth health) in known.Health.Where(_ => Equals(known.Spec.HealthCheck, spec.HealthCheck)))
            {
                prepared.Health[address] = health;
            }
        }

        return prepared;
    }

    private void PutAll(IReadOnlyList<BalancedService> services)
    {
        _tables.Reserve(services, service => _members.Read(service), Clock.MonotonicNs());
        foreach (BalancedService service in services)
        {
            bool isNew = Find(service.Spec.Name) is null;
            _services[service.Spec.Name] = service;
            Count = _services.Count;
            Program(service, force: true);
            if (!service.IsPublished)
            {
                Log.ServiceChanged(
                    _log, service.Spec.Name, isNew ? "added" : "changed", service.Spec.Frontends.Count, service.Members.Count(member => member.IsChosen), service.Members.Count);
            }
        }
    }

    /// <summary>A container may publish thousands of ports: they are logged in one line.</summary>
    private void PutPublished()
    {
        IReadOnlyList<ServiceSpec> wanted = PublishedPorts.SpecsOf(_endpoints.Attached, _host.All);
        HashSet<string> names = [.. wanted.Select(spec => spec.Name)];
        int removed = _services.Values.Where(service => service.IsPublished && !names.Contains(service.Spec.Name)).Select(service => service.Spec.Name).ToList()
            .Count(TakeAway);
        int put = wanted.Where(spec => !IsInForce(spec)).ToList()
            .Count(spec => Try(spec.Name, () => PutAll([Prepare(spec, isPublished: true)])));
        if (put + removed > 0)
        {
            NeedDevices();
            Log.PublishedPortsChanged(_log, put, removed, names.Count);
        }
    }

    private bool TakeAway(string name)
    {
        if (!_services.Remove(name, out BalancedService? service))
        {
            return false;
        }

        Count = _services.Count;
        _failures.Remove(name);
        _health.Set(name, null, []);
        _tables.Remove(service);
        return true;
    }

    private void Program(BalancedService service, bool force)
    {
        IReadOnlyList<Member> members = _members.Read(service);
        if (!force && members.SequenceEqual(service.Members))
        {
            return;
        }

        Try(service.Spec.Name, () =>
        {
            _tables.Program(service, members, Clock.MonotonicNs());
            foreach (Member member in members.Where(member => member.State != (service.Members.FirstOrDefault(old => old.Address == member.Address)?.State ?? BackendState.Active)))
            {
                Log.BackendChanged(_log, member.Address.ToString(), service.Spec.Name, member.State.ToString().ToLowerInvariant(), member.Detail);
            }

            service.Members = members;
            _health.Set(service.Spec.Name, service.Spec.HealthCheck, [.. members.Select(member =>
                (member.Address, service.Health.GetValueOrDefault(member.Address, BackendHealth.Untried).IsHealthy))]);
        });
    }

    /// <summary>One service that cannot be written must not keep the others from it. It is tried again and again: why it
    /// fails is said once.</summary>
    private bool Try(string name, Action action)
    {
        try
        {
            action();
            _failures.Remove(name);
            return true;
        }
        catch (WeirException e)
        {
            if (_failures.GetValueOrDefault(name) != e.Message)
            {
                _failures[name] = e.Message;
                Log.Failed(_log, $"writing service {name}", e.Message);
            }

            return false;
        }
    }

    private void NeedDevices()
    {
        if (_services.Count > 0)
        {
            _devices.Need();
        }
    }

    private void Keep(BalancedService service)
    {
        if (!service.IsPublished)
        {
            _store.Put($"{Folder}/{service.Spec.Name}", new KeptService(service.Spec, [.. service.Drained.Order()]), StateContext.Default.KeptService);
        }
    }

    /// <summary>What must be so for the flows of services.</summary>
    internal IEnumerable<Expectation> Expect() =>
        (_datapath.LbFlags & LbFlag.Nat) == 0 ? [] : [SnatPorts.Expect(_store, _datapath.SnatPorts)];

    private void ReservePorts()
    {
        try
        {
            if (SnatPorts.Reserve(_store, _datapath.SnatPorts))
            {
                Log.PortsReserved(_log, _datapath.SnatPorts.ToString());
            }
        }
        catch (Exception e) when (e is IOException or StoreException)
        {
            Log.Failed(_log, $"reserving ports {_datapath.SnatPorts} for SNAT", e.Message);
        }
    }
}
