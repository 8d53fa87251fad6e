// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy;

/// <summary>
/// The judgement of one end. <paramref name="Rule"/> and <paramref name="Entry"/> decided, null when none
/// did; <paramref name="Nearest"/> is for a denial by no rule the rule that comes nearest to allowing it.
/// </summary>
public sealed record EndExplanation(
    PolicyDirection Direction,
    PolicyPeer Subject,
    PolicyPeer Peer,
    Decision Decision,
    Rule? Rule,
    RuleEntry? Entry,
    NearestRule? Nearest,
    string Text);
