// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Api;
using Weir.Datapath.Abi;
using Weir.Net;

namespace Weir.Flows;

/// <summary>What it takes to turn numbers of an event into names. Called from any thread.</summary>
public interface IFlowContext
{
    /// <summary>The container's name; also for a while after the endpoint is gone. Null: not known.</summary>
    string? EndpointName(ushort endpointId);

    /// <summary>The name of a container of another node, with the node's: "api (host2)". Null: it is none.</summary>
    string? RemoteName(IPAddress address);

    /// <summary>Labels of an identity; empty if it is not known.</summary>
    IReadOnlyList<string> Labels(Identity identity);

    /// <summary>The rule of that number; also for a while after it is gone. Null: not known.</summary>
    RuleInfo? FindRule(uint ruleId);

    /// <summary>The service address of that number. Null: not known.</summary>
    FlowService? FindService(uint frontendId);

    /// <summary>What an HTTP policy allows, in a sentence with the rules' places. Empty: not known.</summary>
    string ExplainHttpPolicy(uint policyId);

    /// <summary>Why policy decided as the event tells, in a sentence. Empty: policy did not decide.</summary>
    string Explain(in Event e);
}
