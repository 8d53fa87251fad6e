// SPDX-License-Identifier: Apache-2.0

namespace Weir.Store;

/// <summary>A record that a transaction puts in place of what is there.</summary>
/// <param name="Lease">0: none, also if there was one.</param>
public sealed record Put(string Key, ReadOnlyMemory<byte> Value, long Lease);
