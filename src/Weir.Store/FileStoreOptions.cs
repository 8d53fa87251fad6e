// SPDX-License-Identifier: Apache-2.0

namespace Weir.Store;

/// <summary>How a store in files behaves.</summary>
public sealed record FileStoreOptions
{
    /// <summary>False: nothing is synced, for a folder that is gone with the machine anyway.</summary>
    public bool IsDurable { get; init; } = true;

    /// <summary>Only to look: what is changed is changed in memory, the folder stays as it is.</summary>
    public bool IsReadOnly { get; init; }

    /// <summary>By which leases are over.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    public Retention Retention { get; init; } = new();

    /// <summary>A journal is replaced by a snapshot when it is longer than two of them, but not below so many bytes.</summary>
    public long SmallestJournal { get; init; } = 1 << 20;

    /// <summary>Hears in words what went wrong without a change being lost.</summary>
    public Action<string> Warn { get; init; } = _ => { };
}
