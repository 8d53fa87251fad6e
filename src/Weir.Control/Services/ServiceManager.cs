// SPDX-License-Identifier: Apache-2.0

using System.Collections.Immutable;
using System.Net;
using Microsoft.Extensions.Logging;
using Weir.Control.Cluster;
using Weir.Control.Host;
using Weir.Control.Reconciling;
using Weir.Control.State;
using Weir.Datapath;
using Weir.Net;
using Weir.Policy;
using Weir.Services;
using Weir.Store;

namespace Weir.Control.Services;

/// <summary>Services as they were asked for, and published ports: keeps the <see cref="World"/> true to them, to containers,
/// routes and health. Called on the writer's thread; what only tells may be asked from any.</summary>
internal sealed class ServiceManager : IDisposable
{
    private const string Folder = "services";
    private const ulong RefreshNs = 30_000_000_000; // how old the knowledge of neighbours may be

    private readonly Writer _writer;
    private readonly IStore _store;
    private readonly HostAddresses _host;
    private readonly Action _serve;
    private readonly IServiceTables _tables;
    private readonly Reconciler _reconciler;
    private readonly Action<IEnumerable<BalancedFamily>> _endStale;
    private readonly HealthChecker _health;
    private readonly ILogger _log;
    private readonly MemberReader _members;
    private readonly RemoteEndpoints _remote;
    private ulong _refreshedNs;

    /// <param name="endStale">Ends sockets whose backend is in none of these any more.</param>
    /// <param name="serve">Called when there is something to serve.</param>
    /// <param name="findHop">The way to an address from here.</param>
    /// <param name="healthChanged">Told on another thread; must call <see cref="SetHealth"/> on the writer's.</param>
    internal ServiceManager(
        Writer writer, IStore store, IServiceTables tables, Reconciler reconciler, HostAddresses host, Action<IEnumerable<BalancedFamily>> endStale, Action serve, Func<IPAddress, Linux.Netlink.NextHop?> findHop,
        Func<string, BackendAddress, bool, string, Task> healthChanged, TimeProvider time, ILogger log)
    {
        _writer = writer;
        _store = store;
        _tables = tables;
        _reconciler = reconciler;
        _host = host;
        _endStale = endStale;
        _serve = serve;
        _members = new MemberReader(findHop);
        _remote = new RemoteEndpoints(() => writer.World);
        _health = new HealthChecker(healthChanged, time, log);
        _log = log;
    }

    internal IEnumerable<Service> All => Now.Values;

    internal int Count => Now.Count;

    private bool ArePublishedClosed => _writer.World.Doors.Mode == DoorMode.Closed;

    private ImmutableSortedDictionary<string, Service> Now => _writer.World.Services;

    internal Service? Find(string name) => Now.GetValueOrDefault(name);

    /// <summary>The service that a frontend belongs to; null: it is not known.</summary>
    internal string? NameOf(uint frontendId) => _tables.NameOf(frontendId);

    /// <summary>What is in the kernel of a service, by address family. Called on the writer's thread.</summary>
    internal IReadOnlyList<BalancedFamily> FamiliesOf(Service service) => _tables.FamiliesOf(service.Name);

    public void Dispose() => _health.Dispose();

    /// <summary>Takes up what is kept and what is in the kernel, and makes them agree.</summary>
    internal void Restore()
    {
        Service[] kept =
        [
            .. _store.List(Folder, StateContext.Default.KeptService).Select(kept => new Service(kept.Spec, IsPublished: false) { Drained = [.. kept.Drained] }),
            .. PublishedPorts.SpecsOf(_writer.World.Attached, _host.All).Select(spec => new Service(spec, IsPublished: true) { IsClosed = ArePublishedClosed }),
        ];
        ILookup<string, BackendAddress> healthy = _tables.Restore(kept);
        _members.Refresh(_writer.World);
        Change(services => services.SetItems(kept.Select(service =>
            Named(service with { Health = healthy[service.Name].Distinct().ToImmutableDictionary(backend => backend, _ => BackendHealth.Good) }))));
        _endStale(_tables.Families);
    }

    /// <summary>What is wrong with these services beside others.</summary>
    /// <param name="wanted">All that shall be in force but published ports.</param>
    internal IReadOnlyList<Problem> Check(IReadOnlyList<ServiceSpec> specs, IEnumerable<KeptService> wanted)
    {
        List<Problem> problems = [.. ServiceSpec.ValidateAll(specs)];
        HashSet<string> replaced = [.. specs.Select(spec => spec.Name)];
        Dictionary<Frontend, string> taken = wanted.Where(other => !replaced.Contains(other.Spec.Name))
            .SelectMany(other => other.Spec.Frontends.Select(frontend => (frontend, other.Spec.Name)))
            .DistinctBy(pair => pair.frontend).ToDictionary();
        foreach (ServiceSpec spec in specs)
        {
            problems.AddRange(spec.Frontends.Where(taken.ContainsKey).Select(frontend =>
                new Problem(spec.Source, $"service \"{spec.Name}\": {frontend} belongs to service \"{taken[frontend]}\"; delete that one first", Severity.Error)));
            problems.AddRange(ClashesHere(spec));
        }

        return problems;
    }

    /// <summary>Frontends that are ports which containers of this host publish.</summary>
    internal IEnumerable<Problem> ClashesHere(ServiceSpec spec) =>
        from published in All
        where published.IsPublished && published.Name != spec.Name
        from frontend in published.Spec.Frontends.Intersect(spec.Frontends)
        select new Problem(spec.Source, $"service \"{spec.Name}\": {frontend} belongs to service \"{published.Name}\"; remove that container's port first", Severity.Error);

    /// <summary>Makes sure that these services would fit in place of those of their names.</summary>
    /// <exception cref="ControlException">They do not; nothing was changed.</exception>
    internal void RequireRoomFor(IReadOnlyList<KeptService> services)
    {
        _members.Refresh(_writer.World);
        _tables.Reserve([.. services.Where(service => !IsInForce(service)).Select(service => Prepare(service.Spec, isPublished: false, service.Drained))]);
    }

    /// <summary>As it would be kept if it were put in force now: backends that are drained stay so as long as it may have them.</summary>
    internal static KeptService Kept(ServiceSpec spec, IReadOnlyCollection<BackendAddress> drained)
    {
        HashSet<BackendAddress> listed = [.. spec.Backends.Select(backend => backend.Address)];
        return new KeptService(spec, [.. drained.Where(backend => spec.Selector is not null || listed.Contains(backend)).Order()]);
    }

    /// <summary>Puts services in force in place of those of their names: all of them, or none.</summary>
    /// <exception cref="ControlException">They do not fit, or the kernel refuses them; nothing was changed.</exception>
    internal void Put(IReadOnlyList<KeptService> services)
    {
        _members.Refresh(_writer.World, patient: true);
        Service[] changed = [.. services.Where(service => !IsInForce(service)).Select(service => Prepare(service.Spec, isPublished: false, service.Drained))];
        if (changed.Length == 0)
        {
            return;
        }

        _tables.Reserve(changed);
        ImmutableSortedDictionary<string, Service> before = Now;
        Keep(changed);
        try
        {
            Change(services => services.SetItems(changed.Select(Named)), [.. changed.Select(service => StepObject.OfService(service.Name))]);
        }
        catch (Exception e)
        {
            Change(_ => before);
            Keep([.. changed.Select(service => before.GetValueOrDefault(service.Name)).OfType<Service>()], without: changed.Select(service => service.Name).Where(name => !before.ContainsKey(name)));
            if (e is ControlException)
            {
                throw new ControlException($"{e.Message}; nothing was changed");
            }

            throw;
        }

        foreach (Service service in changed.Select(service => Now[service.Name]))
        {
            Log.ServiceChanged(
                _log, service.Name, before.ContainsKey(service.Name) ? "changed" : "added", service.Spec.Frontends.Count, service.Members.Count(member => member.IsChosen), service.Members.Count);
        }
    }

    internal bool IsInForce(ServiceSpec spec) => Find(spec.Name) is { } known
        && (known.IsPublished
            ? known.Spec.Frontends.SequenceEqual(spec.Frontends) && known.Spec.Backends.SequenceEqual(spec.Backends)
            : SpecText.Of(known.Spec) == SpecText.Of(spec));

    internal bool IsInForce(KeptService service) => IsInForce(service.Spec) && Find(service.Spec.Name)!.Drained.SetEquals(service.Drained);

    /// <summary>Nothing happens to those that are gone.</summary>
    internal void Remove(IReadOnlyCollection<string> names)
    {
        string[] gone = [.. names.Where(Now.ContainsKey)];
        Keep([], without: gone);
        Change(services => services.RemoveRange(gone));
        foreach (string name in gone)
        {
            Log.ServiceChanged(_log, name, "deleted", 0, 0, 0);
        }
    }

    /// <summary>Makes sure that an endpoint's published ports fit beside all others: those in force, and those whose
    /// containers are not known yet.</summary>
    /// <exception cref="ControlException">They do not.</exception>
    internal void RequireRoomFor(Endpoint endpoint)
    {
        IEnumerable<Endpoint> all = _writer.World.Endpoints.Values.Where(other => other.ExternalId != endpoint.ExternalId).Append(endpoint)
            .Select(one => one with { State = EndpointState.Ready });
        _tables.Reserve([.. PublishedPorts.SpecsOf(all, _host.All).Where(spec => !IsInForce(spec)).Select(spec => Prepare(spec, isPublished: true, []))]);
    }

    /// <summary>Containers, the host's addresses or routes may have changed.</summary>
    internal void Refresh()
    {
        _members.Refresh(_writer.World);
        IReadOnlyList<ServiceSpec> wanted = PublishedPorts.SpecsOf(_writer.World.Attached, _host.All);
        HashSet<string> names = [.. wanted.Select(spec => spec.Name)];
        string[] gone = [.. Now.Values.Where(service => service.IsPublished && !names.Contains(service.Name)).Select(service => service.Name)];
        ServiceSpec[] changed = [.. wanted.Where(spec => !IsInForce(spec))];
        Change(services => services.RemoveRange(gone)
            .SetItems(changed.Select(spec => KeyValuePair.Create(spec.Name, Prepare(spec, isPublished: true, [])))));
        if (gone.Length + changed.Length > 0)
        {
            // A container may publish thousands of ports: they are logged in one line.
            Log.PublishedPortsChanged(_log, changed.Length, gone.Length, names.Count);
        }
    }

    internal void SetHealth(string name, BackendAddress backend, bool healthy, string detail)
    {
        if (Find(name) is { } service)
        {
            Log.BackendChanged(_log, backend.ToString(), name, healthy ? "healthy" : "unhealthy", detail);
            Change(services => services.SetItem(name, service with { Health = service.Health.SetItem(backend, new BackendHealth(healthy, detail)) }));
        }
    }

    /// <summary>Every few seconds: routes and neighbours, and changes that are over.</summary>
    internal void Sweep(ulong nowNs)
    {
        if (_tables.HasGone)
        {
            // Some may have connected while their backend went.
            _endStale(_tables.Families);
            _tables.Collect();
        }

        if (Count > 0)
        {
            if (nowNs - _refreshedNs > RefreshNs || All.Any(service => service.Members.Any(member => member.State == BackendState.Unreachable || member.Hop is { Mac: null })))
            {
                _refreshedNs = nowNs;
                Refresh();
            }

            _tables.EndChanges(nowNs);
        }
    }

    /// <summary>The container behind a backend, of whatever node.</summary>
    internal string EndpointOf(Member member) => member.Node is null
        ? _writer.World.Names.GetValueOrDefault(member.EndpointId, "")
        : _remote.Find(member.Address.Address)?.Endpoint.Name ?? "";

    internal ServiceStats StatsOf(uint frontendId) => _tables.StatsOf(frontendId);

    /// <summary>How many slots of its family's table a backend has now.</summary>
    internal Dictionary<BackendAddress, int> SlotsOf(Service service) => _tables.SlotsOf(service.Name);

    internal static string StateOf(Service service) =>
        service.Members.Count == 0 ? "no backends"
        : service.Members.Any(member => member.State == BackendState.Active) ? "ok"
        : service.Members.Any(member => member.IsChosen) ? "all backends are unhealthy: all are used"
        : service.Members.Any(member => member.State == BackendState.Draining) ? "every backend is draining"
        : "no backend can be reached";

    private static KeyValuePair<string, Service> Named(Service service) => KeyValuePair.Create(service.Name, service);

    /// <summary>Makes other services the world's, their backends as they stand, and brings them into force.</summary>
    /// <exception cref="ControlException">One of those that somebody waits for is not in force.</exception>
    private void Change(Func<ImmutableSortedDictionary<string, Service>, ImmutableSortedDictionary<string, Service>> change, IReadOnlyCollection<StepObject>? awaited = null)
    {
        ImmutableSortedDictionary<string, Service> before = Now;
        ImmutableSortedDictionary<string, Service> changed = change(before);
        ImmutableSortedDictionary<string, Service> after = changed.SetItems(changed.Values.Select(service => (service, Members: _members.Read(service), Size: SizeOf(service)))
            .Where(one => one.Size != one.service.Size || !one.Members.SequenceEqual(one.service.Members)).Select(one => Named(one.service with { Members = one.Members, Size = one.Size })));
        if (after == before)
        {
            return;
        }

        _writer.Publish(world => world with { Services = after });
        if (after.Count > 0)
        {
            _serve();
        }

        Watch(before, after);
        _reconciler.Converge(awaited ?? []);
        if (_tables.TakeLoss())
        {
            _endStale(_tables.Families);
        }
    }

    /// <summary>Backends are checked as long as they are there, and what becomes of them is told.</summary>
    private void Watch(ImmutableSortedDictionary<string, Service> before, ImmutableSortedDictionary<string, Service> after)
    {
        foreach (string gone in before.Keys.Where(name => !after.ContainsKey(name)))
        {
            _health.Set(gone, null, []);
        }

        foreach (Service service in after.Values.Where(service => before.GetValueOrDefault(service.Name) != service))
        {
            IReadOnlyList<Member> known = before.GetValueOrDefault(service.Name)?.Members ?? [];
            foreach (Member member in service.Members.Where(member => member.State != (known.FirstOrDefault(old => old.Address == member.Address)?.State ?? BackendState.Active)))
            {
                Log.BackendChanged(_log, member.Address.ToString(), service.Name, member.State.ToString().ToLowerInvariant(), member.Detail);
            }

            _health.Set(service.Name, service.Spec.HealthCheck, [.. service.Members.Where(member => member.Node is null).Select(member =>
                (member.Address, service.Health.GetValueOrDefault(member.Address, BackendHealth.Untried).IsHealthy))]);
        }
    }

    private Service Prepare(ServiceSpec spec, bool isPublished, IReadOnlyCollection<BackendAddress> drained)
    {
        var prepared = new Service(spec, isPublished) { IsClosed = isPublished && ArePublishedClosed, Drained = [.. drained] };
        if (Find(spec.Name) is { } known && Equals(known.Spec.HealthCheck, spec.HealthCheck))
        {
            prepared = prepared with { Health = known.Health };
        }

        prepared = prepared with { Size = SizeOf(prepared) };
        return prepared with { Members = _members.Read(prepared) };
    }

    private TableSize SizeOf(Service service) =>
        service.IsPublished ? TableSize.None : _writer.World.Cluster?.Tables.GetValueOrDefault(service.Name) ?? TableSize.None;

    /// <summary>All of it or nothing.</summary>
    private void Keep(IEnumerable<Service> services, IEnumerable<string>? without = null)
    {
        var changes = new RecordChanges();
        foreach (Service service in services.Where(service => !service.IsPublished))
        {
            changes.Put($"{Folder}/{service.Name}", new KeptService(service.Spec, [.. service.Drained.Order()]), StateContext.Default.KeptService);
        }

        foreach (string name in without ?? [])
        {
            changes.Delete($"{Folder}/{name}");
        }

        _store.Commit(changes);
    }
}
