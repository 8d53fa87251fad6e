// SPDX-License-Identifier: Apache-2.0

using Weir.Control.State;

namespace Weir.Control;

/// <summary>What a network was asked to be.</summary>
/// <param name="Mtu">Null: the agent's default.</param>
/// <param name="Shared">The name of the network of all nodes that it is; null: it is this host's alone.</param>
public sealed record NetworkShape(bool IsInternal, bool IsRouted, int? Mtu, IReadOnlyList<Subnet> Subnets, string? Shared = null);
