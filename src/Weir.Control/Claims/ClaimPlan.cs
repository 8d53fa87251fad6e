// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control.Claims;

/// <summary>Who gets which addresses beside its own.</summary>
/// <param name="Problems">By the runtime's name of an endpoint: what it asks for and does not get, and why.</param>
internal sealed record ClaimPlan(IReadOnlyList<Claim> Granted, IReadOnlyDictionary<string, string> Problems)
{
    internal static ClaimPlan Empty { get; } = new([], new Dictionary<string, string>());

    /// <summary>Whether it is the same for everybody.</summary>
    internal bool IsSame(ClaimPlan other) => Granted.SequenceEqual(other.Granted)
        && Problems.Count == other.Problems.Count && Problems.All(problem => other.Problems.GetValueOrDefault(problem.Key) == problem.Value);
}
