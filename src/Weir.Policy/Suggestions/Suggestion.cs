// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Suggestions;

/// <summary>A policy made of what was seen.</summary>
/// <param name="Yaml">With comments; a document that <see cref="PolicyReader"/> reads. Empty: nothing was seen to make it of.</param>
/// <param name="Flows">Flows of the subject that were looked at.</param>
/// <param name="Covered">Those of them that it allows.</param>
public sealed record Suggestion(string Name, string Yaml, IReadOnlyList<SuggestedRule> Rules, IReadOnlyList<LeftOutFlows> LeftOut, ulong Flows, ulong Covered);

/// <summary>An entry of a suggested policy, and by what it is backed.</summary>
/// <param name="Peer">"role=web", "203.0.113.7/32", "world"; empty: anybody.</param>
/// <param name="Ports">"8080/tcp, 9000/tcp".</param>
/// <param name="Requests">"GET|HEAD /orders/[^?/]+"; empty: requests are not looked at.</param>
/// <param name="Line">Where it begins in the text.</param>
public sealed record SuggestedRule(PolicyDirection Direction, string Peer, string Ports, IReadOnlyList<string> Requests, ulong Flows, DateTimeOffset First, DateTimeOffset Last, int Line);

/// <summary>What a suggested policy does not allow although it was seen.</summary>
public sealed record LeftOutFlows(string What, string Why, ulong Flows);
