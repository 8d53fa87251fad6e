// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Replay;

/// <summary>What a policy would have made of a flow, and why.</summary>
/// <param name="Why">A sentence; empty until it is asked for with words.</param>
/// <param name="End">The end that decides, for the rule and the nearest one; null: it cannot be told.</param>
public sealed record ReplayAnswer(ReplayVerdict Verdict, string Why, EndExplanation? End)
{
    internal static ReplayAnswer Passes { get; } = new(ReplayVerdict.Passes, "", null);

    internal static ReplayAnswer Refused { get; } = new(ReplayVerdict.Refused, "", null);

    internal static ReplayAnswer Unknown(string why) => new(ReplayVerdict.Unknown, why, null);
}
