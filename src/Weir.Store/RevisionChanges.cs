// SPDX-License-Identifier: Apache-2.0

namespace Weir.Store;

/// <summary>What one revision changed of what a watcher looks at.</summary>
/// <param name="Revision">Everything up to it has been told.</param>
/// <param name="Changes">In the order of their keys; empty: this is progress only.</param>
public sealed record RevisionChanges(long Revision, IReadOnlyList<Change> Changes);
