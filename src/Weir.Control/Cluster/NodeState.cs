// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control.Cluster;

/// <summary>How a node stands, as it is seen from here.</summary>
public enum NodeState
{
    /// <summary>Whether packets reach it was not measured yet, or cannot be.</summary>
    Alive,

    /// <summary>It has not told yet which policy it has.</summary>
    Starting,

    /// <summary>Packets reach it by the way that traffic takes.</summary>
    Ready,

    /// <summary>It answers no packet that goes by the way that traffic takes.</summary>
    Unreachable,
}
