// SPDX-License-Identifier: Apache-2.0

using Weir.Api;
using Weir.Policy;
using Weir.Policy.Replay;

namespace Weir.Control.Replaying;

/// <summary>What a policy that is not in force would have made of what is on record. With an error among the problems nothing was
/// judged.</summary>
public sealed record TriedPolicy(IReadOnlyList<Policy.Problem> Problems, IReadOnlyList<DocumentOutcome> Documents)
{
    /// <summary>Flows by what would have changed for them, the most important and most frequent first.</summary>
    public IReadOnlyList<TriedGroup> Groups { get; init; } = [];

    /// <summary>Flows for which nothing would have changed.</summary>
    public ulong Unchanged { get; init; }

    /// <summary>Of the oldest and the newest flow; null: there is none.</summary>
    public (DateTimeOffset First, DateTimeOffset Last)? Span { get; init; }

    /// <summary>What could not be judged.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Flows of one kind of change.</summary>
    public ulong Count(TriedOutcome outcome) => Groups.Where(group => group.Outcome == outcome).Aggregate(0UL, (sum, group) => sum + group.Count);
}

/// <summary>What a draft would change for a flow.</summary>
public enum TriedOutcome
{
    /// <summary>It passed, and would not.</summary>
    Refused,

    /// <summary>It did not pass, and would.</summary>
    Allowed,

    /// <summary>The record does not tell.</summary>
    Unknown,
}

/// <summary>Flows that are alike, and for which the same would change.</summary>
/// <param name="Seen">One of them, and its ends as they are on record.</param>
/// <param name="Explain">Asks for the reasons; and whether the policy in force now judges as the draft would. There can be very many
/// groups, of which few are told.</param>
public sealed record TriedGroup(
    TriedOutcome Outcome, SeenFlow Seen, FlowEnd From, FlowEnd To, ulong Count, DateTimeOffset First, DateTimeOffset Last, Func<SeenFlow, (ReplayAnswer Answer, bool IsSameNow)> Explain);
