// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using Weir.Control.Addresses;
using Weir.Control.Claims;
using Weir.Control.Cluster;
using Weir.Control.Endpoints;
using Weir.Control.Host;
using Weir.Control.Identities;
using Weir.Control.Networks;
using Weir.Control.Policies;
using Weir.Control.Reconciling;
using Weir.Control.Services;
using Weir.Control.State;
using Weir.Control.Tests.Model;
using Weir.Net;
using Weir.Policy;
using Weir.Services;
using Weir.Store;
using Xunit;

namespace Weir.Control.Tests.Cluster;

/// <summary>An agent on a host in memory that shares a store with others. Its host outlives it.</summary>
internal sealed class TestNode : IDisposable
{
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly MemoryStore _durable = new();
    private readonly MemoryStore _runtime = new();
    private readonly IKeyValues _shared;
    private ClusterOptions _options;
    private readonly bool _isOnLink;
    private readonly TimeProvider _time;
    private Writer _writer = null!;
    private IdentityAllocator _identities = null!;
    private EndpointManager _endpoints = null!;
    private PolicyManager _policies = null!;
    private NetworkManager _networks = null!;
    private AddressPools _pools = null!;
    private RuntimeSource _source = null!;
    private Reconciler _reconciler = null!;
    private SharedPolicy _policy = null!;
    private ServiceManager _services = null!;
    private int _last;

    internal TestNode(string name, string address, IKeyValues shared, TimeSpan? timeToLive = null, bool isOnLink = true, TimeProvider? time = null)
    {
        _time = time ?? TimeProvider.System;
        _isOnLink = isOnLink;
        _shared = shared;
        _options = new ClusterOptions(name, IPAddress.Parse(address), null, timeToLive ?? TimeSpan.FromSeconds(20)) { UnusedFor = 2 * (timeToLive ?? TimeSpan.FromMinutes(5)) };
        Start();
    }

    internal MemoryHost Host { get; } = new();

    /// <summary>Whom packets of this host's reach.</summary>
    internal MemoryEcho Echo { get; } = new();

    internal ClusterDesk Desk { get; private set; } = null!;

    internal ServiceDesk Services { get; private set; } = null!;

    internal World World => _writer.World;

    internal string Name => _options.Name;

    internal IReadOnlyList<Endpoint> Endpoints => [.. World.Endpoints.Values.OrderBy(endpoint => endpoint.Id)];

    public void Dispose()
    {
        Desk.Dispose();
        _services.Dispose();
        _writer.Dispose();
    }

    /// <summary>The agent ends, and another takes its place.</summary>
    internal void Restart()
    {
        Dispose();
        Start();
    }

    /// <summary>The same, with other settings.</summary>
    internal void Restart(Func<ClusterOptions, ClusterOptions> settings)
    {
        Dispose();
        _options = settings(_options);
        Start();
    }

    /// <summary>Takes part in a shared network, once it may.</summary>
    internal void JoinNetwork(string name)
    {
        Until(() => Desk.Usable.Any(network => network.Name == name), () => $"network {name}: {string.Join(", ", Desk.Networks)}");
        _writer.Run(() =>
        {
            List<Subnet> subnets = [];
            foreach (IpPrefix range in World.Cluster!.Networks[name].Ranges)
            {
                AddressPool pool = _pools.RequestPool($"{range}", range.IsIpv6, name);
                subnets.Add(new Subnet(range, _pools.RequestAddress(pool.Id, AddressMath.Add(range.Address, 1), isGateway: true)));
            }

            _networks.Create($"{name}-{_options.Name}", isInternal: false, isRouted: false, null, subnets, [], name);
        });
    }

    /// <summary>The same as 'docker network create -o weir.network=NAME' does it: ranges are asked for before the driver is told which
    /// network it is.</summary>
    /// <returns>The pools that Docker knows.</returns>
    internal IReadOnlyList<string> JoinByHand(string id, string name, bool isInternal = false, params bool[] families) => _writer.Run(() =>
    {
        List<AddressPool> pools = [.. families.Select(v6 => _pools.RequestPool(null, v6))];
        try
        {
            _networks.Create(id, isInternal, isRouted: false, null, [.. pools.Select(pool => new Subnet(pool.Prefix, _pools.RequestAddress(pool.Id, null, isGateway: true)))], [], name);
        }
        catch
        {
            pools.ForEach(pool => _pools.ReleasePool(pool.Id));
            throw;
        }

        return (IReadOnlyList<string>)[.. pools.Select(pool => pool.Id)];
    });

    /// <summary>What the runtime asks for an endpoint, and gives back.</summary>
    internal IPAddress RequestAddress(string pool) => _writer.Run(() => _pools.RequestAddress(pool, null, isGateway: false));

    internal void ReleaseAddress(string pool, IPAddress address) => _writer.Run(() => _pools.ReleaseAddress(pool, address));

    internal void DeleteNetwork(string id, IReadOnlyList<string> pools) => _writer.Run(() =>
    {
        _networks.Delete(id);
        pools.ToList().ForEach(_pools.ReleasePool);
    });

    internal IReadOnlyList<IpPrefix> Pools => [.. _pools.All.Select(pool => pool.Prefix).Order()];

    /// <summary>What no network has is released.</summary>
    internal void ReleaseUnused() => _writer.Run(() => _pools.ReleaseUnused(pool => _networks.FindByPool(pool) is not null, DateTimeOffset.MaxValue));

    /// <summary>Runs a container on the shared network; it may be "init" when this returns.</summary>
    internal Endpoint Run(string network, string labels, IPAddress? wanted = null) => _writer.Run(() =>
    {
        Network where = World.Networks[$"{network}-{_options.Name}"];
        IPAddress address = _pools.RequestAddress($"weir/{where.Subnets[0].Pool}", wanted, isGateway: false);
        string id = $"{_options.Name}{++_last:d8}";
        Endpoint created = _endpoints.Create(where, id, address, null, null);
        _endpoints.Join(created, where, "");
        _source.Identify(World.Endpoints[id], network, new Workload(id, $"{_options.Name}-{_last}", "", LabelSet.Parse(labels).ToDictionary(label => label.Key, label => label.Value)));
        return World.Endpoints[id];
    });

    /// <summary>A service that this node has had by itself.</summary>
    internal void PutAlone(string name, Frontend frontend) => _writer.Run(() => _services.Put(
        [new KeptService(new ServiceSpec { Name = name, Frontends = [frontend], Backends = [BackendSpec.Parse("10.0.0.1:80")] }, [])]));

    /// <summary>What a health check of this node said.</summary>
    internal void Find(string service, BackendAddress backend, bool healthy, string detail) => _writer.Run(() => _services.SetHealth(service, backend, healthy, detail));

    internal void Remove(Endpoint endpoint) => _writer.Run(() =>
    {
        _source.Remove(World.Endpoints[endpoint.ExternalId], "told to");
        _pools.Release(endpoint.Addresses);
    });

    internal void SetAliases(Endpoint endpoint, params string[] aliases) => _writer.Run(() => _endpoints.SetAliases(World.Endpoints[endpoint.ExternalId], aliases));

    /// <summary>These services, in place of all that there are.</summary>
    internal void Serve(params Service[] services) => _writer.Run(() =>
    {
        _writer.Publish(world => world with { Services = world.Services.Clear().AddRange(services.Select(service => KeyValuePair.Create(service.Name, service))) });
        _reconciler.Converge();
    });

    /// <summary>What is not in force.</summary>
    internal IReadOnlyList<string> Undone => [.. _reconciler.Undone().Select(expectation => expectation.What)];

    internal PolicySet Policy => _policies.Set;

    /// <summary>Puts policies in force on all nodes.</summary>
    internal Task<PolicyOutcome> ApplyAsync(params PolicyDocument[] documents) =>
        _policy.AgreeAsync(() => new PolicyOutcome([], [], [], 0, 0) { Proposed = _policies.Set.With(documents) }, default);

    internal Task<PolicyOutcome> DeleteAsync(DocumentKey key) =>
        _policy.AgreeAsync(() => new PolicyOutcome([], [], [], 0, 0) { Proposed = _policies.Set.Without(key) }, default);

    internal void TryAgain() => _writer.Run(Desk.TryAgain);

    internal void Enforce(PolicySet set) => _writer.Run(() => _policies.Enforce(set));

    internal Endpoint Now(Endpoint endpoint) => World.Endpoints[endpoint.ExternalId];

    internal IdentityAllocator Identities => _identities;

    /// <summary>What nobody can say when.</summary>
    internal static void Until(Func<bool> isSo, Func<string> what)
    {
        if (!SpinWait.SpinUntil(isSo, Patience))
        {
            Assert.Fail(what());
        }
    }

    private void Start()
    {
        _writer = new Writer();
        var peers = new PolicyPeers(() => _writer.World);
        var lists = new PolicyLists(peers);
        var options = new ControlOptions { PublishedPorts = DoorMode.Closed, Cluster = _options };
        TimeProvider time = _time;
        _identities = new IdentityAllocator(_writer, _durable, time);
        Reconciler reconciler = _reconciler = new Reconciler(_writer, Host, Host, Host, Host, lists, new PlanOptions(options.DenyResponse, options.Masquerade), time, NullLogger.Instance);
        _endpoints = new EndpointManager(_writer, _runtime, Host, Host, _identities, reconciler, time, NullLogger.Instance, isInCluster: true);
        _policies = new PolicyManager(_writer, _durable, _identities, peers, reconciler, lists, options, NullLogger.Instance);
        _pools = new AddressPools(_durable, options, time, () => [], () => [], network => World is { Cluster: { } cluster } world ? [.. BlockPlan.Of(cluster, network, cluster.Self).Where(block => !world.LeavingBlocks.Contains(block))] : []);
        _networks = new NetworkManager(_writer, _durable, _ => [], _pools, reconciler, options, time, NullLogger.Instance);
        var claims = new ClaimKeeper(_writer, reconciler, _endpoints.Events, _ => []);
        _source = new RuntimeSource(_writer, _networks, _endpoints, _pools, claims, reconciler, LabelFilter.Default, _ => _services.Refresh(), NullLogger.Instance);
        _identities.RestoreCidrs([.. Host.ListIpcache().Where(row => row.Identity.IsCidr).Select(row => (row.Prefix, row.Identity))]);
        reconciler.Begin(Host.ListIpcache());
        _writer.Publish(world => world with { NodeNumbers = world.NodeNumbers.AddRange(Host.ListNodes().Select(node => KeyValuePair.Create(node.Address, node.Id))) });
        _services = new ServiceManager(_writer, _durable, Host, reconciler, new HostAddresses(_writer, () => []), _ => { }, () => { }, _ => null, (_, _, _, _) => Task.CompletedTask, time, NullLogger.Instance);
        var services = new SharedServices(_writer, _shared, _services, NullLogger.Instance);
        Services = new ServiceDesk(_writer, _services, null!, () => false) { Shared = services };
        Desk = new ClusterDesk(_writer, _shared, _options, _durable, _identities, _endpoints, reconciler, _policy = new SharedPolicy(_writer, _shared, _policies, NullLogger.Instance), services, _ => _isOnLink, _services.Refresh, Echo, time, NullLogger.Instance);
        Desk.Recall();
        _policies.Restore();
        _source.TakeUpEndpoints();
        _services.Restore();
        _pools.Confirm(Endpoints.SelectMany(endpoint => endpoint.Addresses));
        _writer.Start();
        Desk.Start();
    }
}
