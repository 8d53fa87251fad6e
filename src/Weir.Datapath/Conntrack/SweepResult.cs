// SPDX-License-Identifier: Apache-2.0

namespace Weir.Datapath;

/// <summary>What a sweep of the conntrack table found.</summary>
/// <param name="Living">Entries left.</param>
/// <param name="Deleted">Expired entries removed.</param>
/// <param name="Capacity">Entries that fit.</param>
/// <param name="IsPressed">Somebody had used up half of what he may have: the next sweep should be soon.</param>
public readonly record struct SweepResult(int Living, int Deleted, int Capacity, bool IsPressed = false);
