// SPDX-License-Identifier: Apache-2.0

namespace Weir.Store;

/// <summary>Records in the order of their keys, all of one moment.</summary>
/// <param name="Revision">The store's, at that moment.</param>
public sealed record Listing(long Revision, IReadOnlyList<KeyValue> Records);
