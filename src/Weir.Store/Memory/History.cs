// SPDX-License-Identifier: Apache-2.0

using System.Collections.Immutable;

namespace Weir.Store.Memory;

/// <summary>The revisions after the one that is forgotten, without a gap. Never changes.</summary>
internal sealed record History
{
    /// <summary>The oldest revision that can be listed.</summary>
    internal required long Compacted { get; init; }

    private ImmutableSortedSet<KeyValue> Oldest { get; init; } = [];

    private ImmutableList<PastRevision> Revisions { get; init; } = [];

    private long Bytes { get; init; }

    internal static History Beginning(long revision, ImmutableSortedSet<KeyValue> records) => new() { Compacted = revision, Oldest = records };

    internal History Add(PastRevision next) => this with { Revisions = Revisions.Add(next), Bytes = Bytes + next.Bytes };

    /// <summary>What a later revision changed.</summary>
    internal IReadOnlyList<Change> ChangesOf(long revision) => At(revision).Changes;

    /// <summary>All records as of a revision.</summary>
    internal ImmutableSortedSet<KeyValue> RecordsAt(long revision) => revision == Compacted ? Oldest : At(revision).Records;

    /// <summary>Forgets what was before a revision.</summary>
    internal History CompactTo(long revision) => this with
    {
        Compacted = revision,
        Oldest = RecordsAt(revision),
        Revisions = Revisions.RemoveRange(0, (int)(revision - Compacted)),
        Bytes = Bytes - Revisions.Take((int)(revision - Compacted)).Sum(past => past.Bytes),
    };

    /// <summary>Forgets what is more than is to be kept. The last revision stays: whoever follows at once misses nothing.</summary>
    internal History Trim(Retention retention)
    {
        int forget = 0;
        long bytes = Bytes;
        while (Revisions.Count - forget > 1 && (Revisions.Count - forget > retention.Revisions || bytes > retention.Bytes))
        {
            bytes -= Revisions[forget++].Bytes;
        }

        return forget == 0 ? this : CompactTo(Compacted + forget);
    }

    private PastRevision At(long revision) => Revisions[(int)(revision - Compacted - 1)];
}
