// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Rules;

namespace Weir.Policy;

/// <summary>
/// The judgement of one end. <paramref name="Rule"/> and <paramref name="Entry"/> decided, null when none
/// did; <paramref name="Nearest"/> is for a denial by no rule the rule that comes nearest to allowing it;
/// <paramref name="Http"/> is the verdict on the request, null when requests are not looked at.
/// </summary>
public sealed record EndExplanation(
    PolicyDirection Direction,
    PolicyPeer Subject,
    PolicyPeer Peer,
    Decision Decision,
    Rule? Rule,
    RuleEntry? Entry,
    NearestRule? Nearest,
    HttpVerdict? Http,
    string Text)
{
    /// <summary>Whether this end allows the connection, and the request if one was asked about.</summary>
    public bool Allowed => Decision.Allowed && (Http is null || Http.Value.Allowed || Decision.Http is { IsAudit: true });

    /// <summary>Whether it allows it, and rules in audit would have refused it.</summary>
    public bool IsAudited => Allowed && (Decision.Audited is not null || Http is { Allowed: false });
}
