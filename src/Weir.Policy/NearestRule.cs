// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy;

/// <summary>An allow entry that does not apply, and the conditions that fail.</summary>
public sealed record NearestRule(Rule Rule, RuleEntry Entry, MissingParts Missing, string Text);
