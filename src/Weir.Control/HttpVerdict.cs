// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control;

/// <summary>Who judges HTTP requests.</summary>
public enum HttpVerdict
{
    /// <summary>The proxy, all of them.</summary>
    Proxy,

    /// <summary>The datapath those from a container of this host to another, as long as they are plain; all else the proxy.</summary>
    Auto,
}
