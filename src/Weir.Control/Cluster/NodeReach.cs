// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control.Cluster;

/// <summary>Whether a node is reached by the way that traffic takes.</summary>
/// <param name="Since">Of this state; null: it is not known.</param>
/// <param name="RoundTrip">As measured last; null: it was not.</param>
/// <param name="Problem">What the last attempt met, where it met something.</param>
public sealed record NodeReach(NodeState State, DateTimeOffset? Since = null, TimeSpan? RoundTrip = null, string? Problem = null);
