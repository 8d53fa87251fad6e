// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Weir.Control.Cluster;
using Weir.Control.Addresses;
using Weir.Control.Identities;
using Weir.Control.Reconciling;
using Weir.Control.State;
using Weir.Control.Watch;
using Weir.Datapath;
using Weir.Linux;
using Weir.Net;
using Weir.Policy;
using Weir.Store;

namespace Weir.Control.Endpoints;

/// <summary>The life of endpoints: created, joined, identified, removed. Called on the writer's thread.</summary>
internal sealed class EndpointManager
{
    private const string Folder = "endpoints";
    private const int LongestPortList = 8;
    private const ushort LastId = 4095; // slots of weir_endpoint; slot 0 is nobody's

    /// <summary>Tells one build of the program from another.</summary>
    private static readonly string _program = Convert.ToHexStringLower(SHA256.HashData([.. DatapathObject.EndpointImage, .. DatapathObject.JudgeImage]))[..16];

    private static readonly TimeSpan _startTime = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan _longestHaste = TimeSpan.FromSeconds(10);

    private readonly Writer _writer;
    private readonly IStore _store;
    private readonly IDatapath _datapath;
    private readonly IEndpointLinks _links;
    private readonly IdentityAllocator _identities;
    private readonly Reconciler _reconciler;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly Dictionary<ushort, DateTimeOffset> _joined = []; // those that may await links
    private readonly bool _isInCluster;
    private ushort _lastId;

    internal EndpointManager(
        Writer writer, IStore store, IDatapath datapath, IEndpointLinks links, IdentityAllocator identities, Reconciler reconciler, TimeProvider time, ILogger log, bool isInCluster = false)
    {
        _isInCluster = isInCluster;
        _writer = writer;
        _store = store;
        _datapath = datapath;
        _links = links;
        _identities = identities;
        _reconciler = reconciler;
        _time = time;
        _log = log;
        Events = new EndpointLog(time);
        foreach (Endpoint endpoint in store.List(Folder, StateContext.Default.Endpoint))
        {
            Publish(endpoint);
            _lastId = Math.Max(_lastId, endpoint.Id);
        }
    }

    internal EndpointLog Events { get; }

    /// <summary>As they are now: the collection does not change while it is looked at.</summary>
    internal IEnumerable<Endpoint> All => _writer.World.Endpoints.Values;

    /// <summary>Those with a program.</summary>
    internal IEnumerable<Endpoint> Attached => _writer.World.Attached;

    internal Endpoint? Find(string externalId) => _writer.World.Endpoints.GetValueOrDefault(externalId);

    internal Endpoint Create(Network network, string externalId, IPAddress? ipv4, IPAddress? ipv6, byte[]? mac)
    {
        if (Find(externalId) is { } known)
        {
            return known;
        }

        if (ipv4 is null && ipv6 is null)
        {
            throw new ControlException("the endpoint has no address: create the network with --ipam-driver weir");
        }

        foreach (IPAddress address in new[] { ipv4, ipv6 }.OfType<IPAddress>())
        {
            Subnet subnet = network.Subnets.FirstOrDefault(subnet => subnet.Pool.Contains(address))
                ?? throw new ControlException($"address {address} is in no subnet of the network ({string.Join(", ", network.Subnets.Select(subnet => subnet.Pool))}); choose another --ip");
            SubnetRules.CheckAddress(subnet.Pool, address);
            if (subnet.Gateway.Equals(address))
            {
                throw new ControlException($"address {address} is the network's gateway; choose another --ip");
            }

            if (All.FirstOrDefault(other => other.Addresses.Contains(address)) is { } owner)
            {
                throw new ControlException($"address {address} is endpoint {owner.Id}'s ({owner.Name}); choose another --ip");
            }
        }

        var endpoint = new Endpoint
        {
            Id = NextFree(),
            ExternalId = externalId,
            NetworkId = network.Id,
            Ipv4 = ipv4,
            Ipv6 = ipv6,
            Mac = mac ?? [0x02, 0x42, .. (ipv4 ?? ipv6)!.GetAddressBytes()[^4..]],
            Created = _time.GetUtcNow(),
        };
        Keep(endpoint);
        Events.Add(externalId, $"created with {string.Join(", ", endpoint.Addresses)}");
        return endpoint;
    }

    /// <summary>Makes its link, protected from the first packet on: identity "init" until it is identified.</summary>
    /// <param name="namespacePath">See <see cref="Endpoint.NamespacePath"/>.</param>
    internal Endpoint Join(Endpoint endpoint, Network network, string namespacePath)
    {
        Endpoint created = endpoint;
        endpoint = endpoint with { State = EndpointState.Init, Identity = Identity.Init, NamespacePath = namespacePath, NamespaceCookie = 0, Program = "" };
        try
        {
            endpoint = endpoint with { Ifindex = _links.Create(endpoint, network.Mtu) };
            Keep(endpoint);
            _reconciler.Converge(endpoint.Id);
            _joined[endpoint.Id] = _time.GetUtcNow();
            endpoint = endpoint with { Program = _program };
            Keep(endpoint);
            _links.AddRoutes(endpoint, network);
        }
        catch
        {
            _links.Delete(endpoint.LinkName);
            Keep(created);
            _reconciler.Converge();
            throw;
        }

        Events.Add(endpoint.ExternalId, $"joined: link {endpoint.LinkName}, identity init");
        Log.EndpointJoined(_log, endpoint.Id, endpoint.LinkName, network.Label, string.Join(", ", endpoint.Addresses));
        return endpoint;
    }

    /// <summary>Says who is behind an endpoint: policy is in force for it when this returns.</summary>
    internal void Identify(Endpoint endpoint, Workload workload, LabelFilter filter)
    {
        var labels = filter.Select(workload.Labels);
        (WorkloadLabel? doors, WorkloadLabel? claims) = (workload.Doors?.Cut(), workload.Claims?.Cut());
        if (endpoint.State == EndpointState.Ready && endpoint.Labels.Equals(labels))
        {
            Endpoint renamed = endpoint with
            {
                Name = workload.Name,
                WorkloadId = workload.Id,
                Image = workload.Image,
                Doors = doors,
                Claims = claims,
            };
            if (renamed != endpoint)
            {
                Keep(renamed);
                _reconciler.Converge();
            }

            return;
        }

        if (_identities.Find(labels, _isInCluster) is not { } identity || RemoteParts.IsTakenForAnother(_writer.World, endpoint, identity))
        {
            // Until the nodes agree upon a number, and nobody takes it for who had its address before, it is "init".
            Endpoint waiting = endpoint with
            {
                State = EndpointState.Init,
                Identity = Identity.Init,
                Labels = labels,
                WorkloadId = workload.Id,
                Name = workload.Name,
                Image = workload.Image,
                Doors = doors,
                Claims = claims,
            };
            if (waiting != endpoint)
            {
                Keep(waiting);
                _reconciler.Converge(waiting.Id);
                Events.Add(waiting.ExternalId, $"is {workload.Name}: waits for the identity of ({labels})");
            }

            return;
        }

        Endpoint identified = endpoint with
        {
            State = EndpointState.Ready,
            Identity = identity,
            Labels = labels,
            WorkloadId = workload.Id,
            Name = workload.Name,
            Image = workload.Image,
            Doors = doors,
            Claims = claims,
        };
        Keep(identified);
        _reconciler.Converge(identified.Id);
        Events.Add(identified.ExternalId, $"is {workload.Name}: identity {identity.Value} ({labels})");
        Log.EndpointIdentified(_log, identified.Id, workload.Name, identity.Value);
    }

    /// <summary>Gives endpoints that wait for it, or that have a number of this host's own, the number that their labels have
    /// on all nodes.</summary>
    /// <param name="numbered">Null: there is none yet.</param>
    internal void Settle(Func<LabelSet, Identity?> numbered)
    {
        bool any = false;
        foreach (Endpoint endpoint in Attached.Where(endpoint => endpoint.WorkloadId is not null).ToList())
        {
            if (numbered(endpoint.Labels) is { } identity && (endpoint.Identity != identity || endpoint.State != EndpointState.Ready) && !RemoteParts.IsTakenForAnother(_writer.World, endpoint, identity))
            {
                Keep(endpoint with { State = EndpointState.Ready, Identity = identity });
                Events.Add(endpoint.ExternalId, $"identity {identity.Value} ({endpoint.Labels}), as on all nodes");
                Log.EndpointIdentified(_log, endpoint.Id, endpoint.Name, identity.Value);
                any = true;
            }
        }

        if (any)
        {
            _reconciler.Converge();
        }
    }

    internal void SetPublished(Endpoint endpoint, IReadOnlyList<PublishedPort> ports)
    {
        Keep(endpoint with { Published = ports });
        Events.Add(endpoint.ExternalId, ports.Count switch
        {
            0 => "publishes no ports any more",
            > LongestPortList => $"publishes {ports.Count} ports: {string.Join(", ", ports.Take(LongestPortList))}, …",
            _ => $"publishes {string.Join(", ", ports)}",
        });
    }

    /// <summary>Says what its network knows it by, beside its container's name. What is no name in DNS nobody could ask for.</summary>
    internal void SetAliases(Endpoint endpoint, IEnumerable<string> aliases)
    {
        string[] known = [.. aliases.Select(alias => DnsName.TryParse(alias, out DnsName name) ? $"{name}" : "").Where(alias => alias.Length > 0 && alias != endpoint.Name).Distinct().Order(StringComparer.Ordinal).Take(Endpoint.MostAliases)];
        if (!known.SequenceEqual(endpoint.Aliases))
        {
            Keep(endpoint with { Aliases = known });
            _reconciler.Converge();
        }
    }

    internal void SetNamespace(Endpoint endpoint, ulong cookie) => Keep(endpoint with { NamespaceCookie = cookie });

    internal void Remove(Endpoint endpoint, string why)
    {
        _links.Delete(endpoint.LinkName);
        _store.Delete($"{Folder}/{endpoint.ExternalId}");
        _writer.Publish(world => world with { Endpoints = world.Endpoints.Remove(endpoint.ExternalId) });
        _reconciler.Converge();
        Events.Add(endpoint.ExternalId, $"removed: {why}");
        Log.EndpointRemoved(_log, endpoint.Id, endpoint.Name, why);
    }

    /// <summary>Takes up what of the records is in the kernel already, after the agent's start. Endpoints without a link are
    /// returned: they are gone. What has no record is left as it is: <see cref="RemoveStrays"/>.</summary>
    internal IReadOnlyList<Endpoint> Restore()
    {
        Dictionary<string, int> present = _links.List();
        Dictionary<ushort, EndpointRow> slots = _datapath.ListEndpoints().ToDictionary(row => row.Id);
        List<Endpoint> gone = [];
        foreach (Endpoint endpoint in Attached.Where(endpoint => !_reconciler.Realized.Endpoints.ContainsKey(endpoint.Id)).ToList())
        {
            if (_writer.World.Networks.GetValueOrDefault(endpoint.NetworkId) is not { } network)
            {
                gone.AddRange(present.ContainsKey(endpoint.LinkName) ? [] : [endpoint]);
                continue; // as it is, until its network is known again
            }

            EndpointAttachment attachment = Attachments.Of(endpoint, network, _writer.World.IsRouted(network));
            if (!present.TryGetValue(endpoint.LinkName, out int ifindex))
            {
                gone.Add(endpoint);
                _reconciler.TakeUp(Realized.InDoubt(attachment));
                continue;
            }

            Endpoint now = endpoint with
            {
                Identity = endpoint.State == EndpointState.Ready ? _identities.Acquire(endpoint.Labels, out _, endpoint.Identity) : endpoint.Identity,
                Ifindex = ifindex,
            };
            if (now != endpoint)
            {
                Keep(now);
            }

            if (now.Program.Length == 0)
            {
                _joined[now.Id] = _time.GetUtcNow();
            }

            bool isCurrent = now.Program == _program
                && slots.TryGetValue(now.Id, out EndpointRow? slot)
                && slot.Ifindex == ifindex
                && slot.NetworkId == network.Number
                && slot.Internal == network.Internal
                && _datapath.IsEndpointWhole(now.Id, ifindex);
            _reconciler.TakeUp(isCurrent ? attachment with { Identity = slots[now.Id].Identity, Routed = slots[now.Id].Routed, Ifindex = ifindex } : Realized.InDoubt(attachment));
        }

        return gone;
    }

    /// <summary>The datapath's number for a network of which there is no record, by the endpoints on it; null: it has none.</summary>
    internal ushort? FindNetworkNumber(string networkId)
    {
        HashSet<ushort> there = [.. Attached.Where(endpoint => endpoint.NetworkId == networkId).Select(endpoint => endpoint.Id)];
        return there.Count == 0 ? null
            : _datapath.ListEndpoints().Where(row => there.Contains(row.Id)).Select(row => (ushort?)row.NetworkId).FirstOrDefault();
    }

    /// <summary>Keeps which build of the programs is attached, once it is.</summary>
    internal void KeepPrograms()
    {
        foreach (Endpoint endpoint in Attached.Where(endpoint => endpoint.Program != _program && _reconciler.IsAttached(endpoint)).ToList())
        {
            Keep(endpoint with { Program = _program });
        }
    }

    /// <summary>Removes links and programs that have no record, unless the runtime has their endpoints: then the record is
    /// lost, and what was in force stays in force.</summary>
    /// <param name="runtime">Endpoints that the runtime has.</param>
    /// <returns>Those of them whose records are lost.</returns>
    internal IReadOnlyCollection<string> RemoveStrays(IReadOnlyCollection<string> runtime)
    {
        Dictionary<string, int> present = _links.List();
        HashSet<string> recorded = [.. Attached.Select(endpoint => endpoint.LinkName)];
        string[] lost = [.. runtime.Where(id => Find(id) is null && present.ContainsKey(LinkNames.Host(id)))];
        HashSet<string> kept = [.. lost.Select(LinkNames.Host)];
        foreach (string name in present.Keys.Where(name => !recorded.Contains(name) && !kept.Contains(name)))
        {
            _links.Delete(name);
            Log.LinkRemoved(_log, name);
        }

        HashSet<int> alive = [.. kept.Select(name => present[name])];
        foreach (EndpointRow row in _datapath.ListEndpoints().Where(row => !alive.Contains(row.Ifindex) && Attached.All(endpoint => endpoint.Id != row.Id)))
        {
            _datapath.DetachEndpoint(row.Id, _datapath.ListLocal().Where(local => local.EndpointId == row.Id).Select(local => local.Address).ToList());
        }

        return lost;
    }

    /// <summary>What joined endpoints need of the host, one by one.</summary>
    internal IEnumerable<Expectation> Expect(Func<string, Network?> findNetwork) =>
        Attached.SelectMany(endpoint => _links.Expect(endpoint, findNetwork(endpoint.NetworkId)).Prepend(Programs(endpoint)).Select(one => one with { Endpoint = endpoint.Id }));

    /// <summary>One that was attached at once and whose container has started meanwhile; links would have kept it waiting.</summary>
    internal Endpoint? NextForLinks()
    {
        // Attaching by links makes who starts meanwhile wait: while containers start one after another, nothing is done.
        DateTimeOffset now = _time.GetUtcNow();
        bool isQuiet = _joined.Values.All(joined => now - joined > _startTime);
        foreach (ushort id in _joined.Where(joined => isQuiet || now - joined.Value > _longestHaste).Select(joined => joined.Key).ToList())
        {
            _joined.Remove(id);
            if (_datapath.AwaitsLinks(id) && Attached.FirstOrDefault(endpoint => endpoint.Id == id) is { } endpoint)
            {
                return endpoint;
            }
        }

        return null;
    }

    /// <summary>Attaches its programs by links, where the kernel has them.</summary>
    internal void AttachByLinks(Endpoint endpoint)
    {
        try
        {
            _reconciler.AttachByLinks(endpoint);
        }
        catch (LinuxException e) when (e.Number == Errno.NoDevice)
        {
            // Its container has ended meanwhile, and the runtime will say so.
        }
    }

    private Expectation Programs(Endpoint endpoint) => new(
        "program",
        $"policy enforcement at {endpoint.LinkName} ({(endpoint.Name.Length > 0 ? endpoint.Name : $"endpoint {endpoint.Id}")})",
        picture => picture.Link(endpoint.LinkName)?.Index != endpoint.Ifindex || _datapath.IsEndpointWhole(endpoint.Id, endpoint.Ifindex),
        () => _reconciler.AttachAgain(endpoint.Id));

    private ushort NextFree()
    {
        // Also those of which the record is lost: their programs are in force.
        HashSet<ushort> taken = [.. All.Select(endpoint => endpoint.Id), .. _datapath.ListEndpoints().Select(row => row.Id)];
        if (taken.Count >= LastId)
        {
            throw new ControlException($"this host has {LastId} endpoints: there is no room for another; remove containers");
        }

        // Round and round, so that late events of a number mean the endpoint that had it.
        do
        {
            _lastId = _lastId >= LastId ? (ushort)1 : (ushort)(_lastId + 1);
        }
        while (taken.Contains(_lastId));

        return _lastId;
    }

    /// <summary>What cannot be kept is not so.</summary>
    private void Keep(Endpoint endpoint)
    {
        _store.Put($"{Folder}/{endpoint.ExternalId}", endpoint, StateContext.Default.Endpoint);
        Publish(endpoint);
    }

    private void Publish(Endpoint endpoint) => _writer.Publish(world => world with
    {
        Endpoints = world.Endpoints.SetItem(endpoint.ExternalId, endpoint),
        Names = world.Names.SetItem(endpoint.Id, endpoint.Name),
    });
}
