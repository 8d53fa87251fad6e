// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Control.Claims;
using Weir.Control.Endpoints;
using Weir.Control.Host;
using Weir.Control.Networks;
using Weir.Control.Policies;
using Weir.Control.State;
using Weir.Control.Watch;
using Weir.Datapath;
using Weir.Net;
using Weir.Policy;

namespace Weir.Control;

/// <summary>What there is, at one moment. Waits for no change.</summary>
public sealed class ControlViews
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(10);

    private readonly Writer _writer;
    private readonly NetworkManager _networks;
    private readonly HostFilter _filter;
    private readonly Incidents _incidents;
    private readonly EndpointManager _endpoints;
    private readonly ClaimKeeper _claims;
    private readonly PolicyManager _policies;
    private readonly Datapath.Datapath _datapath;
    private readonly TimeProvider _time;

    internal ControlViews(
        Writer writer, NetworkManager networks, HostFilter filter, Incidents incidents, EndpointManager endpoints, ClaimKeeper claims, PolicyManager policies, Datapath.Datapath datapath, TimeProvider time)
    {
        _writer = writer;
        _networks = networks;
        _filter = filter;
        _incidents = incidents;
        _endpoints = endpoints;
        _claims = claims;
        _policies = policies;
        _datapath = datapath;
        _time = time;
    }

    public IReadOnlyList<Network> Networks => [.. _networks.All];

    /// <summary>Containers on networks that all nodes have.</summary>
    public IReadOnlyList<string> SharedContainers => [.. _endpoints.Attached.Where(endpoint => _networks.Find(endpoint.NetworkId)?.Shared is not null).Select(endpoint => endpoint.WorkloadId).OfType<string>().Distinct()];

    public PolicySet Policies => _policies.Set;

    /// <summary>Problems an operator should know of.</summary>
    public IReadOnlyList<string> Warnings => [.. _filter.Problem is { } problem ? [problem] : Array.Empty<string>(), .. _networks.FindConflicts(), .. _claims.Problems, .. Unidentified(), .. _writer.World.Lost.Select(name =>
        $"the record of container {name} is lost (another run folder?): what was in force for it stays, changes do not reach it; 'docker restart {name}' brings it back")];

    /// <summary>Whether the runtime has said of every endpoint whose it is.</summary>
    public bool AreAllIdentified => _endpoints.All.All(endpoint => endpoint.State == EndpointState.Ready);

    /// <summary>Every endpoint with what belongs to it, by number.</summary>
    public IReadOnlyList<EndpointView> Endpoints
    {
        get
        {
            Dictionary<ushort, uint> flows = _datapath.ListEndpoints().ToDictionary(row => row.Id, row => row.Flows);
            return _endpoints.All.OrderBy(endpoint => endpoint.Id).Select(endpoint =>
            {
                PolicyPeer peer = _policies.Peers.Of(endpoint);
                return new EndpointView(
                    endpoint,
                    _networks.Find(endpoint.NetworkId),
                    _policies.Engine.IsDefaultDeny(peer, PolicyDirection.Ingress),
                    _policies.Engine.IsDefaultDeny(peer, PolicyDirection.Egress),
                    _policies.EntriesOf(endpoint.Id),
                    flows.GetValueOrDefault(endpoint.Id),
                    _incidents.LackOf(endpoint.Id),
                    _claims.Of(endpoint),
                    _claims.ProblemOf(endpoint));
            }).ToList();
        }
    }

    /// <summary>All identities that stand for something now, with the endpoints that have them.</summary>
    public IReadOnlyList<IdentityView> Identities
    {
        get
        {
            World world = _writer.World;
            Dictionary<Identity, int> users = world.Endpoints.Values.CountBy(endpoint => endpoint.Identity).ToDictionary();
            return
            [
                .. Identity.Reserved.Select(identity => new IdentityView(identity, LabelSet.ForReserved(identity), users.GetValueOrDefault(identity))),
                .. world.Identities.Select(known => new IdentityView(known.Key, known.Value, users.GetValueOrDefault(known.Key))),
                .. world.Cidrs.OrderBy(cidr => cidr.Value).Select(cidr => new IdentityView(cidr.Value, LabelSet.ForReserved(cidr.Value, cidr.Key), 0)),
            ];
        }
    }

    /// <summary>By number, container name, start of a container's or endpoint's id, or address.</summary>
    /// <exception cref="ControlException">None fits, or more than one.</exception>
    public EndpointView FindEndpoint(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        EndpointView[] found = [.. Endpoints.Where(view => IsMeant(view, text))];
        return found.Length switch
        {
            1 => found[0],
            0 => throw new ControlException($"no endpoint is \"{text}\"; 'weir endpoint list' shows all"),
            _ => throw new ControlException($"\"{text}\" could be endpoint {string.Join(" or ", found.Select(view => view.Endpoint.Id))}: say which number"),
        };
    }

    /// <summary>What happened to an endpoint, oldest first; a gone one by its full id.</summary>
    public IReadOnlyList<(DateTimeOffset Time, string Text)> EndpointLog(string text)
    {
        IReadOnlyList<(DateTimeOffset, string)> lines = _endpoints.Events.Get(text);
        if (lines.Count > 0)
        {
            return lines;
        }

        string id = FindEndpoint(text).Endpoint.ExternalId;
        return _endpoints.Events.Get(id);
    }

    private static bool IsMeant(EndpointView view, string text)
    {
        const int ShortestId = 4;
        Endpoint endpoint = view.Endpoint;
        return (ushort.TryParse(text, out ushort id) && endpoint.Id == id)
            || endpoint.Name == text
            || (IPAddress.TryParse(text, out IPAddress? address) && (endpoint.Addresses.Contains(address) || view.Claims.Any(claim => claim.Contains(address))))
            || (text.Length >= ShortestId && endpoint.WorkloadId?.StartsWith(text, StringComparison.Ordinal) == true)
            || (text.Length >= ShortestId && endpoint.ExternalId.StartsWith(text, StringComparison.Ordinal));
    }

    /// <summary>The runtime did not say who they are: they stay "init", and what policy does not allow that is denied.</summary>
    private IEnumerable<string> Unidentified() => _writer.World.Attached
        .Where(endpoint => endpoint.State == EndpointState.Init && _time.GetUtcNow() - endpoint.Created > _patience)
        .Select(endpoint => $"endpoint {endpoint.Id} ({string.Join(", ", endpoint.Addresses)}) is not identified: {(endpoint.WorkloadId is null ? "Docker has not said whose it is" : $"the nodes have no identity for ({endpoint.Labels}) yet")}; until then it is \"init\" to policy");
}
