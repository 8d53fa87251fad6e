// SPDX-License-Identifier: Apache-2.0

using System.Net;

namespace Weir.Control.Cluster;

/// <summary>A node, for people.</summary>
/// <param name="IsSelf">It is the one that is asked.</param>
/// <param name="Started">Of its agent.</param>
/// <param name="IsOverlay">Its containers are reached by the overlay; else directly.</param>
/// <param name="PolicyRevision">Of the policy of all nodes that it has heard of last; 0: there is none.</param>
/// <param name="PolicyProblem">Why that one is not in force there; null: it is.</param>
/// <param name="Silence">For so long its agent has not been heard, as far as this one knows: what is known of it is as old. Null: it is
/// alive.</param>
public sealed record NodeView(string Name, IPAddress Address, bool IsSelf, string Version, DateTimeOffset Started, int Endpoints, long PolicyRevision, string? PolicyProblem, bool IsOverlay, TimeSpan? Silence)
{
    /// <summary>Of the other family; null: it has none there.</summary>
    public IPAddress? OtherAddress { get; init; }

    /// <summary>Null: other nodes cannot ask its agent.</summary>
    public PeerDoor? Door { get; init; }

    /// <summary>Tells a node that was made anew under the same name.</summary>
    internal string Instance { get; init; } = "";

    /// <summary>How it stands, as seen from here.</summary>
    public NodeReach Reach { get; init; } = new(NodeState.Alive);

    /// <summary>From which it speaks to other nodes.</summary>
    public IEnumerable<IPAddress> Addresses => OtherAddress is null ? [Address] : [Address, OtherAddress];
}
