// SPDX-License-Identifier: Apache-2.0

using Weir.Net;

namespace Weir.Store;

/// <summary>A revision is so old that the store has forgotten it: list anew, and watch from there.</summary>
public sealed class CompactedException(long revision) : WeirException($"the store has forgotten what was before revision {revision}: list the records again")
{
    /// <summary>The oldest that can be listed; the next is the oldest that can be watched from.</summary>
    public long Revision { get; } = revision;
}
