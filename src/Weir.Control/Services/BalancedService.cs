// SPDX-License-Identifier: Apache-2.0

using Weir.Services;

namespace Weir.Control.Services;

/// <summary>A service and what of it is in the kernel.</summary>
internal sealed class BalancedService(ServiceSpec spec, bool isPublished)
{
    internal ServiceSpec Spec { get; set; } = spec;

    /// <summary>It stands for a published port: it comes and goes with its container.</summary>
    internal bool IsPublished => isPublished;

    /// <summary>Backends that get no new connections.</summary>
    internal HashSet<BackendAddress> Drained { get; set; } = [];

    /// <summary>What the checks said; who is not here was not tried.</summary>
    internal Dictionary<BackendAddress, BackendHealth> Health { get; } = [];

    /// <summary>As it is in the kernel.</summary>
    internal IReadOnlyList<Member> Members { get; set; } = [];

    /// <summary>One for each address family of its frontends.</summary>
    internal List<BalancedFamily> Families { get; } = [];

    internal bool IsChanging => Families.Any(family => family.IsChanging);
}
