// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using Weir.Api;
using Weir.Control.Endpoints;
using Weir.Control.Identities;
using Weir.Control.Policies;
using Weir.Control.Services;
using Weir.Control.State;
using Weir.Datapath.Abi;
using Weir.Flows;
using Weir.Net;
using Weir.Policy;

namespace Weir.Control;

/// <summary>Names and reasons for events, from what the control plane knows now.</summary>
public sealed class FlowContext : IFlowContext
{
    private const int MostExplanations = 4096;

    private readonly Lock _lock;
    private readonly EndpointManager _endpoints;
    private readonly IdentityAllocator _identities;
    private readonly PolicyManager _policies;
    private readonly ServiceManager _services;
    private readonly Datapath.Datapath _datapath;
    private readonly ConcurrentDictionary<(PolicyEngine, uint, uint, byte, ushort, Direction), string> _explanations = [];

    internal FlowContext(Lock @lock, EndpointManager endpoints, IdentityAllocator identities, PolicyManager policies, ServiceManager services, Datapath.Datapath datapath)
    {
        _lock = @lock;
        _endpoints = endpoints;
        _identities = identities;
        _policies = policies;
        _services = services;
        _datapath = datapath;
    }

    public string? EndpointName(ushort endpointId)
    {
        lock (_lock)
        {
            return _endpoints.NameOf(endpointId) is { Length: > 0 } name ? name : null;
        }
    }

    public IReadOnlyList<string> Labels(Identity identity)
    {
        lock (_lock)
        {
            var labels = _identities.FindLabels(identity) ?? LabelSet.ForReserved(identity, _identities.FindPrefix(identity));
            return [.. labels.Select(label => label.ToString())];
        }
    }

    public RuleInfo? FindRule(uint ruleId)
    {
        lock (_lock)
        {
            return _policies.FindRule(ruleId)?.ToInfo();
        }
    }

    public FlowService? FindService(uint frontendId)
    {
        if (_datapath.Services.FindFrontend(frontendId) is not { } address)
        {
            return null;
        }

        lock (_lock)
        {
            return new FlowService { Name = _services.NameOf(frontendId) ?? "", Ip = address.Address.ToString(), Port = (uint)address.Port };
        }
    }

    public string ExplainHttpPolicy(uint policyId)
    {
        lock (_lock)
        {
            return _policies.FindHttpPolicy(policyId) is { } policy ? _policies.Engine.Describe(policy) : "";
        }
    }

    public string Explain(in Event e)
    {
        if (e.DropReason is DropReason.NotPublished or DropReason.NotRouted)
        {
            return HowToOpen(in e);
        }

        if (e.Type != EventType.Verdict && e.DropReason is not (DropReason.PolicyDenied or DropReason.PolicyDenyRule))
        {
            return "";
        }

        PolicyEngine engine;
        PolicyPeer from;
        PolicyPeer to;
        lock (_lock)
        {
            engine = _policies.Engine;
            from = _policies.Peers.Of(new Identity(e.SrcIdentity));
            to = _policies.Peers.Of(new Identity(e.DstIdentity));
        }

        var key = (engine, e.SrcIdentity, e.DstIdentity, e.Protocol, e.Dport.Value, e.Direction);
        if (_explanations.TryGetValue(key, out string? known))
        {
            return known;
        }

        if (_explanations.Count > MostExplanations)
        {
            _explanations.Clear();
        }

        Explanation explanation = engine.Explain(from, to, (IpProtocol)e.Protocol, e.Dport.Value);
        EndExplanation end = e.Direction == Direction.Ingress ? explanation.Ingress : explanation.Egress;
        return _explanations[key] = end.Text;
    }

    /// <summary>What would let in whom a closed door refused.</summary>
    private string HowToOpen(in Event e)
    {
        var protocol = (IpProtocol)e.Protocol;
        string name = EndpointName(e.DstEndpoint) ?? $"endpoint {e.DstEndpoint}";
        if (e.DropReason == DropReason.NotPublished && _datapath.Services.FindFrontend(e.FrontendId) is { } frontend)
        {
            string port = protocol == IpProtocol.Tcp ? $"{frontend.Port}" : $"{frontend.Port}/{protocol.Name()}";
            return $"to allow it: weir publish allow {name} {port} --from {IpPrefix.Single((e.IsReply != 0 ? e.Dst : e.Src).ToIPAddress())}";
        }

        return $"to allow it: a policy that allows this source to {name}, or a network made by docker network create -o {Network.RoutedOption}=true";
    }
}
