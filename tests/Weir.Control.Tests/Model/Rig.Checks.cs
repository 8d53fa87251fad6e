// SPDX-License-Identifier: Apache-2.0
using Weir.Control.Host;
using Weir.Control.State;
using Weir.Datapath;
using Weir.Net;
using Weir.Policy;
using Xunit;

namespace Weir.Control.Tests.Model;

/// <summary>What must be so, between any two effects and in the end.</summary>
internal sealed partial class Rig
{
    private static readonly IpProtocol[] _protocols = [IpProtocol.Tcp, IpProtocol.Udp];
    private static readonly ushort[] _ports = [80, 53, 9000];

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
            Assert.Equal(world.Networks[endpoint.NetworkId].Number, slot.Attachment.NetworkId);
            Assert.Equal(Runtime.Networks[endpoint.NetworkId].Shape.IsRouted, slot.Attachment.Routed);
            Assert.True(Host.DenyAnswers.ContainsKey(endpoint.Id));
        }

        Dictionary<IpPrefix, Identity> ipcache = _hostPrefixes.ToDictionary(prefix => prefix, _ => Identity.Host);
        foreach (IpPrefix prefix in _policies.Set.CidrPrefixes.Where(prefix => !_hostPrefixes.Exists(own => own.Contains(prefix))))
        {
            ipcache[prefix] = world.Cidrs[prefix];
        }

        Assert.Equal(ipcache.Select(row => new IpcacheRow(row.Key, row.Value)).OrderBy(row => row.Prefix), Host.Ipcache.Values.OrderBy(row => row.Prefix));
        Assert.Equal(HttpInMaps().Order(), Host.Http.Keys.Order());
        Assert.Equal(Host.Slots.Keys.Where(Host.Policies.ContainsKey).Order(), Host.Policies.Keys.Order());
        _engines.Clear();
        _engines.Add(_policies.Engine);
        _identities.Clear();
        CheckDecisions();
        Assert.Equal(_endpoints.All.Count(), _runtime.Keys.Count());
        _served = [.. Host.Frontends.Keys];
        CheckRuntime();
        CheckHost();
        CheckDoors();
    }

    /// <summary>What the runtime has, the agent has, and nothing else.</summary>
    private void CheckRuntime()
    {
        Assert.Equal(Runtime.Networks.Keys, _networks.All.Select(network => network.Id).Order(StringComparer.Ordinal));
        Assert.Equal(
            Runtime.Networks.Values.SelectMany(network => network.Endpoints.Keys).Order(StringComparer.Ordinal),
            Endpoints.Select(endpoint => endpoint.ExternalId).Order(StringComparer.Ordinal));
        Assert.All(Runtime.Networks.Values, network => Assert.True(_pools.Has(network.Shape.Subnets[0].Pool)));
        Assert.Equal(_networks.All.Count, _networks.All.Select(network => network.Number).Distinct().Count());
    }

    private void CheckHost()
    {
        World world = _writer.World;
        HashSet<HostNeed> needs = [];
        HashSet<IpPrefix> masqueraded = [];
        foreach (MemoryRuntime.Made network in Runtime.Networks.Values)
        {
            IpPrefix pool = network.Shape.Subnets[0].Pool;
            needs.Add(new HostNeed.Unreachable(pool));
            if (!network.Shape.IsInternal)
            {
                needs.Add(new HostNeed.Gateway(network.Shape.Subnets[0].Gateway, pool));
                masqueraded.Add(pool);
            }
        }

        HashSet<ClaimRow> claims = [];
        foreach (Endpoint endpoint in world.Attached)
        {
            foreach (IpPrefix prefix in _claims.Of(endpoint))
            {
                Assert.Contains(prefix.ToString().Replace("/32", "", StringComparison.Ordinal), endpoint.Claims!.Text.Split(','));
                Assert.True(claims.Add(new ClaimRow(prefix, endpoint.Id)));
                needs.Add(new HostNeed.ClaimRoute(endpoint.Id, endpoint.LinkName, endpoint.Ifindex, endpoint.Ipv4!, prefix));
                if (!Runtime.Networks[endpoint.NetworkId].Shape.IsInternal)
                {
                    masqueraded.Add(prefix);
                }
            }
        }

        Assert.Equal(Texts(needs), Texts(Host.Needs.Where(need => need is not HostNeed.Setting)));
        Assert.Equal(Texts(masqueraded), Texts(Host.Masqueraded));
        Assert.Equal(Texts(claims), Texts(Host.Claims));
        Assert.Equal(_durable.Get("prefilter", StateContext.Default.KeptPrefilter)?.Prefixes ?? [], Host.Prefilter.Order());
        Assert.Equal(world.Services.Keys.Order(StringComparer.Ordinal), Host.Services.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(
            Texts(world.Services.Values.SelectMany(service => service.Spec.Frontends.Select(frontend => (frontend, service.Name)))), Texts(Host.Frontends.Select(owned => (owned.Key, owned.Value))));
        Assert.All(world.Services.Values, service => Assert.True(service.IsServedAs(Host.Services[service.Name])));
    }

    private void CheckDoors()
    {
        HashSet<PublishRow> rows = [];
        foreach (Endpoint endpoint in _writer.World.Attached)
        {
            foreach (PublishedPort port in endpoint.Published)
            {
                IEnumerable<IpPrefix> sources = endpoint.Doors is { } label ? [IpPrefix.Parse(label.Text)] : [];
                sources = sources.Concat(Allowed.Contains(endpoint.Name) && port.HostPort == 8080 ? [IpPrefix.Parse("198.51.100.0/24")] : []);
                rows.UnionWith(sources.Select(source => new PublishRow(endpoint.Id, port.HostPort, port.Protocol, source)));
            }
        }

        Assert.Equal(Texts(rows), Texts(Host.Doors));
    }

    private static IEnumerable<string> Texts<T>(IEnumerable<T> things) => things.Select(thing => $"{thing}").Order(StringComparer.Ordinal);

    /// <summary>Between any two effects: every decision is that of the policy before or of the one after, by who the endpoint
    /// was or is; what the maps name, the proxy knows.</summary>
    private void CheckBetween()
    {
        _engines.Add(_policies.Engine);
        if (!IsStarting)
        {
            Assert.Empty(HttpInMaps().Except(Host.Http.Keys));
        }

        CheckDecisions();
        if (!IsStarting)
        {
            // Nobody leaves the host with an address of the inside, and nothing leads to who is gone.
            Assert.All(
                _writer.World.Attached.Where(endpoint => Host.IsEndpointWhole(endpoint.Id, endpoint.Ifindex) && Runtime.Networks.GetValueOrDefault(endpoint.NetworkId)?.Shape.IsInternal == false),
                endpoint => Assert.Contains(Host.Masqueraded, range => range.Contains(endpoint.Ipv4!)));
            Assert.All(_served.Where(frontend => _kept.Any(service => service.Spec.Frontends.Contains(frontend))), frontend => Assert.Contains(frontend, Host.Frontends.Keys));
            Assert.All(Host.Needs.OfType<HostNeed.ClaimRoute>(), route => Assert.Contains(route.Ifindex, Host.Links.Values));
        }
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

        HashSet<Identity> peers = [Identity.Host, Identity.WorldIpv4, .. Host.Ipcache.Values.Select(row => row.Identity), .. Host.Slots.Values.Select(slot => slot.Attachment.Identity)];
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
        IpPrefix? prefix = _prefixes.TryGetValue(identity, out IpPrefix? own) ? own : null;
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
