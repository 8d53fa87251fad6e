// SPDX-License-Identifier: Apache-2.0

using Weir.Net;

namespace Weir.Store;

/// <summary>What came after a revision cannot be told any more, since the store has forgotten it, or was put back to another
/// past: list anew, and watch from there.</summary>
public sealed class CompactedException : WeirException
{
    public CompactedException(long revision)
        : this(revision, $"the store has forgotten what was before revision {revision}")
    {
    }

    /// <param name="revision">The oldest that can be listed.</param>
    /// <param name="why">What became of the past, in words.</param>
    public CompactedException(long revision, string why)
        : base($"{why}: list the records again") => Revision = revision;

    /// <summary>The oldest that can be listed; the next is the oldest that can be watched from.</summary>
    public long Revision { get; }
}
