// SPDX-License-Identifier: Apache-2.0

using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Weir.Control.Addresses;
using Weir.Control.Claims;
using Weir.Control.Cluster;
using Weir.Control.Endpoints;
using Weir.Control.Host;
using Weir.Control.Identities;
using Weir.Control.Networks;
using Weir.Control.Past;
using Weir.Control.Policies;
using Weir.Control.Publishing;
using Weir.Control.Reconciling;
using Weir.Control.Replaying;
using Weir.Control.Services;
using Weir.Control.State;
using Weir.Control.Watch;
using Weir.Datapath;
using Weir.Flows;
using Weir.Linux.Netlink;
using Weir.Net;
using Weir.Services;
using Weir.Store;

namespace Weir.Control;

/// <summary>Everything the agent knows and does, whoever asks: one change after another, on a thread of its own.
/// Refusals are <see cref="ControlException"/>s. Kernel state is left as it is when the object is disposed.</summary>
public sealed class ControlPlane : IDisposable
{
    private static readonly TimeSpan _abandoned = TimeSpan.FromMinutes(1);

    private readonly Writer _writer = new();
    private readonly RtnetlinkSocket _links = new();
    private readonly RtnetlinkTables _tables = new();
    private readonly HostAddresses _host;
    private readonly HostSettings _settings;
    private readonly HostFilter _filter;
    private readonly AddressPools _addresses;
    private readonly NetworkManager _networks;
    private readonly EndpointManager _endpoints;
    private readonly EndpointNamespaces _namespaces;
    private readonly RuntimeSource _runtime;
    private readonly IdentityAllocator _identities;
    private readonly Reconciler _reconciler;
    private readonly PolicyManager _policies;
    private readonly DeviceManager _devices;
    private readonly Measuring _measuring;
    private readonly ServiceManager _services;
    private readonly DoorKeeper _doors;
    private readonly ClaimKeeper _claims;
    private readonly PortReservations _ports = new();
    private readonly NextHopFinder _hops = new();
    private readonly NodeEcho? _echo;
    private readonly ControlOptions _options;
    private readonly Datapath.Datapath _datapath;
    private readonly IStore _durable;
    private readonly ILogger _log;

    /// <param name="durable">Outlives the host's restart: networks, identities, policy.</param>
    /// <param name="runtime">Outlives the agent's restart only, as links do: endpoints.</param>
    /// <param name="shared">What the nodes of a cluster share; null: this host is by itself.</param>
    public ControlPlane(ControlOptions options, IStore durable, IStore runtime, IKeyValues? shared, Datapath.Datapath datapath, IHttpProxy proxy, TimeProvider time, ILogger log)
    {
        ArgumentNullException.ThrowIfNull(durable);
        ArgumentNullException.ThrowIfNull(runtime);
        _options = options;
        _datapath = datapath;
        _durable = durable;
        _log = log;
        _host = new HostAddresses(_writer, _tables.LocalRoutes);
        var incidents = new Incidents(time, log);
        _settings = new HostSettings(durable);
        _filter = new HostFilter(time);
        // The ways to other nodes' blocks are ours, though they are in the ranges of shared networks.
        Func<IReadOnlySet<IPAddress>, IReadOnlyList<HostRange>> ranges = gateways =>
            [.. HostRanges.List(_links, gateways).Where(range => _writer.World.Cluster?.Blocks.ContainsKey(range.Prefix) != true)];
        _addresses = new AddressPools(
            durable, options, time, () => ranges(new HashSet<IPAddress>()), () => _writer.World.Claims.Granted.Select(claim => claim.Prefix),
            network => _writer.World is { Cluster: { } cluster } world ? [.. BlockPlan.Of(cluster, network, cluster.Self).Where(block => !world.LeavingBlocks.Contains(block))] : []);
        _identities = new IdentityAllocator(_writer, durable, time);
        var peers = new PolicyPeers(() => _writer.World);
        var lists = new PolicyLists(peers);
        var tables = new ServiceTables(datapath.Services, datapath.Backends);
        _reconciler = new Reconciler(
            _writer, datapath, tables, new LinuxHost(durable, _links, _tables, _settings, _filter, datapath.SnatPorts, log), new RoutedProxy(new DatapathJudge(proxy, datapath, options.HttpVerdict, log), _settings), lists, new PlanOptions(options.DenyResponse, options.Masquerade), time, log);
        _networks = new NetworkManager(_writer, durable, ranges, _addresses, _reconciler, options, time, log);
        _endpoints = new EndpointManager(_writer, runtime, datapath, new EndpointLinks(_links), _identities, _reconciler, time, log, isInCluster: shared is not null);
        _policies = new PolicyManager(_writer, durable, _identities, peers, _reconciler, lists, options, log);
        _measuring = new Measuring(datapath, options.Measure, log);
        _devices = new DeviceManager(datapath, _links, _tables, options, log);
        _namespaces = new EndpointNamespaces(_writer, _endpoints, datapath.Namespaces);
        bool isNew = _networks.All.Count == 0 && _policies.Set.Documents.Count == 0;
        _doors = new DoorKeeper(_writer, durable, _reconciler, datapath.Published.Max, options, isNew);
        _claims = new ClaimKeeper(_writer, _reconciler, _endpoints.Events, ranges);
        _services = new ServiceManager(
            _writer, durable, tables, _reconciler, _host, new StaleSockets(datapath.Sockets, _namespaces, log).End, _devices.Need, FindHop, OnHealth, time, log);
        _runtime = new RuntimeSource(_writer, _networks, _endpoints, _addresses, _claims, _reconciler, options.Labels, Follow, log);
        Addresses = new AddressDesk(_writer, _addresses, _networks, _endpoints);
        Services = new ServiceDesk(_writer, _services, _devices, () => AreServed);
        Prefilter = new PrefilterDesk(_writer, durable, _reconciler, datapath.Prefilter.Max, _devices.Need);
        var obstacles = new Obstacles(() => _writer.World, datapath.Published.List);
        var finder = new PeerFinder(_policies.Peers, () => _writer.World, options.Labels);
        var facts = new HostFactsReader(_endpoints, _claims, _networks, _host, _policies.Peers, () => _writer.World, options.Labels);
        Policies = new PolicyDesk(_writer, _policies, _endpoints, new FlowExplainer(() => _writer.World, finder, obstacles), facts, datapath);
        Replay = new ReplayDesk(Policies, _policies, _endpoints);
        Views = new ControlViews(_writer, _networks, _filter, incidents, _endpoints, _claims, _policies, datapath, time);
        Watchdog = new Watchdog(_writer, Expect, _links, incidents);
        Published = new PublishDesk(_writer, _doors, _endpoints, _policies, _identities);
        if (shared is not null)
        {
            ClusterOptions node = options.Cluster ?? throw new ArgumentException("a node of a cluster has a name and an address", nameof(options));
            var policy = new SharedPolicy(_writer, shared, _policies, log);
            Policies.Shared = policy;
            var services = new SharedServices(_writer, shared, _services, log);
            Services.Shared = services;
            Cluster = new ClusterDesk(_writer, shared, node, durable, _identities, _endpoints, _reconciler, policy, services, IsOnLink, FollowNodes, _echo = new NodeEcho(node, OverlayIfindex, NumberOfNode, datapath.AnswerOf), time, log);
            const int Headers4 = 50, Headers6 = 70; // outer IP, UDP, VXLAN and the inner Ethernet header
            int headers = node.Address.AddressFamily == AddressFamily.InterNetworkV6 ? Headers6 : Headers4;
            _writer.Publish(world => world with { OverlayMtu = options.Mtu - headers });
        }

        Flows = new FlowContext(_writer, _policies, _services, datapath);
        _writer.Start();
    }

    /// <summary>Why TCP connections are not measured, though it is wished; null: as is wished.</summary>
    public string? MeasuringProblem => _measuring.Problem;

    /// <summary>Ranges for networks, addresses for endpoints.</summary>
    public AddressDesk Addresses { get; }

    /// <summary>Apply, delete, explain.</summary>
    public PolicyDesk Policies { get; }

    /// <summary>Begins to keep what was when, beside the record of flows.</summary>
    /// <param name="warn">Told once when that fails, and once when it works again.</param>
    /// <param name="failed">Told what its thread threw; it goes on.</param>
    public HistoryDesk OpenHistory(RecordOptions options, TimeProvider time, Action<string> warn, Action<Exception> failed) =>
        new(_writer, asked => Policies.Explain(asked.From, asked.To, asked.Port, asked.Http, asked.Headers), _options.Labels, options, time, warn, failed);

    /// <summary>Policy, and what is on record.</summary>
    public ReplayDesk Replay { get; }

    /// <summary>Services: changes, and what there is.</summary>
    public ServiceDesk Services { get; }

    /// <summary>The other nodes; null: this host is by itself.</summary>
    public ClusterDesk? Cluster { get; }

    /// <summary>Sources that are dropped at the devices.</summary>
    public PrefilterDesk Prefilter { get; }

    /// <summary>Published ports: who comes in.</summary>
    public PublishDesk Published { get; }

    /// <summary>What there is.</summary>
    public ControlViews Views { get; }

    /// <summary>Puts back what others take away.</summary>
    public Watchdog Watchdog { get; }

    /// <summary>Names for events.</summary>
    public FlowContext Flows { get; }

    /// <summary>Makes a change on the thread where changes are made: its caller waits without a thread of its own. The
    /// methods here and of the desks do the same by themselves, for who may block.</summary>
    public Task<T> RunAsync<T>(Func<T> change) => _writer.RunAsync(change);

    /// <inheritdoc cref="RunAsync{T}"/>
    public Task RunAsync(Action change) => _writer.RunAsync(change);

    /// <summary>Makes kernel and records agree, after a start of the agent or of the host. Traffic flows meanwhile.</summary>
    public void Restore()
    {
        _writer.Run(() =>
        {
            IReadOnlyList<IpcacheRow> ipcache = _datapath.ListIpcache();
            _identities.RestoreCidrs([.. ipcache.Where(row => row.Identity.IsCidr).Select(row => (row.Prefix, row.Identity))]);
            _reconciler.Begin(ipcache);
            IReadOnlyList<NodeRow> nodes = _datapath.ListNodes();
            _writer.Publish(world => world with { NodeNumbers = nodes.DistinctBy(node => node.Address).ToImmutableDictionary(node => node.Address, node => node.Id) });
            Cluster?.Recall();
            _doors.Restore(_datapath.Published.List());
            _host.Refresh();
            _policies.Restore();
            IReadOnlyList<Endpoint> gone = _runtime.TakeUpEndpoints();

            _namespaces.Refresh();
            _measuring.Begin();
            if (_endpoints.Attached.Any())
            {
                _devices.NeedHook();
            }

            _addresses.Confirm(_endpoints.All.SelectMany(endpoint => endpoint.Addresses));
            foreach (Endpoint endpoint in _endpoints.All)
            {
                foreach (PublishedPort port in _ports.Restore(endpoint.Published, endpoint.Ipv6 is not null))
                {
                    Log.Failed(_log, $"holding port {port} of {endpoint.Name}", "a program of this host has it meanwhile, and gets no connections");
                }
            }

            RestoreDoors();
            Prefilter.Need();
            Watchdog.MakeSo();
            bool areReplaced = _datapath.AreMapsReplaced;
            _datapath.EndReplacement();
            if (areReplaced)
            {
                Log.MapsReplaced(_log);
            }

            Log.Restored(_log, _endpoints.All.Count(), _networks.All.Count, _policies.Set.Rules.Count, gone.Count);
        });
    }

    /// <param name="mtu">Null: the agent's default.</param>
    /// <param name="held">Addresses no endpoint may get, with their pools.</param>
    /// <param name="shared">The name of the network of all nodes that it is; null: it is this host's alone.</param>
    public void CreateNetwork(string id, bool isInternal, bool isRouted, int? mtu, IReadOnlyList<Subnet> subnets, IReadOnlyList<(IpPrefix Pool, IPAddress Address)> held, string? shared)
    {
        _writer.Run(() =>
        {
            _networks.Create(id, isInternal, isRouted, mtu, subnets, held, shared);
            RefreshHost();
        });
    }

    public void DeleteNetwork(string id)
    {
        _writer.Run(() =>
        {
            foreach (Endpoint endpoint in _endpoints.All.Where(endpoint => endpoint.NetworkId == id).ToList())
            {
                _runtime.RemoveWithAddresses(endpoint, "its network is removed");
            }

            _networks.Delete(id);
            RefreshHost();
        });
    }

    /// <param name="mac">Null: one is made from the address.</param>
    public Endpoint CreateEndpoint(string networkId, string endpointId, IPAddress? ipv4, IPAddress? ipv6, byte[]? mac) =>
        _writer.Run(() => _endpoints.Create(FindNetwork(networkId), endpointId, ipv4, ipv6, mac));

    /// <summary>Makes the endpoint's link; nothing passes that policy for "init" does not allow.</summary>
    /// <param name="namespacePath">Where the runtime puts the container's network namespace; "" if it does not say.</param>
    public JoinResult Join(string networkId, string endpointId, string namespacePath)
    {
        return _writer.Run(() =>
        {
            Network network = FindNetwork(networkId);
            Endpoint endpoint = _endpoints.Join(FindEndpoint(endpointId), network, namespacePath);
            _namespaces.Learn();
            _devices.NeedHook();
            return new JoinResult(
                LinkNames.Container(endpointId),
                endpoint.Ipv4 is null ? null : network.Gateway(ipv6: false),
                endpoint.Ipv6 is null ? null : network.Gateway(ipv6: true));
        });
    }

    /// <summary>Leads ports of the host to an endpoint, once its container is known. Nothing happens if it has its
    /// ports already, or if its network is internal.</summary>
    /// <exception cref="ControlException">A port is in use, or there is no room for all of them: none is taken.</exception>
    public void Publish(string endpointId, IReadOnlyList<PortWish> ports)
    {
        _writer.Run(() =>
        {
            Endpoint endpoint = FindEndpoint(endpointId);
            if (ports.Count > 0 && endpoint.Published.Count == 0 && !FindNetwork(endpoint.NetworkId).Internal)
            {
                Publish(endpoint, ports);
            }
        });
    }

    /// <summary>Gives an endpoint's ports back: when this returns, anybody can have them.</summary>
    public void Unpublish(string endpointId)
    {
        _writer.Run(() =>
        {
            if (_endpoints.Find(endpointId) is { Published.Count: > 0 } endpoint)
            {
                _endpoints.SetPublished(endpoint, []);
                _reconciler.Converge();
                _services.Refresh();
                _ports.Release(endpoint.Published);
            }
        });
    }

    /// <summary>Says who is behind an endpoint; policy is in force for it when this returns.</summary>
    public void Identify(string endpointId, string networkName, Workload workload)
    {
        _writer.Run(() =>
        {
            _runtime.Identify(FindEndpoint(endpointId), networkName, workload);
        });
    }

    /// <summary>Says what a network knows an endpoint by, beside its container's name. Nothing happens if it is gone.</summary>
    public void SetAliases(string endpointId, IReadOnlyList<string> aliases)
    {
        ArgumentNullException.ThrowIfNull(aliases);
        _writer.Run(() =>
        {
            if (_endpoints.Find(endpointId) is { } endpoint)
            {
                _endpoints.SetAliases(endpoint, aliases);
            }
        });
    }

    /// <summary>The same for all endpoints of a container that was identified before.</summary>
    public void IdentifyAgain(Workload workload)
    {
        ArgumentNullException.ThrowIfNull(workload);
        _writer.Run(() => _runtime.IdentifyAgain(workload));
    }

    /// <summary>Nothing happens if it is gone.</summary>
    public void DeleteEndpoint(string endpointId, string why)
    {
        _writer.Run(() =>
        {
            if (_endpoints.Find(endpointId) is { } endpoint)
            {
                _runtime.Remove(endpoint, why);
            }
        });
    }

    /// <summary>Makes records agree with the runtime: what it does not have is removed if it is older
    /// than <paramref name="settled"/>, what is not identified yet is.</summary>
    public void Reconcile(IReadOnlyList<RuntimeNetwork> networks, DateTimeOffset settled)
    {
        ArgumentNullException.ThrowIfNull(networks);
        _writer.Run(() =>
        {
            _runtime.Reconcile(networks, settled);
            RefreshHost();
        });
    }

    /// <summary>Tells of the runtime's own bridges: their containers come in by published ports.</summary>
    public void LetIn(IReadOnlyList<(string Device, IpPrefix Range)> bridges)
    {
        ArgumentNullException.ThrowIfNull(bridges);
        _writer.Run(() =>
        {
            _doors.LetIn(bridges.Select(bridge => (Link: _links.GetLink(bridge.Device), bridge.Range))
                .Where(bridge => bridge.Link is not null)
                .Select(bridge => (bridge.Link!.Index, bridge.Range)));
        });
    }

    /// <summary>Every few seconds: flows that are over, numbers and addresses nobody uses.</summary>
    public SweepResult Sweep(ulong nowNs)
    {
        SweepResult result = _datapath.SweepConntrack(nowNs);
        if (result.Living > result.Capacity / 10 * 9)
        {
            Log.ConntrackFull(_log, result.Living, result.Capacity);
        }

        _writer.Run(() =>
        {
            if (_identities.Sweep())
            {
                _reconciler.Converge();
            }

            if (RefreshHost())
            {
                _services.Refresh();
            }

            _devices.Refresh();

            _namespaces.Refresh();
            _services.Sweep(nowNs);
            Cluster?.TryAgain();
            _addresses.ReleaseAbandoned(_endpoints.All.SelectMany(endpoint => endpoint.Addresses).ToHashSet(), _abandoned);
        });

        return result;
    }

    /// <summary>Attaches programs by links that were attached in haste. One at a time: each takes a while.</summary>
    public void AttachByLinks()
    {
        while (_writer.Run(() =>
        {
            if (_endpoints.NextForLinks() is not { } endpoint)
            {
                return false;
            }

            _endpoints.AttachByLinks(endpoint);
            return true;
        }))
        {
            // Between two of them others have their turn.
        }
    }

    /// <summary>Somebody may have given the kernel IPsec policies, or taken the last one away.</summary>
    public void FollowIpsec()
    {
        if (_datapath.FollowIpsec() is { } has)
        {
            Log.IpsecFollowed(_log, has ? "goes through the host's stack, which has IPsec policies" : "passes by the host's stack, which has no IPsec policies any more");
        }
    }

    /// <summary>Interfaces or their addresses changed.</summary>
    public void RefreshHostAddresses()
    {
        _writer.Run(() =>
        {
            RefreshHost();
            _devices.Refresh();
            _services.Refresh();
        });
    }

    public void Dispose()
    {
        Cluster?.Dispose();
        _echo?.Dispose();
        _services.Dispose(); // health checks end, whatever they have to say
        _writer.Dispose();
        _ports.Dispose();
        Watchdog.Dispose();
        _links.Dispose();
        _hops.Dispose();
        _tables.Dispose();
    }

    private int? OverlayIfindex() => _links.GetLink(HostNeed.OverlayName)?.Index;

    private ushort? NumberOfNode(IPAddress address) => _writer.World.NodeNumbers.TryGetValue(address, out ushort number) ? number : null;

    /// <summary>What comes from other nodes is judged where it arrives.</summary>
    private void FollowNodes()
    {
        if (_writer.World.Cluster?.Others.Any() == true)
        {
            _devices.NeedForNodes();
        }

        Follow(null);
    }

    /// <summary>The kernel's route there has no gateway.</summary>
    private bool IsOnLink(IPAddress address) => _hops.IsOnLink(address);

    private Linux.Netlink.NextHop? FindHop(IPAddress address) => _hops.Find(address);

    /// <summary>Whether there is anything to serve or to filter at devices now.</summary>
    private bool AreServed => (_datapath.LbFlags & (Datapath.Abi.LbFlag.Services | Datapath.Abi.LbFlag.PrefilterAddress | Datapath.Abi.LbFlag.PrefilterPrefix)) != 0;

    /// <returns>Whether the host's addresses changed.</returns>
    private bool RefreshHost()
    {
        Cluster?.LookAgain();
        bool changed = _host.Refresh();
        if (changed)
        {
            _reconciler.Converge();
        }

        return changed;
    }

    /// <summary>All that other programs must leave alone.</summary>
    private IEnumerable<Expectation> Expect() =>
        [.. DatapathExpectations.Of(_datapath), .. _settings.Expect(), .. ProxyRouting.Expect(), .. _filter.Expect(), .. _reconciler.Expect(), .. ExpectOverlay(), .. _endpoints.Expect(_networks.Find), .. _devices.Expect(), .. _measuring.Expect(), .. ExpectSnatPorts()];

    private IEnumerable<Expectation> ExpectSnatPorts() => (_datapath.LbFlags & Datapath.Abi.LbFlag.Nat) == 0 ? [] : [SnatPorts.Expect(_durable, _datapath.SnatPorts)];

    private IEnumerable<Expectation> ExpectOverlay() => !_reconciler.Realized.HasOverlay ? [] :
    [
        new Expectation(
            "program",
            $"policy enforcement at {HostNeed.OverlayName}",
            picture => picture.Link(HostNeed.OverlayName) is not { } link || _datapath.IsOverlayWhole(link.Index),
            _reconciler.OverlayAgain),
    ];

    /// <summary>Published ports, and who comes in by them: whom the datapath let in under another setting is judged again.</summary>
    private void RestoreDoors()
    {
        DoorSetting setting = _writer.World.Doors;
        bool wereClosed = _datapath.Services.List().Any(row => row.Closed);
        _services.Restore();
        if (wereClosed != (setting.Mode == DoorMode.Closed))
        {
            _datapath.BumpRevision();
        }

        if (setting.IsLeftOpen)
        {
            Log.DoorsLeftOpen(_log);
        }
    }

    private Network FindNetwork(string id) => _networks.Find(id)
        ?? throw new ControlException($"network \"{Network.ShortId(id)}\" is not known to weir: remove it from the runtime and create it again");

    private Endpoint FindEndpoint(string id) => _endpoints.Find(id)
        ?? throw new ControlException($"endpoint \"{Network.ShortId(id)}\" is not known to weir: disconnect the container and connect it again");

    private void Publish(Endpoint endpoint, IReadOnlyList<PortWish> ports)
    {
        IReadOnlyList<PublishedPort> taken = _ports.Take(ports, endpoint.Ipv6 is not null);
        try
        {
            _services.RequireRoomFor(endpoint with { Published = taken });
            _endpoints.SetPublished(endpoint, taken);
        }
        catch
        {
            _ports.Release(taken);
            throw;
        }

        _reconciler.Converge();
        _services.Refresh();
    }

    /// <summary>What goes by endpoints follows them.</summary>
    /// <param name="gone">Null: none went.</param>
    private void Follow(Endpoint? gone)
    {
        if (gone is not null)
        {
            _ports.Release(gone.Published);
            _namespaces.Refresh();
        }

        _services.Refresh();
    }

    /// <summary>A health check changed its mind, on a thread of its own.</summary>
    private Task OnHealth(string service, BackendAddress backend, bool healthy, string detail) =>
        _writer.RunAsync(() => _services.SetHealth(service, backend, healthy, detail));
}
