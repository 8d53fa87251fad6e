// SPDX-License-Identifier: Apache-2.0

using Weir.Http.Rules;
using Weir.Policy;

namespace Weir.Control.Policies;

/// <summary>Where the rules of one HTTP policy stand, for whoever has to write them otherwise.</summary>
internal static class HttpPlaces
{
    private const int MostNamed = 3;

    /// <summary>"rule shop at /etc/policy.yaml:12 (3000 of the http rules), …: "; those that say most first.</summary>
    internal static string Of(PolicyEngine engine, HttpPolicy policy)
    {
        var rules = policy.Allowances.GroupBy(allowance => allowance.RuleId)
            .Select(group => (Rule: engine.Set.FindRule(group.Key), Count: group.Count()))
            .Where(group => group.Rule is not null)
            .OrderByDescending(group => group.Count)
            .ToList();
        string named = string.Join(", ", rules.Take(MostNamed).Select(group => $"rule {group.Rule!.Name} at {group.Rule.Location.FileAndLine} ({group.Count} of the http rules)"));
        string more = rules.Count > MostNamed ? $" and {rules.Count - MostNamed} rules more" : "";
        return named.Length == 0 ? "" : $"{named}{more}: ";
    }
}
