// SPDX-License-Identifier: Apache-2.0

using Weir.Control.State;
using Weir.Net;

namespace Weir.Control;

/// <summary>An endpoint and what belongs to it.</summary>
/// <param name="IngressEnforced">What no rule allows is denied.</param>
/// <param name="Flows">Conntrack entries it originated.</param>
/// <param name="Lack">What it lacks in kernel or host and could not be put back; null: nothing.</param>
/// <param name="Claims">Addresses that it has beside its own, by its container's label.</param>
/// <param name="ClaimProblem">What is wrong with that label; null: nothing.</param>
public sealed record EndpointView(
    Endpoint Endpoint, Network? Network, bool IngressEnforced, bool EgressEnforced, int PolicyEntries, uint Flows, string? Lack, IReadOnlyList<IpPrefix> Claims, string? ClaimProblem);
