// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Differences;

namespace Weir.Policy.Comparison;

/// <summary>Connections, or requests, whose verdict changes: between anybody of <paramref name="From"/> and anybody of <paramref name="To"/>.</summary>
/// <param name="Before">"allowed", "denied" or "only GET /public".</param>
/// <param name="After">Likewise.</param>
/// <param name="Opened">A short request that passes only afterwards, or null.</param>
/// <param name="Closed">A short request that passed only before, or null.</param>
/// <param name="Was">What the ends that changed said, and by which rules.</param>
/// <param name="Is">What they say now.</param>
/// <param name="Unproved">Why there may be other requests that change, or whether any does; empty: it is as it says.</param>
public sealed record PolicyDifference(
    PartySet From,
    PartySet To,
    ComparedPorts Ports,
    string Before,
    string After,
    RequestExample? Opened,
    RequestExample? Closed,
    IReadOnlyList<string> Was,
    IReadOnlyList<string> Is,
    string Unproved)
{
    /// <summary>"role=web → role=api 80/tcp: denied → allowed".</summary>
    public override string ToString() => $"{From} → {To} {Ports}: {Before} → {After}";
}
