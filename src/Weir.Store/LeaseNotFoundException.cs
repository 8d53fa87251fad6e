// SPDX-License-Identifier: Apache-2.0

namespace Weir.Store;

/// <summary>A lease is over: nobody kept it alive, it was revoked, or there never was one.</summary>
public sealed class LeaseNotFoundException(long lease) : Exception($"lease {lease} is over")
{
    public long Lease { get; } = lease;
}
