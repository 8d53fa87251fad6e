// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy;

/// <summary>Whom a selector looks at before its requirements.</summary>
public enum SelectorScope
{
    /// <summary>Every identity, the world included: what <c>{}</c> is in a plain rule.</summary>
    Everything,

    /// <summary>Endpoints whose labels are known: what <c>{}</c> is in a Kubernetes object.</summary>
    ManagedEndpoints,
}
