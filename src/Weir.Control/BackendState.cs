// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control;

/// <summary>Whether a backend gets connections.</summary>
public enum BackendState
{
    /// <summary>It gets new ones.</summary>
    Active,

    /// <summary>It keeps those that it has: drained, or of weight 0.</summary>
    Draining,

    /// <summary>Its health check fails, or its node is silent: it keeps those that it has.</summary>
    Unhealthy,

    /// <summary>There is no way to it.</summary>
    Unreachable,
}
