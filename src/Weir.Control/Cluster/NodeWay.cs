// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control;

/// <summary>How packets go between this host's containers and another's.</summary>
public enum NodeWay
{
    /// <summary>Direct where both are on one segment, else by overlay.</summary>
    Auto,

    /// <summary>By the hosts' routes: the operator says that they exist.</summary>
    Direct,

    /// <summary>In VXLAN, from host to host.</summary>
    Overlay,
}
