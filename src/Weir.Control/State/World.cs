// SPDX-License-Identifier: Apache-2.0

using System.Collections.Immutable;
using System.Net;
using Weir.Control.Claims;
using Weir.Control.Cluster;
using Weir.Control.Services;
using Weir.Datapath;
using Weir.Net;
using Weir.Policy;

namespace Weir.Control.State;

/// <summary>What the agent knows, at one moment: never changed, only followed by another. Who uses an identity or an
/// address is not counted but read from the endpoints.</summary>
internal sealed record World
{
    internal static World Empty { get; } = new();

    /// <summary>Grows with every change.</summary>
    internal long Revision { get; init; }

    /// <summary>By the runtime's name.</summary>
    internal ImmutableDictionary<string, Network> Networks { get; init; } = ImmutableDictionary<string, Network>.Empty;

    /// <summary>By the runtime's name.</summary>
    internal ImmutableDictionary<string, Endpoint> Endpoints { get; init; } = ImmutableDictionary<string, Endpoint>.Empty;

    /// <summary>Names by the datapath's number, also of endpoints that went lately.</summary>
    internal ImmutableDictionary<ushort, string> Names { get; init; } = ImmutableDictionary<ushort, string>.Empty;

    /// <summary>Label sets that have a number.</summary>
    internal ImmutableSortedDictionary<Identity, LabelSet> Identities { get; init; } = ImmutableSortedDictionary<Identity, LabelSet>.Empty;

    /// <summary>The same by label set.</summary>
    internal ImmutableDictionary<LabelSet, Identity> NumbersOfLabels { get; init; } = ImmutableDictionary<LabelSet, Identity>.Empty;

    /// <summary>The policy that shall be in force.</summary>
    internal PolicyEngine Engine { get; init; } = new(PolicySet.Empty, EnforcementMode.Default);

    /// <summary>What the host takes for its own: all of its local routes.</summary>
    internal ImmutableHashSet<IpPrefix> HostPrefixes { get; init; } = [];

    /// <summary>Prefixes that have a number, since policy names them.</summary>
    internal ImmutableDictionary<IpPrefix, Identity> Cidrs { get; init; } = ImmutableDictionary<IpPrefix, Identity>.Empty;

    /// <summary>The same by number, and with those that policy named until lately: maps may have them still.</summary>
    internal ImmutableDictionary<Identity, IpPrefix> Prefixes { get; init; } = ImmutableDictionary<Identity, IpPrefix>.Empty;

    /// <summary>Where nothing says who comes in by published ports.</summary>
    internal DoorSetting Doors { get; init; } = new(DoorMode.Closed, IsLeftOpen: false);

    /// <summary>To whom administrators opened published ports.</summary>
    internal ImmutableList<PublishAllowance> Allowances { get; init; } = [];

    /// <summary>The runtime's own bridges: who comes by them comes in by every port.</summary>
    internal ImmutableList<PublishRow> Bridges { get; init; } = [];

    /// <summary>Who has which addresses beside its own.</summary>
    internal ClaimPlan Claims { get; init; } = ClaimPlan.Empty;

    /// <summary>By name; published ports among them.</summary>
    internal ImmutableSortedDictionary<string, Service> Services { get; init; } = ImmutableSortedDictionary.Create<string, Service>(StringComparer.Ordinal);

    /// <summary>Sources that are dropped at the devices.</summary>
    internal ImmutableSortedSet<IpPrefix> Prefilter { get; init; } = [];

    /// <summary>Containers whose endpoints the runtime has and of which the records are lost.</summary>
    internal ImmutableList<string> Lost { get; init; } = [];

    /// <summary>What the other nodes say; null: this host is by itself.</summary>
    internal ClusterView? Cluster { get; init; }

    /// <summary>Endpoints of this node, by the runtime's name, that the others are told of at the moment: they may have heard of them, and of what
    /// became of them since they need not have.</summary>
    internal ImmutableDictionary<string, EndpointRecord> Telling { get; init; } = ImmutableDictionary<string, EndpointRecord>.Empty;

    /// <summary>Of the policy of all nodes, the revision that this one has heard of last, and why it is not in force here.</summary>
    internal (long Revision, string? Problem) SharedPolicy { get; init; }

    /// <summary>The last change of all nodes' services that this one has followed, and why it does not serve one as it should.</summary>
    internal (long Revision, ImmutableSortedDictionary<string, string> Problems) SharedServices { get; init; } = (0, ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal));

    /// <summary>The datapath's numbers of other nodes, by their addresses.</summary>
    internal ImmutableDictionary<IPAddress, ushort> NodeNumbers { get; init; } = ImmutableDictionary<IPAddress, ushort>.Empty;

    /// <summary>Addresses of other nodes that are on one segment with this host.</summary>
    internal ImmutableHashSet<IPAddress> OnLink { get; init; } = [];

    /// <summary>What the overlay carries, in bytes; 0: this host is by itself.</summary>
    internal int OverlayMtu { get; init; }

    /// <summary>Blocks of this node's that it is about to return: no address is given of them.</summary>
    internal ImmutableHashSet<IpPrefix> LeavingBlocks { get; init; } = [];

    /// <summary>Those with a program.</summary>
    internal IEnumerable<Endpoint> Attached => Endpoints.Values.Where(endpoint => endpoint.State != EndpointState.Created);

    /// <summary>Whether outsiders with a route may open flows to containers' own addresses. A network of before that was a
    /// choice goes with the setting.</summary>
    internal bool IsRouted(Network network) => network.Routed ?? Doors.Mode == DoorMode.Open;

    /// <summary>Whether all of the prefix is the host's, so that no rule for a CIDR means it.</summary>
    internal bool IsHost(IpPrefix prefix) => HostPrefixes.Any(own => own.Contains(prefix));
}
