// SPDX-License-Identifier: Apache-2.0

using Weir.Store.Memory;

namespace Weir.Store.Files;

/// <summary>What the files of a generation say.</summary>
/// <param name="LastNumber">Of the journal's last whole record.</param>
/// <param name="JournalLength">Of what is whole in the journal.</param>
/// <param name="IsTakenOver">The snapshot was made from what a version before journals kept.</param>
internal sealed record LoadedGeneration(State State, long Generation, long SnapshotLength, long LastNumber, long JournalLength, bool IsTakenOver)
{
    /// <summary>Of a record after it that a crash cut; nobody was told that it is kept.</summary>
    internal long TornBytes { get; init; }
}
