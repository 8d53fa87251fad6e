// SPDX-License-Identifier: Apache-2.0

using System.Collections.Immutable;

namespace Weir.Store.Memory;

/// <summary>A revision that can still be listed and told of.</summary>
/// <param name="Records">All, after it.</param>
internal sealed record PastRevision(long Revision, IReadOnlyList<Change> Changes, ImmutableSortedSet<KeyValue> Records)
{
    /// <summary>What keeping it costs: what it put, and what it replaced.</summary>
    internal long Bytes { get; } = Changes.Sum(change => 64L + (2L * change.Key.Length) + (change.Record?.Value.Length ?? 0) + (change.Before?.Value.Length ?? 0));
}
