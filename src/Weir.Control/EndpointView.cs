// SPDX-License-Identifier: Apache-2.0

using Weir.Control.State;

namespace Weir.Control;

/// <summary>An endpoint and what belongs to it.</summary>
/// <param name="IngressEnforced">What no rule allows is denied.</param>
/// <param name="Flows">Conntrack entries it originated.</param>
/// <param name="Lack">What it lacks in kernel or host and could not be put back; null: nothing.</param>
public sealed record EndpointView(Endpoint Endpoint, Network? Network, bool IngressEnforced, bool EgressEnforced, int PolicyEntries, uint Flows, string? Lack);
