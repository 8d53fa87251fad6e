// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Reading;

/// <summary>Reads one Cilium rule: an item of a list of rules, or the spec of a CiliumNetworkPolicy.</summary>
/// <param name="isAudit">What holds for a rule that says nothing of its mode.</param>
internal sealed class CiliumRuleReader(ReadContext context, PolicyScope scope, bool isAudit = false)
{
    private static readonly FieldSet _rule = new(
        "a rule",
        ["endpointSelector", "ingress", "ingressDeny", "egress", "egressDeny", "enableDefaultDeny", "denyResponse", "mode", "labels", "description"],
        ["nodeSelector", "log"]);

    private static readonly FieldSet _defaultDeny = new("enableDefaultDeny", ["ingress", "egress"], []);
    private static readonly FieldSet _label = new("a label", ["key", "value", "source"], []);

    private readonly CiliumEntryReader _entries = new(context, scope);
    private readonly SelectorReader _selectors = new(context);

    /// <param name="node">The rule.</param>
    /// <param name="name">Its name.</param>
    /// <param name="location">Where people look for it.</param>
    /// <returns>Null, with a problem, when it is no rule.</returns>
    public Rule? Read(Node node, string name, SourceLocation location)
    {
        if (Fields.Of(context, node, _rule) is not { } fields)
        {
            return null;
        }

        var entries = new List<RuleEntry>();
        var ingress = ReadSection(fields["ingress"], PolicyDirection.Ingress, false, entries)
            | ReadSection(fields["ingressDeny"], PolicyDirection.Ingress, true, entries);
        var egress = ReadSection(fields["egress"], PolicyDirection.Egress, false, entries)
            | ReadSection(fields["egressDeny"], PolicyDirection.Egress, true, entries);
        if (!ingress && !egress)
        {
            fields.Missing("the rule has no effect: it needs at least one entry in ingress, ingressDeny, egress or egressDeny; \"- {}\" is the entry that allows nothing");
        }

        if (fields.Value("enableDefaultDeny") is { } defaultDeny)
        {
            ReadDefaultDeny(defaultDeny, ref ingress, ref egress);
        }

        var description = fields.Value("description") is { } text ? context.Text(text, "description") : null;
        if (fields["endpointSelector"] is not { } subject)
        {
            fields.Missing("endpointSelector is missing; {} selects every endpoint");
            return null;
        }

        return new Rule
        {
            Name = name,
            Location = location,
            Description = description ?? "",
            Labels = fields.Value("labels") is { } labels ? ReadLabels(labels) : LabelSet.Empty,
            Subject = scope.Selector(_selectors.Read(subject, sources: true)),
            Entries = entries,
            DefaultDenyIngress = ingress,
            DefaultDenyEgress = egress,
            DenyResponse = fields.Value("denyResponse") is { } response ? ReadDenyResponse(response) : null,
            IsAudit = (fields.Value("mode") is { } mode ? context.Mode(mode) : null) ?? isAudit,
        };
    }

    /// <returns>Whether the section has an entry.</returns>
    private bool ReadSection(Node? section, PolicyDirection direction, bool isDeny, List<RuleEntry> entries)
    {
        if (section is null)
        {
            return false;
        }

        var name = (direction == PolicyDirection.Ingress ? "ingress" : "egress") + (isDeny ? "Deny" : "");
        if (section.IsNull)
        {
            context.Warn(section, $"{name} without a value counts as not written; \"[{{}}]\" is the list that allows nothing");
            return false;
        }

        var items = context.List(section, name);
        foreach (var item in items)
        {
            entries.AddRange(_entries.Read(item, direction, isDeny));
        }

        // A section of the wrong type has its own problem already.
        return items.Count > 0 || section.Kind != NodeKind.List;
    }

    private void ReadDefaultDeny(Node node, ref bool ingress, ref bool egress)
    {
        if (Fields.Of(context, node, _defaultDeny) is not { } fields)
        {
            return;
        }

        if (fields.Value("ingress") is { } ingressNode)
        {
            ingress = context.Boolean(ingressNode, "ingress") ?? ingress;
        }

        if (fields.Value("egress") is { } egressNode)
        {
            egress = context.Boolean(egressNode, "egress") ?? egress;
        }
    }

    /// <summary>Weir's own: the field's language has no word for it.</summary>
    private DenyResponse? ReadDenyResponse(Node node)
    {
        switch (node.Kind == NodeKind.Scalar ? node.Text : "")
        {
            case "answer":
                return DenyResponse.Answer;
            case "drop":
                return DenyResponse.Drop;
            default:
                context.Error(node, $"expected answer or drop for denyResponse; found {node.Found}");
                return null;
        }
    }

    private LabelSet ReadLabels(Node node)
    {
        var labels = new List<Label>();
        foreach (var item in context.List(node, "labels"))
        {
            if (ReadLabel(item) is { } label)
            {
                labels.Add(label);
            }
        }

        return new LabelSet(labels);
    }

    private Label? ReadLabel(Node item)
    {
        if (item.Kind == NodeKind.Scalar)
        {
            if (Label.TryParse(item.Text, out var label))
            {
                return label;
            }

            context.Error(item, $"expected a label such as k8s:app=web; found {item.Found}");
            return null;
        }

        if (Fields.Of(context, item, _label) is not { } fields)
        {
            return null;
        }

        if (fields["key"] is not { } keyNode || context.Text(keyNode, "key") is not { Length: > 0 } key)
        {
            fields.Missing("a label needs a key");
            return null;
        }

        var value = fields["value"] is { IsNull: false } valueNode ? context.Text(valueNode, "value") : "";
        var source = fields["source"] is { IsNull: false } sourceNode ? context.Text(sourceNode, "source") : "";
        return new Label(string.IsNullOrEmpty(source) ? LabelSources.Any : source, key, value ?? "");
    }
}
