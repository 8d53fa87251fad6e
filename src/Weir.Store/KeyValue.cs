// SPDX-License-Identifier: Apache-2.0

namespace Weir.Store;

/// <summary>A record of a store.</summary>
/// <param name="CreateRevision">Of the transaction since which the key is there without a break.</param>
/// <param name="ModRevision">Of the last one that put it.</param>
/// <param name="Lease">It is deleted when this lease is over; 0: it has none.</param>
public sealed record KeyValue(string Key, ReadOnlyMemory<byte> Value, long CreateRevision, long ModRevision, long Lease = 0);
