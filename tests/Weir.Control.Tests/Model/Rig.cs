// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using Weir.Control.Addresses;
using Weir.Control.Claims;
using Weir.Control.Endpoints;
using Weir.Control.Host;
using Weir.Control.Identities;
using Weir.Control.Networks;
using Weir.Control.Policies;
using Weir.Control.Publishing;
using Weir.Control.Reconciling;
using Weir.Control.Services;
using Weir.Control.State;
using Weir.Control.Watch;
using Weir.Linux.Netlink;
using Weir.Linux;
using Weir.Net;
using Weir.Policy;
using Weir.Services;
using Weir.Store;
using Xunit;

namespace Weir.Control.Tests.Model;

/// <summary>The agent on a host in memory, with a runtime that asks of it what Docker does. It can end at any effect and start
/// again.</summary>
internal sealed partial class Rig : IDisposable
{
    private MemoryStore _durable = new();
    private readonly MemoryStore _runtime = new();
    private readonly ManualTime _time = new();
    private readonly HashSet<PolicyEngine> _engines = []; // of which packets may meet decisions now
    private readonly Dictionary<Identity, LabelSet> _labels = []; // also of identities that are gone
    private readonly Dictionary<Identity, IpPrefix> _prefixes = []; // likewise
    private readonly Dictionary<Identity, PolicyPeer> _peers = [];
    private readonly Dictionary<ushort, HashSet<Identity>> _identities = []; // of endpoints, since all was in force last
    private Writer _writer = null!;
    private Reconciler _reconciler = null!;
    private IdentityAllocator _allocator = null!;
    private EndpointManager _endpoints = null!;
    private PolicyManager _policies = null!;
    private HostAddresses _hostAddresses = null!;
    private AddressPools _pools = null!;
    private NetworkManager _networks = null!;
    private ClaimKeeper _claims = null!;
    private DoorKeeper _doors = null!;
    private PrefilterDesk _prefilter = null!;
    private RuntimeSource _source = null!;
    private (IReadOnlyList<RuntimeNetwork> List, DateTimeOffset Taken)? _oldList; // asked for by this agent, and still on its way
    private List<IpPrefix> _hostPrefixes = [IpPrefix.Parse("192.0.2.1")];
    private HashSet<string> Allowed => [.. _durable.Get("published", StateContext.Default.KeptAllowances)?.Allowances.Select(allowance => allowance.Container) ?? []];

    private static readonly string[] _sources = ["198.51.100.66/32", "192.0.2.128/25", "2001:db8:66::/48", "203.0.113.66/32"];

    private Service[] _kept = [];
    private HashSet<Frontend> _served = []; // when all was in force last
    private int _lastName;
    private int _lastAddress;

    // What a policy said that was never kept, the next agent cannot tell the proxy: until the maps are its own, requests get an error.
    internal bool IsStarting { get; private set; }

    internal Rig()
    {
        Host.Looked = CheckBetween;
        Start();
        MakeNetwork(isInternal: false);
        MakeNetwork(isInternal: true);
    }

    internal MemoryRuntime Runtime { get; } = new();

    internal MemoryHost Host { get; } = new();

    internal Reconciler Reconciler => _reconciler;

    internal PolicySet Policy => _policies.Set;

    internal void Pass(TimeSpan time) => _time.Pass(time);

    /// <summary>Endpoints that the agent has, oldest first.</summary>
    internal IReadOnlyList<Endpoint> Endpoints => [.. _writer.World.Endpoints.Values.OrderBy(endpoint => endpoint.Created).ThenBy(endpoint => endpoint.Id)];

    public void Dispose() => _writer.Dispose();

    /// <summary>What the agent does first, over what an earlier one left.</summary>
    internal void Start()
    {
        IsStarting = true;
        _writer?.Dispose();
        _writer = new Writer();
        var durable = new FaultyStore(_durable, Host);
        var peers = new PolicyPeers(() => _writer.World);
        var lists = new PolicyLists(peers);
        var options = new ControlOptions { PublishedPorts = DoorMode.Closed };
        _oldList = null;
        _allocator = new IdentityAllocator(_writer, durable, _time);
        _reconciler = new Reconciler(_writer, Host, Host, Host, Host, lists, new PlanOptions(options.DenyResponse, options.Masquerade), _time, NullLogger.Instance);
        _endpoints = new EndpointManager(_writer, new FaultyStore(_runtime, Host), Host, Host, _allocator, _reconciler, _time, NullLogger.Instance);
        _policies = new PolicyManager(_writer, durable, _allocator, peers, _reconciler, lists, options, NullLogger.Instance);
        _hostAddresses = new HostAddresses(_writer, () => [.. _hostPrefixes.Select(prefix => new RouteInfo(prefix, 255, RouteKind.Local, 1, null))]);
        _pools = new AddressPools(durable, options, _time, () => [], () => _writer.World.Claims.Granted.Select(claim => claim.Prefix), _ => []);
        _networks = new NetworkManager(_writer, durable, _ => [], _pools, _reconciler, options, _time, NullLogger.Instance);
        _doors = new DoorKeeper(_writer, durable, _reconciler, 1000, options, isNew: true);
        _claims = new ClaimKeeper(_writer, _reconciler, _endpoints.Events, _ => []);
        _source = new RuntimeSource(_writer, _networks, _endpoints, _pools, _claims, _reconciler, LabelFilter.Default, _ => { }, NullLogger.Instance);
        _prefilter = new PrefilterDesk(_writer, durable, _reconciler, 3, () => { });
        _engines.Add(_policies.Engine);
        _allocator.RestoreCidrs([.. Host.ListIpcache().Where(row => row.Identity.IsCidr).Select(row => (row.Prefix, row.Identity))]);
        _reconciler.Begin(Host.ListIpcache());
        _hostAddresses.Refresh();
        _policies.Restore();
        _doors.Restore(Host.Doors);
        _source.TakeUpEndpoints();
        _pools.Confirm(Endpoints.SelectMany(endpoint => endpoint.Addresses));

        // Its tables are read by the services that are kept, and hold no others then.
        foreach (string gone in Host.Services.Keys.Where(name => !_kept.Any(service => service.Name == name)))
        {
            Host.Services.Remove(gone);
        }

        foreach (Frontend frontend in Host.Frontends.Keys.Where(frontend => !_kept.Any(service => service.Spec.Frontends.Contains(frontend))))
        {
            Host.Frontends.Remove(frontend);
        }

        Serve();
        IsStarting = false;
    }

    /// <summary>A runtime asks for a range, then for a network with it, and has the network if both went well.</summary>
    internal void MakeNetwork(bool isInternal, bool isRouted = false)
    {
        IpPrefix range = _pools.RequestPool(null, ipv6: false).Prefix;
        IPAddress gateway = _pools.RequestAddress($"weir/{range}", AddressMath.Add(range.Address, 1), isGateway: true);
        var shape = new NetworkShape(isInternal, isRouted, null, [new Subnet(range, gateway)]);
        string id = string.Create(CultureInfo.InvariantCulture, $"n{++_lastName:d8}network");
        _networks.Create(id, isInternal, isRouted, null, shape.Subnets, []);
        Runtime.Networks[id] = new MemoryRuntime.Made(shape, []);
    }

    /// <summary>Only one without containers can be removed.</summary>
    internal void DropNetwork(int choice)
    {
        string[] empty = [.. Runtime.Networks.Where(network => network.Value.Endpoints.Count == 0).Select(network => network.Key)];
        if (empty.Length > 0)
        {
            string id = empty[choice % empty.Length];
            Runtime.Networks.Remove(id, out MemoryRuntime.Made? dropped); // Docker forgets it whatever its driver says
            _networks.Delete(id);
            _pools.ReleasePool($"weir/{dropped!.Shape.Subnets[0].Pool}");
        }
    }

    internal void Join(int choice)
    {
        if (Runtime.Networks.Count == 0 || _networks.Find(Runtime.Networks.Keys.ElementAt(choice % Runtime.Networks.Count)) is not { } where)
        {
            return;
        }

        IPAddress address = AddressMath.Add(where.Subnets[0].Pool.Address, (uint)(2 + (_lastAddress++ % 200)));
        Endpoint created = _endpoints.Create(where, string.Create(CultureInfo.InvariantCulture, $"{++_lastName:d8}endpoint"), address, null, null);
        _identities[created.Id] = [Identity.Init];
        Runtime.Networks[where.Id].Endpoints[created.ExternalId] = null;
        try
        {
            _endpoints.Join(created, where, "");
        }
        catch
        {
            // The runtime gives it up, and says so to whom it finds.
            Runtime.Forget(created.ExternalId);
            throw;
        }
    }

    /// <param name="claims">Addresses that it shall have beside its own; "": none.</param>
    /// <param name="doors">To whom its ports are open; "": to nobody.</param>
    internal void Identify(Endpoint endpoint, LabelSet labels, string claims = "", string doors = "")
    {
        if (endpoint.State != EndpointState.Created && Runtime.Networks.GetValueOrDefault(endpoint.NetworkId) is { } network && network.Endpoints.ContainsKey(endpoint.ExternalId))
        {
            var workload = new Workload($"c{endpoint.Id}", $"c{endpoint.Id}", "", labels.ToDictionary(label => label.Key, label => label.Value), Label(doors), Label(claims));
            network.Endpoints[endpoint.ExternalId] = workload;
            _source.Identify(endpoint, "a name", workload);
        }

        static WorkloadLabel? Label(string text) => text.Length == 0 ? null : new WorkloadLabel(text, IsOfImage: false);
    }

    internal void Publish(Endpoint endpoint, IReadOnlyList<PublishedPort> ports)
    {
        _endpoints.SetPublished(endpoint, ports);
        _reconciler.Converge();
    }

    internal void Allow(string container)
    {
        if (Allowed.Contains(container))
        {
            _doors.Deny(container, 8080, IpProtocol.Tcp, []);
        }
        else
        {
            _doors.Allow(container, 8080, IpProtocol.Tcp, [IpPrefix.Parse("198.51.100.0/24")]);
        }
    }

    /// <summary>Other services than before, of a few that quarrel for frontends.</summary>
    internal void Serve(int choice)
    {
        Frontend[] frontends = [.. Enumerable.Range(1, 3).Select(last => new Frontend(IPAddress.Parse($"203.0.113.{last}"), 80, IpProtocol.Tcp))];
        ILookup<int, Frontend> owners = frontends.Select((frontend, i) => (frontend, Owner: choice >> (2 * i) & 3)).ToLookup(one => one.Owner, one => one.frontend);
        Service[] wanted =
        [
            .. owners.Where(owner => owner.Key != 0).Select(owner => new Service(new ServiceSpec { Name = $"s{owner.Key}", Frontends = [.. owner] }, IsPublished: false)
            {
                Members = [.. Endpoints.Where(endpoint => endpoint.State == EndpointState.Ready).Select(endpoint =>
                    new Member(new BackendSpec(new BackendAddress(endpoint.Ipv4!, 80)), BackendState.Active, "", endpoint.Id, null, null, null, IsChosen: true))],
            }),
        ];
        _kept = wanted;
        Serve();
    }

    private void Serve()
    {
        _writer.Publish(world => world with { Services = world.Services.Clear().AddRange(_kept.Select(service => KeyValuePair.Create(service.Name, service))) });
        _reconciler.Converge();
    }

    /// <summary>Bars a source, or lets it in again.</summary>
    internal void Bar(int choice)
    {
        string source = _sources[choice % _sources.Length];
        bool isBarred = _prefilter.All.Contains(IpPrefix.Parse(source));
        _prefilter.Change(isBarred ? [] : [source], isBarred ? [source] : []);
    }

    /// <summary>A list of the runtime's that is asked for now, and comes when it comes.</summary>
    internal void AskForList() => _oldList = (Runtime.List(), _time.GetUtcNow());

    internal void OldListComes()
    {
        if (_oldList is { } old)
        {
            _oldList = null;
            _source.Reconcile(old.List, old.Taken);
        }
    }

    internal void Remove(Endpoint endpoint)
    {
        Runtime.Forget(endpoint.ExternalId);
        _source.Remove(endpoint, "told to");
    }

    internal void Enforce(PolicySet set) => _policies.Enforce(set);

    internal void SetHostPrefixes(List<IpPrefix> prefixes)
    {
        _hostPrefixes = prefixes;
        if (_hostAddresses.Refresh())
        {
            _reconciler.Converge();
        }
    }

    internal void Sweep()
    {
        _time.Pass(TimeSpan.FromMinutes(11));
        if (_allocator.Sweep())
        {
            _reconciler.Converge();
        }
    }

    internal void LoseProgram(Endpoint endpoint) => Host.LoseProgram(endpoint.Ifindex);

    internal void LoseLink(Endpoint endpoint)
    {
        Host.LoseLink(endpoint.LinkName);
        Remove(endpoint);
    }

    /// <summary>Another agent comes, with a folder that is lost: of policy and numbers nothing is left, of endpoints all.</summary>
    internal void LoseRecords()
    {
        _durable = new MemoryStore();
        _kept = [];
        Start();
    }

    internal void LoseNeed(int choice)
    {
        HostNeed[] needs = [.. Host.Needs.Where(need => need is not HostNeed.Setting).OrderBy(need => need.ToString(), StringComparer.Ordinal)];
        if (needs.Length > 0)
        {
            Host.Needs.Remove(needs[choice % needs.Length]);
        }
    }

    /// <summary>What the watchdog does until nothing is missing: whatever failed before is in force now.</summary>
    internal void Mend()
    {
        for (int round = 0; round < 5; round++)
        {
            _time.Pass(TimeSpan.FromMinutes(1));

            _source.Reconcile(Runtime.List(isComplete: false), default);
            foreach (Endpoint gone in Endpoints.Where(endpoint => !Runtime.Has(endpoint.ExternalId)))
            {
                _source.RemoveWithAddresses(gone, "the runtime does not have it");
            }

            foreach (Network gone in _networks.All.Where(network => !Runtime.Networks.ContainsKey(network.Id)))
            {
                _networks.Delete(gone.Id);
            }

            foreach (HostNeed lost in _reconciler.Realized.Host.Where(need => need is not (HostNeed.Setting or HostNeed.SnatPorts) && !Host.Needs.Contains(need)).ToList())
            {
                _reconciler.PutAgain(lost);
            }

            foreach (Expectation lost in _endpoints.Expect(id => _writer.World.Networks.GetValueOrDefault(id)).Where(one => one.Kind == "program").ToList())
            {
                Endpoint endpoint = Endpoints.Single(one => one.Id == lost.Endpoint);
                if (Host.Links.ContainsKey(endpoint.LinkName) && !Host.IsEndpointWhole(endpoint.Id, endpoint.Ifindex))
                {
                    lost.MakeSo();
                }
            }

            List<Expectation> undone = [.. _reconciler.Undone()];
            if (undone.Count == 0)
            {
                return;
            }

            undone.ForEach(one => one.MakeSo());
        }

        Assert.Empty(_reconciler.Undone());
    }
}
