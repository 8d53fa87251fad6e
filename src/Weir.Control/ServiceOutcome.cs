// SPDX-License-Identifier: Apache-2.0

using Weir.Control.Cluster;
using Weir.Policy;

namespace Weir.Control;

/// <summary>What became of a change of services.</summary>
/// <param name="Problems">With an error among them nothing was changed.</param>
/// <param name="Changes">Name, and "added", "changed" or "unchanged", with how many frontends and backends it has.</param>
public sealed record ServiceOutcome(IReadOnlyList<Problem> Problems, IReadOnlyList<(string Name, string Change, int Frontends, int Backends)> Changes)
{
    /// <summary>What is to be put in force; null: nothing.</summary>
    internal ServiceProposal? Proposed { get; init; }

    public bool HasErrors => Problems.Any(problem => problem.IsError);
}
