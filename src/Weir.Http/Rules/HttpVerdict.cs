// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Rules;

/// <summary>What a rule set says to a request.</summary>
/// <param name="RuleId">The deciding rule; 0: none allows it.</param>
/// <param name="Mismatched">The allowing rule's headers that were not as it wants them, to be logged or mended.</param>
public readonly record struct HttpVerdict(bool Allowed, uint RuleId, IReadOnlyList<HeaderRule> Mismatched)
{
    internal static HttpVerdict Refused { get; } = new(false, 0, []);
}
