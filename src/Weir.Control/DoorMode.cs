// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control;

/// <summary>What holds for outsiders where nothing says who may come in.</summary>
public enum DoorMode
{
    /// <summary>They do not.</summary>
    Closed,

    /// <summary>All of them do.</summary>
    Open,
}
