// SPDX-License-Identifier: Apache-2.0

using System.Globalization;

namespace Weir.Store.Files;

/// <summary>A generation is a snapshot and the journal that goes on from it.</summary>
internal static class FileNames
{
    internal const string Lock = "lock";

    /// <summary>Where files of versions before journals are kept.</summary>
    internal const string Before = "before/";

    private const string SnapshotPrefix = "snapshot-";
    private const string JournalPrefix = "journal-";
    private const string DraftEnd = ".new";

    internal static string Snapshot(long generation) => $"{SnapshotPrefix}{generation:D8}";

    internal static string Journal(long generation) => $"{JournalPrefix}{generation:D8}";

    /// <summary>A snapshot that is being written.</summary>
    internal static string Draft(long generation) => Snapshot(generation) + DraftEnd;

    internal static bool IsDraft(string name) => name.StartsWith(SnapshotPrefix, StringComparison.Ordinal) && name.EndsWith(DraftEnd, StringComparison.Ordinal);

    internal static long? SnapshotOf(string name) => NumberAfter(SnapshotPrefix, name);

    internal static long? JournalOf(string name) => NumberAfter(JournalPrefix, name);

    private static long? NumberAfter(string prefix, string name) =>
        name.StartsWith(prefix, StringComparison.Ordinal) && long.TryParse(name.AsSpan(prefix.Length), NumberStyles.None, null, out long number) ? number : null;
}
