// SPDX-License-Identifier: Apache-2.0

using Weir.Control.State;

namespace Weir.Control;

/// <summary>What a network was asked to be.</summary>
/// <param name="Mtu">Null: the agent's default.</param>
public sealed record NetworkShape(bool IsInternal, bool IsRouted, int? Mtu, IReadOnlyList<Subnet> Subnets);
