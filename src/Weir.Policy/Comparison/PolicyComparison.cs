// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Comparison;

/// <summary>All that is different between two sets of policy.</summary>
/// <param name="Differences">Each is exact: whatever it names changes, and what none of them names does not.</param>
/// <param name="Unproved">What was not compared, with the reason; empty: everything was.</param>
public sealed record PolicyComparison(IReadOnlyList<PolicyDifference> Differences, IReadOnlyList<string> Unproved)
{
    /// <summary>Whether they are proved to be the same.</summary>
    public bool IsSame => Differences.Count == 0 && Unproved.Count == 0;
}
