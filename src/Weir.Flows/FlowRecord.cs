// SPDX-License-Identifier: Apache-2.0
using Weir.Api;
using Weir.Datapath.Abi;

namespace Weir.Flows;

/// <summary>What happened, not yet decoded: an event of the datapath, a request that the proxy saw, or a connection that ended.</summary>
public readonly record struct FlowRecord(Event Event, ProxyAccess? Access)
{
    /// <summary>What the event's connection measured; null: it is none's end.</summary>
    public MeasuredTcp? Tcp { get; init; }

    /// <summary>What kind of flow it becomes.</summary>
    public FlowType Type => Access is null ? (FlowType)Event.Type : FlowType.L7;

    /// <summary>It passed, and rules in audit would have refused it.</summary>
    internal bool IsAudited => Access is null ? Event is { Type: EventType.Verdict, Verdict: Verdict.Audit } : Access.Verdict == AccessVerdict.Audited;
}
