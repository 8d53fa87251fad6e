// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control.State;

/// <summary>The whole policy in one record, so that it is replaced whole.</summary>
internal sealed record KeptPolicies(uint NextRuleId, IReadOnlyList<KeptPolicy> Documents);

/// <summary>A document as it was written, where, and by whom it was put in force.</summary>
internal sealed record KeptPolicy(string SourceFile, int FirstLine, uint FirstRuleId, string Text, string? AppliedBy = null, DateTimeOffset? AppliedAt = null, bool AppliedInAudit = false);
