// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Control.Cluster;

namespace Weir.Control;

/// <summary>Who this host is to the other nodes of its cluster.</summary>
/// <param name="Name">No other node has it.</param>
/// <param name="Address">At which the other nodes reach this one.</param>
/// <param name="OtherAddress">The same of the other family; null: it has none there.</param>
/// <param name="TimeToLive">After so long without a word a node counts as gone.</param>
public sealed record ClusterOptions(string Name, IPAddress Address, IPAddress? OtherAddress, TimeSpan TimeToLive)
{
    /// <summary>How packets go to other nodes; of a pair, who wants the overlay has it.</summary>
    public NodeWay Way { get; init; }

    /// <summary>Where the other nodes ask this one's agent; null: nowhere.</summary>
    public PeerDoor? Door { get; init; }

    /// <summary>Whether every network that all nodes have is made known to this one's runtime; else whoever wants one there joins it by hand.</summary>
    public bool MakesNetworks { get; init; } = true;

    /// <summary>After so long a number that no node uses is forgotten.</summary>
    public TimeSpan UnusedFor { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Long enough for an agent that restarts, or that is replaced.</summary>
    public static TimeSpan UsualTimeToLive { get; } = TimeSpan.FromSeconds(20);
}
