// SPDX-License-Identifier: Apache-2.0

using Weir.Net;

namespace Weir.Store;

/// <summary>A lease is over: nobody kept it alive, it was revoked, or there never was one.</summary>
public sealed class LeaseNotFoundException(long lease) : WeirException($"lease {lease} is over")
{
    public long Lease { get; } = lease;
}
