// SPDX-License-Identifier: Apache-2.0

namespace Weir.Store.Memory;

/// <summary>One step of a store's history: what is kept of a transaction, or of a lease's beginning or end.</summary>
/// <param name="Deletes">Only keys that are there.</param>
internal sealed record Entry(IReadOnlyList<Put> Puts, IReadOnlyList<string> Deletes)
{
    /// <summary>A lease that begins; 0: none.</summary>
    internal long Granted { get; init; }

    /// <summary>Of the lease that begins.</summary>
    internal TimeSpan TimeToLive { get; init; }

    /// <summary>A lease that ends; 0: none. Its records are among the deletes.</summary>
    internal long Revoked { get; init; }

    /// <summary>It takes a revision.</summary>
    internal bool ChangesRecords => Puts.Count + Deletes.Count > 0;

    internal static Entry Grant(long lease, TimeSpan timeToLive) => new([], []) { Granted = lease, TimeToLive = timeToLive };
}
