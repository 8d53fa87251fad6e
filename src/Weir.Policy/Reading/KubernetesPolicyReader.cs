// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Reading;

/// <summary>
/// Reads the spec of a Kubernetes NetworkPolicy. Its defaults differ from Cilium's and are made explicit:
/// an entry without peers and ports allows everything, a direction named in policyTypes denies by default.
/// </summary>
internal sealed class KubernetesPolicyReader(ReadContext context, PolicyScope scope)
{
    private const string NamespaceName = "kubernetes.io/metadata.name";

    private static readonly FieldSet _spec = new(
        "the spec of a NetworkPolicy", ["podSelector", "policyTypes", "ingress", "egress"], []);

    private static readonly FieldSet _ingress = new("an ingress entry", ["from", "ports"], []);
    private static readonly FieldSet _egress = new("an egress entry", ["to", "ports"], []);
    private static readonly FieldSet _peer = new("a peer", ["podSelector", "namespaceSelector", "ipBlock"], []);
    private static readonly FieldSet _ipBlock = new("ipBlock", ["cidr", "except"], []);

    private readonly SelectorReader _selectors = new(context);
    private readonly PortReader _ports = new(context);

    public Rule? Read(Node node, string name, SourceLocation location)
    {
        if (Fields.Of(context, node, _spec) is not { } fields)
        {
            return null;
        }

        var entries = new List<RuleEntry>();
        ReadSection(fields["ingress"], PolicyDirection.Ingress, entries);
        ReadSection(fields["egress"], PolicyDirection.Egress, entries);
        var (ingress, egress) = ReadTypes(fields);
        WarnOfIdle(fields["ingress"], ingress, "Ingress");
        WarnOfIdle(fields["egress"], egress, "Egress");
        if (fields["podSelector"] is not { } subject)
        {
            fields.Missing("podSelector is missing; {} selects every endpoint");
            return null;
        }

        return new Rule
        {
            Name = name,
            Location = location,
            Subject = scope.Selector(subject.IsNull ? [] : _selectors.Read(subject, sources: false)),
            // A section whose type is not named has no effect.
            Entries = [.. entries.Where(entry => entry.Direction == PolicyDirection.Ingress ? ingress : egress)],
            DefaultDenyIngress = ingress,
            DefaultDenyEgress = egress,
        };
    }

    private void WarnOfIdle(Node? section, bool isNamed, string type)
    {
        if (section is { Kind: NodeKind.List, Items.Count: > 0 } && !isNamed)
        {
            context.Warn(section, $"{type.ToLowerInvariant()} has no effect: policyTypes does not name {type}");
        }
    }

    private (bool Ingress, bool Egress) ReadTypes(Fields fields)
    {
        if (fields.Value("policyTypes") is not { } types || types is { Kind: NodeKind.List, Items.Count: 0 })
        {
            return (true, fields["egress"] is { Kind: NodeKind.List, Items.Count: > 0 });
        }

        var (ingress, egress) = (false, false);
        foreach (var type in context.List(types, "policyTypes"))
        {
            switch (type.Text)
            {
                case "Ingress":
                    ingress = true;
                    break;
                case "Egress":
                    egress = true;
                    break;
                default:
                    context.Error(type, $"expected policy type Ingress or Egress; found {type.Found}");
                    break;
            }
        }

        return (ingress, egress);
    }

    private void ReadSection(Node? section, PolicyDirection direction, List<RuleEntry> entries)
    {
        if (section is null || section.IsNull)
        {
            return;
        }

        var isIngress = direction == PolicyDirection.Ingress;
        foreach (var item in context.List(section, isIngress ? "ingress" : "egress"))
        {
            if (Fields.Of(context, item, isIngress ? _ingress : _egress) is { } fields)
            {
                var peers = ReadPeers(fields[isIngress ? "from" : "to"], isIngress ? "from" : "to");
                entries.Add(new RuleEntry(direction, false, peers, ReadPorts(fields["ports"]), context.Location(item)));
            }
        }
    }

    /// <summary>No list, and an empty one, mean every peer.</summary>
    private List<PeerSelector>? ReadPeers(Node? node, string name)
    {
        if (node is null || node.IsNull || context.List(node, name) is not { Count: > 0 } items)
        {
            return null;
        }

        var peers = new List<PeerSelector>();
        foreach (var item in items)
        {
            if (Fields.Of(context, item, _peer) is { } fields && ReadPeer(fields) is { } peer)
            {
                peers.Add(peer);
            }
        }

        return peers;
    }

    private PeerSelector? ReadPeer(Fields fields)
    {
        var (pods, namespaces, block) = (fields.Value("podSelector"), fields.Value("namespaceSelector"), fields.Value("ipBlock"));
        if (block is not null)
        {
            if (pods is not null || namespaces is not null)
            {
                context.Error(fields.Node, "ipBlock stands beside a selector; write a peer for each");
            }

            return Fields.Of(context, block, _ipBlock) is { } blockFields ? context.CidrSet(blockFields) : null;
        }

        if (pods is null && namespaces is null)
        {
            fields.Missing("a peer needs podSelector, namespaceSelector or ipBlock; write {} behind one of them for all");
            return null;
        }

        var requirements = pods is null ? [] : _selectors.Read(pods, sources: false);
        if (namespaces is null)
        {
            return new PeerSelector.ByLabels(scope.Selector(requirements));
        }

        return new PeerSelector.ByLabels(new EndpointSelector(
            SelectorScope.ManagedEndpoints, [.. ReadNamespaces(namespaces), .. requirements]));
    }

    /// <summary>A host has no namespaces with labels: all of them, or one by its name, is what can be said.</summary>
    private List<SelectorRequirement> ReadNamespaces(Node node)
    {
        var requirements = _selectors.Read(node, sources: false);
        foreach (var requirement in requirements)
        {
            if (requirement.Key != NamespaceName)
            {
                context.Error(node, $"namespaceSelector by label \"{requirement.Key}\" is not enforced by Weir: without Kubernetes a namespace has no labels; {{}} or {NamespaceName} can be used");
            }
        }

        return [.. requirements.Select(requirement => requirement with { Key = PolicyScope.NamespaceLabel })];
    }

    /// <summary>No list, and an empty one, mean every port.</summary>
    private List<PortSelector>? ReadPorts(Node? node)
    {
        if (node is null || node.IsNull || context.List(node, "ports") is not { Count: > 0 } items)
        {
            return null;
        }

        var selectors = new List<PortSelector>();
        foreach (var item in items)
        {
            _ports.ReadKubernetesPort(item, selectors);
        }

        return selectors;
    }
}
