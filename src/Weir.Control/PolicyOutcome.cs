// SPDX-License-Identifier: Apache-2.0

using Weir.Policy;

namespace Weir.Control;

/// <summary>What became of a change of policy. With an error among the problems nothing was changed.</summary>
/// <param name="Documents">What happened to each ("added", "changed", "unchanged", "deleted").</param>
/// <param name="Changes">For a dry run: who could talk to whom, where that changes.</param>
public sealed record PolicyOutcome(
    IReadOnlyList<Problem> Problems,
    IReadOnlyList<DocumentOutcome> Documents,
    IReadOnlyList<PolicyChange> Changes,
    uint Revision,
    int EndpointsChanged)
{
    /// <summary>What all nodes have to take for it; null: nothing, or this host is by itself.</summary>
    internal PolicySet? Proposed { get; init; }

    public bool HasErrors => Problems.Any(problem => problem.IsError);
}
