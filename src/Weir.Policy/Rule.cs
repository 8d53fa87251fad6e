// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy;

/// <summary>One rule: whom it is about, and what may or must not reach or leave them. Immutable.</summary>
public sealed record Rule
{
    /// <summary>Number in the datapath and in events, given by <see cref="PolicySet"/>; 0 before that.</summary>
    public uint Id { get; init; }

    /// <summary>The document's name, with "[n]" behind it where the document has several rules.</summary>
    public required string Name { get; init; }

    /// <summary>Where the rule begins.</summary>
    public required SourceLocation Location { get; init; }

    /// <summary>The writer's own words, or empty.</summary>
    public string Description { get; init; } = "";

    /// <summary>The rule's own labels; they have no effect.</summary>
    public LabelSet Labels { get; init; } = LabelSet.Empty;

    /// <summary>The endpoints it is about.</summary>
    public required EndpointSelector Subject { get; init; }

    /// <summary>Entries of all sections, in the order of the file.</summary>
    public required IReadOnlyList<RuleEntry> Entries { get; init; }

    /// <summary>Whether what no rule allows is denied into the endpoints it selects.</summary>
    public required bool DefaultDenyIngress { get; init; }

    /// <summary>Whether what no rule allows is denied out of the endpoints it selects.</summary>
    public required bool DefaultDenyEgress { get; init; }

    /// <summary>What those hear whom the endpoints it selects deny; null: it does not say.</summary>
    public DenyResponse? DenyResponse { get; init; }

    /// <summary>What it refuses passes and is told: it is judged by, and not enforced.</summary>
    public bool IsAudit { get; init; }

    /// <summary>Whether it turns default deny on in this direction.</summary>
    public bool DefaultDeny(PolicyDirection direction) =>
        direction == PolicyDirection.Ingress ? DefaultDenyIngress : DefaultDenyEgress;

    /// <summary>"name (file:line)".</summary>
    public override string ToString() => $"{Name} ({Location.FileAndLine})";
}
