// SPDX-License-Identifier: Apache-2.0

namespace Weir.Store;

/// <summary>What became of a key in a revision.</summary>
/// <param name="Record">As it was put; null: it was deleted.</param>
/// <param name="Before">What was there; null: nothing.</param>
public sealed record Change(string Key, KeyValue? Record, KeyValue? Before);
