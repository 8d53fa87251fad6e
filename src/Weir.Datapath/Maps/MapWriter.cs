// SPDX-License-Identifier: Apache-2.0

namespace Weir.Datapath;

/// <summary>Who writes into a map while programs that have the old one are replaced by programs that have the new: what becomes of
/// what is written into the old one meanwhile.</summary>
internal enum MapWriter
{
    /// <summary>The agent alone, into the new one: nothing is to be taken over late.</summary>
    Agent,

    /// <summary>The agent, and programs what the agent sets right by itself.</summary>
    Both,

    /// <summary>Programs: entries are taken over until the last of them has the new map; of two the one that was used later.
    /// What does not fit a smaller map, programs can do without.</summary>
    Programs,

    /// <summary>Programs count in it: the old one's counts are added when nobody counts there any more.</summary>
    Counters,

    /// <summary>The proxy, which has it open: it cannot be replaced.</summary>
    Proxy,

    /// <summary>What is in it is of use for moments, or is made again when the datapath is opened: the new one is empty.</summary>
    Nobody,
}
