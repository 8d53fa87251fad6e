// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using System.Net;
using Weir.Api;
using Weir.Control.Cluster;
using Weir.Control.Policies;
using Weir.Control.Services;
using Weir.Control.State;
using Weir.Datapath.Abi;
using Weir.Flows;
using Weir.Net;
using Weir.Policy;

namespace Weir.Control;

/// <summary>Names and reasons for events, from what the control plane knows now. Waits for no change.</summary>
public sealed class FlowContext : IFlowContext
{
    private const int MostExplanations = 4096;

    private readonly Writer _writer;
    private readonly PolicyManager _policies;
    private readonly ServiceManager _services;
    private readonly Datapath.Datapath _datapath;
    private readonly RemoteEndpoints _remote;
    private volatile Explained _explained;

    internal FlowContext(Writer writer, PolicyManager policies, ServiceManager services, Datapath.Datapath datapath)
    {
        _writer = writer;
        _policies = policies;
        _services = services;
        _datapath = datapath;
        _explained = new Explained(policies.Engine, []);
        _remote = new RemoteEndpoints(() => writer.World);
    }

    public string? EndpointName(ushort endpointId)
    {
        return _writer.World.Names.GetValueOrDefault(endpointId) is { Length: > 0 } name ? name : null;
    }

    public string? RemoteName(IPAddress address) => _remote.Find(address) is { } found ? $"{found.Endpoint.Name} ({found.Node})" : null;

    public IReadOnlyList<string> Labels(Identity identity)
    {
        World world = _writer.World;
        LabelSet labels = world.Identities.GetValueOrDefault(identity)
            ?? LabelSet.ForReserved(identity, world.Prefixes.TryGetValue(identity, out IpPrefix? prefix) ? prefix : null);
        return [.. labels.Select(label => label.ToString())];
    }

    public RuleInfo? FindRule(uint ruleId) => _policies.FindRule(ruleId);

    public FlowService? FindService(uint frontendId)
    {
        if (_datapath.Services.FindFrontend(frontendId) is not { } address)
        {
            return null;
        }

        return new FlowService { Name = _services.NameOf(frontendId) ?? "", Ip = address.Address.ToString(), Port = (uint)address.Port };
    }

    public string ExplainHttpPolicy(uint policyId)
    {
        return _policies.FindHttpPolicy(policyId) is { } policy ? _policies.Engine.Describe(policy) : "";
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

        PolicyEngine engine = _policies.Engine;
        Explained explained = _explained;
        if (explained.Engine != engine || explained.Texts.Count > MostExplanations)
        {
            // Of a policy that is gone nothing is kept, itself least of all.
            _explained = explained = new Explained(engine, []);
        }

        // Identities are the flow's, ports the packet's.
        ushort port = e.IsReply != 0 ? e.Sport.Value : e.Dport.Value;
        var key = (e.SrcIdentity, e.DstIdentity, e.Protocol, port, e.Direction);
        if (explained.Texts.TryGetValue(key, out string? known))
        {
            return known;
        }

        Explanation explanation = engine.Explain(
            _policies.Peers.Of(new Identity(e.SrcIdentity)), _policies.Peers.Of(new Identity(e.DstIdentity)), (IpProtocol)e.Protocol, port);
        EndExplanation end = e.Direction == Direction.Ingress ? explanation.Ingress : explanation.Egress;
        return explained.Texts[key] = end.Text;
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

    /// <summary>What one policy said lately.</summary>
    private sealed record Explained(PolicyEngine Engine, ConcurrentDictionary<(uint From, uint To, byte Protocol, ushort Port, Direction Direction), string> Texts);
}
