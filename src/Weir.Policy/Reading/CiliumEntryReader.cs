// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Reading;

/// <summary>Reads one entry of ingress, ingressDeny, egress or egressDeny.</summary>
internal sealed class CiliumEntryReader(ReadContext context, PolicyScope scope)
{
    private static readonly FieldSet _ingress = new(
        "an ingress entry",
        ["fromEndpoints", "fromEntities", "fromCIDR", "fromCIDRSet", "toPorts", "icmps"],
        ["fromNodes", "fromRequires", "fromGroups", "authentication"]);

    private static readonly FieldSet _egress = new(
        "an egress entry",
        ["toEndpoints", "toEntities", "toCIDR", "toCIDRSet", "toPorts", "icmps"],
        ["toServices", "toFQDNs", "toNodes", "toRequires", "toGroups", "authentication"]);

    private static readonly FieldSet _cidrSet = new("a CIDR set", ["cidr", "except"], ["cidrGroupRef", "cidrGroupSelector"]);

    private readonly SelectorReader _selectors = new(context);
    private readonly PortReader _ports = new(context);

    /// <summary>Ports with a list of requests become an entry of their own.</summary>
    public IReadOnlyList<RuleEntry> Read(Node node, PolicyDirection direction, bool isDeny)
    {
        var isIngress = direction == PolicyDirection.Ingress;
        if (Fields.Of(context, node, isIngress ? _ingress : _egress) is not { } fields)
        {
            return [];
        }

        var prefix = isIngress ? "from" : "to";
        var peers = ReadPeers(fields, prefix);
        var ports = ReadPorts(fields, isDeny);
        if (peers is null && ports is null)
        {
            // An entry that names nothing turns enforcement on and selects nobody.
            peers = [];
            if (isDeny && node.Fields.Count == 0)
            {
                context.Warn(node, $"an empty deny entry denies nothing by itself; to deny everybody write {prefix}Entities: [all]");
            }
        }

        return ports is null
            ? [new RuleEntry(direction, isDeny, peers, null, context.Location(node))]
            : [.. ports.Select(group => new RuleEntry(direction, isDeny, peers, group.Ports, context.Location(node), group.Http))];
    }

    private List<PeerSelector>? ReadPeers(Fields fields, string prefix)
    {
        var peers = new List<PeerSelector>();
        var kinds = new List<string>();
        foreach (var kind in (string[])["Endpoints", "Entities", "CIDR", "CIDRSet"])
        {
            if (fields[prefix + kind] is not { } node)
            {
                continue;
            }

            kinds.Add(prefix + kind);
            foreach (var item in context.List(node, prefix + kind))
            {
                if (ReadPeer(kind, item) is { } peer)
                {
                    peers.Add(peer);
                }
            }
        }

        if (kinds.Count > 1)
        {
            context.Error(fields.Node, $"{string.Join(" and ", kinds)} stand in one entry; write an entry for each");
        }

        return kinds.Count == 0 ? null : peers;
    }

    private PeerSelector? ReadPeer(string kind, Node item)
    {
        switch (kind)
        {
            case "Endpoints":
                return new PeerSelector.ByLabels(scope.Selector(_selectors.Read(item, sources: true)));
            case "Entities":
                return ReadEntity(item);
            case "CIDR":
                return context.Cidr(item, "a CIDR") is { } cidr ? new PeerSelector.ByCidr(cidr, []) : null;
            default:
                return Fields.Of(context, item, _cidrSet) is { } fields ? context.CidrSet(fields) : null;
        }
    }

    private PeerSelector.ByEntity? ReadEntity(Node item)
    {
        if (EntityNames.TryParse(item.Text, out var entity))
        {
            return new PeerSelector.ByEntity(entity);
        }

        var nearest = NearestName.Find(item.Text, EntityNames.All);
        var hint = nearest is null ? "" : $"; did you mean \"{nearest}\"?";
        context.Error(item, $"expected an entity ({string.Join(", ", EntityNames.All)}); found {item.Found}{hint}");
        return null;
    }

    private List<PortGroup>? ReadPorts(Fields fields, bool isDeny)
    {
        var toPorts = fields["toPorts"];
        var icmps = fields["icmps"];
        if (toPorts is not null && icmps is not null)
        {
            context.Error(icmps, "icmps stands beside toPorts; write an entry for each");
        }

        return toPorts is not null ? _ports.ReadToPorts(toPorts, isDeny)
            : icmps is not null ? [new PortGroup(_ports.ReadIcmps(icmps), null)]
            : null;
    }
}
