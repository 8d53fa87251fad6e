// SPDX-License-Identifier: Apache-2.0
using Weir.Net;

namespace Weir.Policy.Checks;

/// <summary>Finds what of one rule reaches nobody.</summary>
internal sealed class RuleCheck(SelectorCheck selectors, HostFacts facts)
{
    public IEnumerable<Problem> Find(Rule rule)
    {
        if (selectors.FaultOf(rule.Subject, isSubject: true) is { } fault)
        {
            yield return Warn(rule.Location, $"rule {rule.Name} selects no container ({rule.Subject}): {fault}");
        }
        else if (selectors.SelectsNow(rule.Subject) == false)
        {
            yield return Notice(rule.Location, $"rule {rule.Name} selects no container now ({rule.Subject})");
        }

        if (rule is { DefaultDenyIngress: false, DefaultDenyEgress: false, DenyResponse: null } && rule.Entries.All(entry => entry.Peers is { Count: 0 }))
        {
            yield return Warn(rule.Location, $"rule {rule.Name} has no effect: it neither denies by default nor allows or denies anybody");
        }

        foreach (var problem in rule.Entries.SelectMany(Find))
        {
            yield return problem;
        }
    }

    private static Problem Warn(SourceLocation location, string message) => new(location, message, Severity.Warning);

    private static Problem Notice(SourceLocation location, string message) => new(location, message, Severity.Notice);

    private static string Section(RuleEntry entry) =>
        (entry.Direction == PolicyDirection.Ingress ? "ingress" : "egress") + (entry.IsDeny ? "Deny" : "");

    private static bool IcmpOfTheOtherFamily(IReadOnlyList<PeerSelector> peers, IReadOnlyList<PortSelector> ports)
    {
        bool? Ipv6(PeerSelector peer) => peer switch
        {
            PeerSelector.ByCidr cidr => cidr.Prefix.IsIpv6,
            PeerSelector.ByEntity { Entity: Entity.WorldIpv4 } => false,
            PeerSelector.ByEntity { Entity: Entity.WorldIpv6 } => true,
            _ => null,
        };
        return (peers.All(peer => Ipv6(peer) == false) && ports.All(port => port.Protocol == IpProtocol.Icmpv6))
            || (peers.All(peer => Ipv6(peer) == true) && ports.All(port => port.Protocol == IpProtocol.Icmp));
    }

    private static Identity? IdentityOf(Entity entity) => entity switch
    {
        Entity.RemoteNode => Identity.RemoteNode,
        Entity.Unmanaged => Identity.Unmanaged,
        Entity.Health => Identity.Health,
        Entity.Ingress => Identity.Ingress,
        Entity.KubeApiServer => Identity.KubeApiServer,
        _ => null,
    };

    private IEnumerable<Problem> Find(RuleEntry entry)
    {
        foreach (var peer in entry.Peers ?? [])
        {
            if (FaultOf(peer) is { } fault)
            {
                yield return Warn(entry.Location, $"{Section(entry)}: {fault}");
            }
            else if (peer is PeerSelector.ByLabels labels && facts.Endpoints is not null && !MatchesNow(labels))
            {
                yield return Notice(entry.Location, $"{Section(entry)}: nobody is {labels} now");
            }
        }

        if (entry.Peers is { Count: > 0 } && entry.Ports is { Count: > 0 } && IcmpOfTheOtherFamily(entry.Peers, entry.Ports))
        {
            yield return Warn(entry.Location, $"{Section(entry)}: nobody sends {string.Join(", ", entry.Ports)} with an address of {string.Join(", ", entry.Peers)}: it is of the other family");
        }

        foreach (var name in (entry.Ports ?? []).Select(port => port.Name).OfType<string>().Distinct())
        {
            if (facts.Endpoints?.Any(endpoint => endpoint.NamedPorts?.ContainsKey(name) == true) == false)
            {
                yield return Notice(entry.Location, $"{Section(entry)}: no container names a port {name} now; the label weir.port.{name}=NUMBER does");
            }
        }
    }

    private string? FaultOf(PeerSelector peer) => peer switch
    {
        PeerSelector.ByEntity { Entity: var entity } => IdentityOf(entity) is null ? null : $"entity {entity.Name()} matches nobody here: Weir knows no such peer on a Docker host",
        PeerSelector.ByLabels { Selector: var selector } => selectors.FaultOf(selector, isSubject: false) is { } fault ? $"{peer} matches nobody here: {fault}" : null,
        PeerSelector.ByCidr cidr => CidrCheck.FaultOf(cidr, facts),
        _ => null,
    };

    private bool MatchesNow(PeerSelector.ByLabels labels) =>
        facts.Endpoints!.Any(labels.Matches) || Identity.Reserved.Where(SelectorCheck.IsPresent).Select(PolicyPeer.ForReserved).Any(labels.Matches)
        || labels.Selector.Requirements.Any(requirement => requirement.Source is LabelSources.Cidr or LabelSources.Reserved);
}
