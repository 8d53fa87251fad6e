// SPDX-License-Identifier: Apache-2.0

using System.Collections.Immutable;
using Weir.Control.Services;
using Weir.Services;

namespace Weir.Control.Reconciling;

/// <summary>What the kernel has of a service.</summary>
/// <param name="Service">As it is served; null: it may be served in part.</param>
/// <param name="Frontends">All that it may have, those among them that it shall have no more.</param>
internal sealed record Served(Service? Service, ImmutableHashSet<Frontend> Frontends)
{
    internal static Served Nothing { get; } = new(null, []);
}
