// SPDX-License-Identifier: Apache-2.0

using Weir.Api;
using Weir.Control;
using Weir.Flows.Hubble;
using Weir.Policy;

namespace Weir.Agent.Hubble;

/// <summary>What Hubble's flows tell of this host. What there is, is looked up once a second at most.</summary>
internal sealed class HubbleContext(ControlPlane control, AgentConfig config) : IHubbleContext
{
    private const uint Peers = 1;
    private const uint PeersAndPorts = 2;
    private const uint Ports = 3;
    private const uint Neither = 4;

    private static readonly TimeSpan _fresh = TimeSpan.FromSeconds(1);

    private volatile Known _known = new([], 0);

    public string NodeName => config.NodeName;

    public EndpointPlace? PlaceOf(uint endpointId) => endpointId == 0 ? null : Look().Places.GetValueOrDefault(endpointId);

    public Api.Hubble.Policy PolicyOf(RuleInfo rule)
    {
        PolicyDocument? document = control.Views.Policies.Documents.FirstOrDefault(document => document.Rules.Any(one => one.Id == rule.Id));
        string name = document?.Name ?? rule.Name;
        int slash = name.LastIndexOf('/');
        return new Api.Hubble.Policy
        {
            Name = name[(slash + 1)..],
            Namespace = slash < 0 ? "" : name[..slash],
            Kind = document?.Kind ?? "",
            Labels = { $"weir:rule={rule.Name}", $"weir:file={rule.File}:{rule.Line}" },
        };
    }

    public uint MatchOf(RuleInfo rule, bool isIngress)
    {
        PolicyDirection direction = isIngress ? PolicyDirection.Ingress : PolicyDirection.Egress;
        uint[] kinds = [.. (control.Views.Policies.FindRule(rule.Id)?.Entries ?? []).Where(entry => entry.Direction == direction).Select(KindOf).Distinct()];
        return kinds.Length == 1 ? kinds[0] : 0;
    }

    private static uint KindOf(RuleEntry entry) => (entry.Peers, entry.Ports) switch
    {
        (not null, not null) => PeersAndPorts,
        (not null, null) => Peers,
        (null, not null) => Ports,
        _ => Neither,
    };

    private Known Look()
    {
        Known known = _known;
        if (known.At != 0 && TimeProvider.System.GetElapsedTime(known.At) < _fresh)
        {
            return known;
        }

        Dictionary<uint, EndpointPlace> places = control.Views.Endpoints.ToDictionary(
            view => (uint)view.Endpoint.Id,
            view => new EndpointPlace(view.Endpoint.LinkName, (uint)view.Endpoint.Ifindex, string.Join(':', view.Endpoint.Mac.Select(b => b.ToString("x2")))));
        return _known = new Known(places, TimeProvider.System.GetTimestamp());
    }

    private sealed record Known(Dictionary<uint, EndpointPlace> Places, long At);
}
