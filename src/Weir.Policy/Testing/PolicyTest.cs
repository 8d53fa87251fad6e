// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Testing;

/// <summary>One expectation.</summary>
public sealed record PolicyTest
{
    /// <summary>Where it is written.</summary>
    public required SourceLocation Location { get; init; }

    /// <summary>The writer's own name for it, or what it says: "web → api 80/tcp GET /public".</summary>
    public required string Name { get; init; }

    public required TestParty From { get; init; }

    public required TestParty To { get; init; }

    /// <summary>As it was written: "80/tcp"; empty: every protocol and port.</summary>
    public required string PortText { get; init; }

    /// <summary>The same; it must hold for each of them.</summary>
    public required IReadOnlyList<PortSelector> Ports { get; init; }

    /// <summary>The request, or null: only the connection.</summary>
    public SampleRequest? Request { get; init; }

    /// <summary>Where <see cref="TestAnswer.Denied"/> is expected, a 403 will do as well.</summary>
    public required TestAnswer Expected { get; init; }

    /// <summary>The policy, or the rule, that must have decided; null: whichever.</summary>
    public string? By { get; init; }

    /// <summary>Where that is written.</summary>
    public SourceLocation? ByLocation { get; init; }
}
