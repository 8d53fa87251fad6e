// SPDX-License-Identifier: Apache-2.0
using Weir.Api;
using Weir.Datapath.Abi;

namespace Weir.Flows;

/// <summary>What happened, not yet decoded: an event of the datapath, or a request that the proxy saw.</summary>
public readonly record struct FlowRecord(Event Event, ProxyAccess? Access)
{
    /// <summary>What kind of flow it becomes.</summary>
    public FlowType Type => Access is null ? (FlowType)Event.Type : FlowType.L7;
}
