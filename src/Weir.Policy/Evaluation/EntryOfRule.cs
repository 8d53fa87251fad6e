// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Evaluation;

/// <summary>An entry with the rule it belongs to.</summary>
internal readonly record struct EntryOfRule(Rule Rule, RuleEntry Entry);
