// SPDX-License-Identifier: Apache-2.0
using Weir.Net;
using Weir.Policy.Evaluation;

namespace Weir.Policy.Replay;

/// <summary>Flows, or requests, that are alike, and what became of them.</summary>
/// <param name="Request">Null: a connection, or another flow that no request is known of.</param>
public sealed record SeenFlow(SeenEnd From, SeenEnd To, IpProtocol Protocol, ushort Port, SeenRequest? Request, SeenOutcome Outcome)
{
    /// <summary>A rule let in who came from outside: whether a door would have, is not known.</summary>
    public bool ByRuleOfIngress { get; init; }

    /// <summary>Requests of such connections are on record, and judged by themselves.</summary>
    public bool HasRequests { get; init; }

    /// <summary>How many they are.</summary>
    public ulong Count { get; init; } = 1;

    public DateTimeOffset First { get; init; }

    public DateTimeOffset Last { get; init; }

    /// <summary>"80/tcp", "icmp type 8 code 0".</summary>
    public string PortText => Explainer.Describe(Protocol, Port);
}
