// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy;

/// <summary>
/// What passes, and would not if the rules in audit were enforced. <paramref name="ByDenyRule"/>: a deny rule would
/// forbid it, that of the number <paramref name="RuleId"/>; else no rule would allow it, and the number is 0.
/// </summary>
public readonly record struct AuditRefusal(bool ByDenyRule, uint RuleId);
