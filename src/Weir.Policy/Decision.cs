// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Rules;

namespace Weir.Policy;

/// <summary>
/// Answer of policy for one end. <paramref name="Enforced"/>: the direction is under policy, default deny
/// or at least a deny rule. <paramref name="ByDenyRule"/>: a deny rule forbids it.
/// <paramref name="RuleId"/>: the deciding rule, 0 when none did.
/// </summary>
public readonly record struct Decision(bool Allowed, bool Enforced, bool ByDenyRule, uint RuleId)
{
    /// <summary>Allowed, but each request is judged by this. Null: requests are not looked at.</summary>
    public HttpPolicy? Http { get; init; }

    /// <summary>It passes, and rules in audit would have refused it. Null: they say the same.</summary>
    public AuditRefusal? Audited { get; init; }

    /// <summary>It is denied, and this rule in audit would allow it; 0: none would.</summary>
    public uint WouldBeAllowedBy { get; init; }

    /// <summary>Not under policy: everything passes.</summary>
    public static Decision NotEnforced => new(true, false, false, 0);

    /// <summary>Under policy and no rule allows it.</summary>
    public static Decision NoRule => new(false, true, false, 0);
}
