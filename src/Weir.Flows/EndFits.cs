// SPDX-License-Identifier: Apache-2.0

namespace Weir.Flows;

/// <summary>What an end can be of a flow that somebody wants to see.</summary>
[Flags]
internal enum EndFits
{
    None = 0,

    Source = 1,

    Destination = 2,

    /// <summary>One of the two must be it.</summary>
    Either = 4,
}
