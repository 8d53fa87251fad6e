// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using Weir.Control.Endpoints;
using Weir.Control.Host;
using Weir.Control.Identities;
using Weir.Control.Policies;
using Weir.Control.Reconciling;
using Weir.Control.State;
using Weir.Control.Watch;
using Weir.Linux;
using Weir.Linux.Netlink;
using Weir.Net;
using Weir.Policy;
using Weir.Store;
using Xunit;

namespace Weir.Control.Tests.Model;

/// <summary>The agent's heart on a host in memory: endpoints, identities and policy. It can end at any effect and start
/// again.</summary>
internal sealed class Rig : IDisposable
{
    private static readonly IpProtocol[] _protocols = [IpProtocol.Tcp, IpProtocol.Udp];
    private static readonly ushort[] _ports = [80, 53, 9000];

    private static readonly Network[] _networks =
    [
        new("n1", 1, "one", Internal: false, 1500, [Subnet.WithUsualGateway(IpPrefix.Parse("10.1.0.0/24"))], Routed: false),
        new("n2", 2, "two", Internal: true, 1500, [Subnet.WithUsualGateway(IpPrefix.Parse("10.2.0.0/24"))], Routed: false),
    ];

    private readonly MemoryStore _durable = new();
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
    private List<IpPrefix> _hostPrefixes = [IpPrefix.Parse("192.0.2.1")];
    private int _lastName;

    // What a policy said that was never kept, the next agent cannot tell the proxy: until the maps are its own, requests get an error.
    private bool _isStarting;

    internal Rig()
    {
        Host.Looked = CheckBetween;
        Start();
    }

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
        _isStarting = true;
        _writer?.Dispose();
        _writer = new Writer();
        var durable = new FaultyStore(_durable, Host);
        var peers = new PolicyPeers(() => _writer.World);
        var lists = new PolicyLists(peers);
        var options = new ControlOptions();
        _allocator = new IdentityAllocator(_writer, durable, _time);
        _reconciler = new Reconciler(_writer, Host, Host, lists, new PlanOptions(options.DenyResponse, _ => false), _time, NullLogger.Instance);
        _endpoints = new EndpointManager(_writer, new FaultyStore(_runtime, Host), Host, Host, _allocator, _reconciler, _time, NullLogger.Instance);
        _policies = new PolicyManager(_writer, durable, _allocator, peers, _reconciler, lists, options, NullLogger.Instance);
        _hostAddresses = new HostAddresses(_writer, () => [.. _hostPrefixes.Select(prefix => new RouteInfo(prefix, 255, RouteKind.Local, 1, null))]);
        _writer.Publish(world => world with { Networks = world.Networks.AddRange(_networks.Select(network => KeyValuePair.Create(network.Id, network))) });
        _engines.Add(_policies.Engine);
        _allocator.RestoreCidrs([.. Host.ListIpcache().Where(row => row.Identity.IsCidr).Select(row => (row.Prefix, row.Identity))]);
        _reconciler.Begin(Host.ListIpcache());
        _hostAddresses.Refresh();
        _policies.Restore();
        foreach (Endpoint gone in _endpoints.Restore(_ => false))
        {
            _endpoints.Remove(gone, "its link is gone");
        }

        _reconciler.Converge();
        _endpoints.KeepPrograms();
        _endpoints.RemoveStrays([]);
        _isStarting = false;
    }

    internal void Join(int network)
    {
        Network where = _networks[network % _networks.Length];
        HashSet<IPAddress> taken = [.. Endpoints.SelectMany(endpoint => endpoint.Addresses)];
        IPAddress address = Enumerable.Range(2, 200).Select(last => IPAddress.Parse($"10.{where.Number}.0.{last}")).First(free => !taken.Contains(free));
        Endpoint created = _endpoints.Create(where, string.Create(CultureInfo.InvariantCulture, $"{++_lastName:d8}endpoint"), address, null, null);
        _identities[created.Id] = [Identity.Init];
        _endpoints.Join(created, where, "");
    }

    internal void Identify(Endpoint endpoint, LabelSet labels)
    {
        if (endpoint.State != EndpointState.Created)
        {
            _endpoints.Identify(endpoint, new Workload($"c{endpoint.Id}", $"c{endpoint.Id}", "", labels.ToDictionary(label => label.Key, label => label.Value)), LabelFilter.Default);
        }
    }

    internal void Remove(Endpoint endpoint) => _endpoints.Remove(endpoint, "told to");

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
        Host.Links.Remove(endpoint.LinkName);
        Host.LoseProgram(endpoint.Ifindex);
        _endpoints.Remove(endpoint, "its link is gone");
    }

    /// <summary>What the watchdog does until nothing is missing: whatever failed before is in force now.</summary>
    internal void Mend()
    {
        for (int round = 0; round < 5; round++)
        {
            _time.Pass(TimeSpan.FromMinutes(1));

            // The runtime says again which are gone.
            foreach (Endpoint gone in Endpoints.Where(endpoint => endpoint.State != EndpointState.Created && !Host.Links.ContainsKey(endpoint.LinkName)))
            {
                _endpoints.Remove(gone, "the runtime does not have it");
            }

            foreach (Expectation lost in _endpoints.Expect(id => _writer.World.Networks.GetValueOrDefault(id)).Where(one => one.Kind == "program").ToList())
            {
                Endpoint endpoint = Endpoints.Single(one => one.Id == lost.Endpoint);
                if (Host.Links.ContainsKey(endpoint.LinkName) && !Host.IsEndpointWhole(endpoint.Id, endpoint.Ifindex))
                {
                    lost.MakeSo();
                }
            }

            List<Expectation> undone = [.. _reconciler.Expect()];
            if (undone.Count == 0)
            {
                return;
            }

            undone.ForEach(one => one.MakeSo());
        }

        Assert.Empty(_reconciler.Expect());
    }

    /// <summary>All is in force, and nothing else.</summary>
    internal void CheckWhole()
    {
        World world = _writer.World;
        Endpoint[] attached = [.. world.Attached];
        Assert.Equal(attached.Select(endpoint => endpoint.Id).Order(), Host.Slots.Keys.Order());
        Assert.Equal(attached.Select(endpoint => endpoint.LinkName).Order(), Host.Links.Keys.Order());
        foreach (Endpoint endpoint in attached)
        {
            MemoryHost.Slot slot = Host.Slots[endpoint.Id];
            Assert.True(slot.IsWhole);
            Assert.Equal(Host.Links[endpoint.LinkName], slot.Attachment.Ifindex);
            Assert.Equal(endpoint.Identity, slot.Attachment.Identity);
            Assert.Equal(endpoint.Addresses, slot.Attachment.Addresses);
            Assert.Equal(_networks.Single(network => network.Id == endpoint.NetworkId).Number, slot.Attachment.NetworkId);
            Assert.True(Host.DenyAnswers.ContainsKey(endpoint.Id));
        }

        Dictionary<IpPrefix, Identity> ipcache = _hostPrefixes.ToDictionary(prefix => prefix, _ => Identity.Host);
        foreach (IpPrefix prefix in _policies.Set.CidrPrefixes.Where(prefix => !_hostPrefixes.Exists(own => own.Contains(prefix))))
        {
            ipcache[prefix] = world.Cidrs[prefix];
        }

        Assert.Equal(ipcache.OrderBy(row => row.Key), Host.Ipcache.OrderBy(row => row.Key));
        Assert.Equal(HttpInMaps().Order(), Host.Http.Keys.Order());
        Assert.Equal(Host.Slots.Keys.Where(Host.Policies.ContainsKey).Order(), Host.Policies.Keys.Order());
        _engines.Clear();
        _engines.Add(_policies.Engine);
        _identities.Clear();
        CheckDecisions();
        Assert.Equal(_endpoints.All.Count(), _runtime.Keys.Count());
    }

    /// <summary>Between any two effects: every decision is that of the policy before or of the one after, by who the endpoint
    /// was or is; what the maps name, the proxy knows.</summary>
    private void CheckBetween()
    {
        _engines.Add(_policies.Engine);
        if (!_isStarting)
        {
            Assert.Empty(HttpInMaps().Except(Host.Http.Keys));
        }

        CheckDecisions();
    }

    /// <summary>Of endpoints that packets meet: one without a link is none of them.</summary>
    private IEnumerable<uint> HttpInMaps() => Host.Policies
        .Where(policy => Host.Slots.TryGetValue(policy.Key, out MemoryHost.Slot? slot) && Host.Links.ContainsValue(slot.Attachment.Ifindex))
        .SelectMany(policy => policy.Value).Select(entry => entry.HttpPolicyId).Where(id => id != 0).Distinct();

    private void CheckDecisions()
    {
        foreach ((Identity identity, LabelSet labels) in _writer.World.Identities)
        {
            _labels[identity] = labels;
        }

        foreach ((Identity number, IpPrefix prefix) in _writer.World.Prefixes)
        {
            _prefixes[number] = prefix;
        }

        HashSet<Identity> peers = [Identity.Host, Identity.WorldIpv4, .. Host.Ipcache.Values, .. Host.Slots.Values.Select(slot => slot.Attachment.Identity)];
        foreach ((ushort id, MemoryHost.Slot slot) in Host.Slots)
        {
            IReadOnlyList<PolicyMapEntry>? entries = Host.Policies.GetValueOrDefault(id);
            HashSet<Identity> own = _identities.TryGetValue(id, out HashSet<Identity>? known) ? known : _identities[id] = [];
            own.Add(slot.Attachment.Identity);
            own.UnionWith(_writer.World.Attached.Where(endpoint => endpoint.Id == id).Select(endpoint => endpoint.Identity));
            PolicyPeer[] subjects = [.. own.Select(PeerOf)];
            foreach (Identity peer in peers)
            {
                foreach (PolicyDirection direction in Enum.GetValues<PolicyDirection>())
                {
                    foreach (IpProtocol protocol in _protocols)
                    {
                        foreach (ushort port in _ports)
                        {
                            (bool allowed, uint _) = PolicyMapReader.Read(entries, peer, direction, protocol, port);
                            bool mayBe = (entries is null && own.Contains(Identity.Init))
                                || _engines.Any(engine => subjects.Any(subject => engine.Decide(subject, PeerOf(peer), direction, protocol, port).Allowed == allowed));
                            Assert.True(mayBe, $"endpoint {id} ({slot.Attachment.Identity.Value}): {direction} {peer.Value} {protocol} {port}: {allowed}");
                        }
                    }
                }
            }
        }
    }

    /// <summary>One object for each, for the engine remembers by object. After a restart a number may be another's.</summary>
    private PolicyPeer PeerOf(Identity identity)
    {
        LabelSet? labels = _labels.GetValueOrDefault(identity);
        IpPrefix? prefix = _prefixes.TryGetValue(identity, out IpPrefix own) ? own : null;
        if (!_peers.TryGetValue(identity, out PolicyPeer? peer) || peer.Cidr != prefix || (labels is not null && !peer.Labels.Equals(labels)))
        {
            peer = labels is not null ? new PolicyPeer(identity, labels, null)
                : prefix is { } cidr ? PolicyPeer.ForCidr(identity, cidr)
                : PolicyPeer.ForReserved(identity);
            _peers[identity] = peer;
        }

        return peer;
    }
}
