// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy;

/// <summary>
/// One policy object: what is applied, listed and deleted by kind and name. The name is metadata.name (with
/// "namespace/" before it where one is told), or for a list of rules the file's name without extension.
/// </summary>
public sealed record PolicyDocument(
    string Name,
    string Kind,
    IReadOnlyList<Rule> Rules,
    string SourceFile,
    string Text,
    int FirstLine)
{
    /// <summary>What tells it from all others.</summary>
    public DocumentKey Key => new(Kind, Name);

    /// <summary>The namespace it is about, or null.</summary>
    public string? Namespace { get; init; }

    /// <summary>Who put it in force; "" where nobody noted it.</summary>
    public string AppliedBy { get; init; } = "";

    /// <summary>When he did.</summary>
    public DateTimeOffset? AppliedAt { get; init; }

    /// <summary>It was applied to be in audit, all of its rules, whatever its text says.</summary>
    public bool AppliedInAudit { get; init; }

    /// <summary>How many of its rules are in audit.</summary>
    public int AuditedRules => Rules.Count(rule => rule.IsAudit);

    /// <summary>The same with all of its rules in audit.</summary>
    public PolicyDocument InAudit() =>
        this with { AppliedInAudit = true, Rules = [.. Rules.Select(rule => rule with { IsAudit = true })] };

    /// <summary>The same with rule numbers from <paramref name="first"/> on.</summary>
    internal PolicyDocument WithRuleIds(uint first) =>
        this with { Rules = [.. Rules.Select((rule, index) => rule with { Id = first + (uint)index })] };

    /// <summary>The same with the kind in its rules' names.</summary>
    internal PolicyDocument WithKindInRules() =>
        this with { Rules = [.. Rules.Select(rule => rule with { Name = $"{Kind}/{rule.Name}" })] };
}
