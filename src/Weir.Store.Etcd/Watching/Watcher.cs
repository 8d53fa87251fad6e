// SPDX-License-Identifier: Apache-2.0

namespace Weir.Store.Etcd.Watching;

/// <summary>How far a reader of a watch has come.</summary>
internal sealed class Watcher(string prefix, long next)
{
    internal string Prefix => prefix;

    /// <summary>The first revision that it was not told of.</summary>
    internal long Next { get; set; } = next;

    /// <summary>Whether it was in the log: what falls out of it then it was too slow for.</summary>
    internal bool HasBegun { get; set; }

    /// <summary>Why it cannot be told any more.</summary>
    internal CompactedException? End { get; set; }
}
