// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Suggestions;

/// <summary>How a policy is suggested.</summary>
/// <param name="Name">Of the policy.</param>
/// <param name="About">What stands in its first line: "for role=api, by what is on record since …".</param>
public sealed record SuggestionOptions(string Name, string About)
{
    /// <summary>What was refused is to be allowed, too.</summary>
    public bool IncludeDenied { get; init; }

    /// <summary>It only allows: it puts nobody under policy who is under none.</summary>
    public bool OnlyAllows { get; init; }
}
