// SPDX-License-Identifier: Apache-2.0

namespace Weir.Datapath;

/// <summary>What a sweep of the conntrack table found.</summary>
/// <param name="Living">Entries left.</param>
/// <param name="Deleted">Expired entries removed.</param>
/// <param name="Capacity">Entries that fit.</param>
public readonly record struct SweepResult(int Living, int Deleted, int Capacity);
