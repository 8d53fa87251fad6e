// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Evaluation;

/// <summary>What happens at one end to what no rule allows.</summary>
/// <param name="Denies">It is denied.</param>
/// <param name="WouldDeny">It would be, if the rules in audit were enforced. True where it is denied.</param>
internal readonly record struct Fallback(bool Denies, bool WouldDeny);
