// SPDX-License-Identifier: Apache-2.0
namespace Weir.Control.Watch;

/// <summary>Things of one kind that were taken away, from the first time until a minute has been quiet.</summary>
/// <param name="What">The one of them that tells most: what cannot be put back, or what is missing most often.</param>
/// <param name="Times">How many were missing, over all.</param>
/// <param name="Last">When something was missing last.</param>
/// <param name="Failure">Why it could not be put back; null: it could.</param>
public sealed record Incident(string Kind, string What, int Times, DateTimeOffset First, DateTimeOffset Last, string? Failure)
{
    private const int FromHereOnAFight = 5;

    /// <summary>How often this one was put back.</summary>
    public int Mendings { get; init; }

    /// <summary>Whether somebody takes it away again and again.</summary>
    public bool IsFight => Mendings >= FromHereOnAFight;

    /// <summary>Whether something of this kind is missing now, or is soon to be again.</summary>
    public bool IsDegraded => Failure is not null || IsFight;

    /// <summary>In one sentence.</summary>
    public override string ToString() => Failure is not null
        ? $"{What} is not as it should be: {Failure}"
        : IsFight
            ? $"{What} is taken away again and again ({Mendings} times since {First:HH:mm:ss}Z) and put back: find the program of this host that does so"
            : $"{What} was taken away{(Times > 1 ? $", and {Times - 1} more of its kind," : "")} and put back";
}
