// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control.Cluster;

/// <summary>The policy of all nodes: which documents are in force. Its revision is the record's.</summary>
internal sealed record PolicyRecord(IReadOnlyList<PolicyEntry> Documents);

/// <summary>A document: where it was written, and by whom it was put in force; its text is a record of its own.</summary>
/// <param name="Hash">See <see cref="ClusterKeys.Text(string)"/>.</param>
internal sealed record PolicyEntry(string File, int Line, string Hash, string AppliedBy, DateTimeOffset? AppliedAt, bool AppliedInAudit = false);
