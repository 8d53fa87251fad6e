// SPDX-License-Identifier: Apache-2.0

using Weir.Services;

namespace Weir.Control.Services;

/// <summary>The frontends of one address family of a service, and the table that they share.</summary>
internal sealed class BalancedFamily(bool isIpv6)
{
    internal bool IsIpv6 => isIpv6;

    /// <summary>Its first slot in the kernel's array.</summary>
    internal uint FirstSlot { get; set; }

    /// <summary>A power of two; 0: it has none yet.</summary>
    internal uint SlotCount { get; set; }

    internal Dictionary<Frontend, uint> FrontendIds { get; } = [];

    internal Dictionary<BackendAddress, uint> BackendIds { get; } = [];

    /// <summary>Flows of before the last change keep their backends still.</summary>
    internal bool IsChanging { get; set; }
}
