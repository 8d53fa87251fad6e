// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control;

/// <summary>What a change does to one policy.</summary>
/// <param name="Name">With the kind before it where another kind has the name, too.</param>
/// <param name="Change">"added", "changed", "unchanged", "deleted".</param>
/// <param name="Rules">How many it has.</param>
public sealed record DocumentOutcome(string Name, string Kind, string Change, int Rules, int AuditedRules);
