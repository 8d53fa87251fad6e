// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control.State;

/// <summary>How far an endpoint is.</summary>
public enum EndpointState
{
    /// <summary>Has addresses, no link yet.</summary>
    Created,

    /// <summary>Has a link and programs; its labels are not known, nothing passes that policy for "init" does not allow.</summary>
    Init,

    /// <summary>Has its identity and policy.</summary>
    Ready,
}
