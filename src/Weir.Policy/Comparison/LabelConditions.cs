// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Comparison;

/// <summary>Containers for which each of these selectors holds, or does not. None: every container.</summary>
public sealed record LabelConditions(IReadOnlyList<(EndpointSelector Selector, bool Holds)> Conditions)
{
    /// <summary>"role=web and not app=shop".</summary>
    public override string ToString() => Conditions.Count == 0
        ? "every container"
        : string.Join(" and ", Conditions.Select(condition =>
            condition.Holds ? condition.Selector.ToString()
            : condition.Selector.Requirements.Count == 1 ? $"not {condition.Selector}"
            : $"not ({condition.Selector})"));
}
