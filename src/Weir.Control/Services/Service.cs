// SPDX-License-Identifier: Apache-2.0

using System.Collections.Immutable;
using Weir.Services;

namespace Weir.Control.Services;

/// <summary>A service as it shall be served.</summary>
/// <param name="IsPublished">It stands for a published port: it comes and goes with its container.</param>
internal sealed record Service(ServiceSpec Spec, bool IsPublished)
{
    internal string Name => Spec.Name;

    /// <summary>Outsiders come in only where something lets them.</summary>
    internal bool IsClosed { get; init; }

    /// <summary>Backends that get no new connections.</summary>
    internal ImmutableHashSet<BackendAddress> Drained { get; init; } = [];

    /// <summary>What the checks said; who is not here was not tried.</summary>
    internal ImmutableDictionary<BackendAddress, BackendHealth> Health { get; init; } = ImmutableDictionary<BackendAddress, BackendHealth>.Empty;

    /// <summary>The largest tables that it has on any node.</summary>
    internal TableSize Size { get; init; } = TableSize.None;

    /// <summary>Its backends, as they stand.</summary>
    internal IReadOnlyList<Member> Members { get; init; } = [];

    /// <summary>Whether flows to backends elsewhere get the host's address.</summary>
    internal bool NeedsSnat => Spec.Mode == ServiceMode.Snat && Members.Any(member => member is { Hop: not null, Node: null });

    /// <summary>Whether the kernel's tables are the same for both.</summary>
    internal bool IsServedAs(Service other) =>
        ReferenceEquals(Spec, other.Spec) && IsPublished == other.IsPublished && IsClosed == other.IsClosed && Size == other.Size && (ReferenceEquals(Members, other.Members) || Members.SequenceEqual(other.Members));
}
