// SPDX-License-Identifier: Apache-2.0

using Weir.Policy;

namespace Weir.Control.Policies;

/// <summary>One place where a flow can end, and what becomes of it there.</summary>
/// <param name="To">Of a service, the backend: "10.210.0.2:80 (web)"; else empty.</param>
/// <param name="Explanation">What policy says at both ends; null: it is not asked.</param>
/// <param name="Obstacle">What else is in the way; null: nothing.</param>
/// <param name="Note">What else there is to say; empty: nothing.</param>
public sealed record ExplainedWay(string To, Explanation? Explanation, Obstacle? Obstacle, string Note)
{
    public bool Allowed => Obstacle is null && Explanation?.Allowed != false;
}
