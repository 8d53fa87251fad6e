// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Rules;

/// <summary>An <see cref="HttpRule"/> of a rule of the policy. <paramref name="Rule"/> null: the policy's rule
/// allows the port without looking at requests.</summary>
public sealed record HttpAllowance(uint RuleId, HttpRule? Rule);
