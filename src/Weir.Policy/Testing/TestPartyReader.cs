// SPDX-License-Identifier: Apache-2.0
using Weir.Net;
using Weir.Policy.Reading;

namespace Weir.Policy.Testing;

/// <summary>Reads whom a test is about.</summary>
internal sealed class TestPartyReader(ReadContext context)
{
    /// <summary>Identities that a test can speak of: who is somebody on a Docker host.</summary>
    private static readonly string[] _reserved =
        [.. Identity.Reserved.Where(identity => identity == Identity.World || PolicyCheck.IsSomebody(identity)).Select(identity => identity.ReservedName!)];

    private readonly Dictionary<string, (LabelSet Labels, Node Name)> _workloads = new(StringComparer.Ordinal);

    /// <summary>Reads the mapping of names to labels.</summary>
    public void Declare(Node node)
    {
        if (node.Kind != NodeKind.Mapping)
        {
            context.Error(node, $"expected workloads, a mapping of names to labels such as {{web: {{role: web}}}}; found {node.Found}");
            return;
        }

        foreach (var (name, value) in node.Fields)
        {
            var labels = value.Kind == NodeKind.Scalar ? LabelsOf(value, value.IsNull ? "" : value.Text) : LabelsOf(value);
            if (name.Text.Length == 0 || name.Text.Contains('=', StringComparison.Ordinal) || IpPrefix.TryParse(name.Text, out _) || Identity.TryParseReserved(name.Text, out _))
            {
                context.Error(name, $"a workload cannot be named {name.Found}: from and to mean something else by it");
            }

            _workloads[name.Text] = (labels ?? LabelSet.Empty, name);
        }
    }

    /// <summary>Reads from or to; null with a problem.</summary>
    public TestParty? Read(Node node, string field)
    {
        if (node.Kind == NodeKind.Mapping)
        {
            return LabelsOf(node) is { } own ? TestParty.Workload(own.Count == 0 ? "a container without labels" : Short(own), own) : null;
        }

        if (context.Text(node, $"{field}, a workload, labels, an address or a reserved name") is not { } text)
        {
            return null;
        }

        if (_workloads.TryGetValue(text, out var workload))
        {
            return TestParty.Workload(text, workload.Labels);
        }

        if (text.Contains('=', StringComparison.Ordinal))
        {
            return LabelsOf(node, text) is { } labels ? TestParty.Workload(text, labels) : null;
        }

        if (IpPrefix.TryParse(text, out var prefix))
        {
            return TestParty.Outside(text, prefix);
        }

        if (Identity.TryParseReserved(text, out var reserved) && _reserved.Contains(reserved.ReservedName))
        {
            return TestParty.Reserved(text, reserved);
        }

        context.Error(node, Refusal(text, field));
        return null;
    }

    /// <summary>The labels without their source: all come from Docker.</summary>
    private static string Short(LabelSet labels) => string.Join(",", labels.Select(label => label.Value.Length == 0 ? label.Key : $"{label.Key}={label.Value}"));

    private string Refusal(string text, string field)
    {
        if (EntityNames.TryParse(text, out var entity) && entity is Entity.All or Entity.Cluster or Entity.None)
        {
            return $"{field}: {text} is not one peer; write a test for each that you mean: workloads, host, world, an address";
        }

        if (Identity.TryParseReserved(text, out _))
        {
            return $"{field}: nobody is {text} on a Docker host; there are {string.Join(", ", _reserved)}";
        }

        var nearest = NearestName.Find(text, _workloads.Keys.Concat(_reserved));
        return $"{field}: no workload is named \"{(text.Length > 60 ? text[..60] + "…" : text)}\""
            + (nearest is null
                ? $"; declare it under workloads, or write labels such as role=web, an address, or one of {string.Join(", ", _reserved)}"
                : $"; did you mean \"{nearest}\"?");
    }

    /// <summary>{role: web}, or [role=web].</summary>
    private LabelSet? LabelsOf(Node node)
    {
        if (node.Kind == NodeKind.List)
        {
            string[] texts = [.. node.Items.Select(item => context.Text(item, "a label")).OfType<string>()];
            return LabelsOf(node, string.Join(",", texts));
        }

        var labels = new List<Label>();
        foreach (var (key, value) in node.Fields)
        {
            if (value.Kind != NodeKind.Scalar)
            {
                context.Error(value, $"expected the value of label {key.Text}, a text; found {value.Found}");
                return null;
            }

            var (source, name) = Label.SplitKey(key.Text);
            labels.Add(new Label(source, name, value.IsNull ? "" : value.Text));
        }

        return Checked(node, labels);
    }

    /// <summary>"role=web,app=shop".</summary>
    private LabelSet? LabelsOf(Node node, string text)
    {
        var labels = new List<Label>();
        foreach (var part in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (!Label.TryParse(part, out var label))
            {
                context.Error(node, $"\"{part}\" is not a label; write key=value");
                return null;
            }

            labels.Add(label);
        }

        return Checked(node, labels);
    }

    /// <summary>As Docker's labels become part of an identity.</summary>
    private LabelSet? Checked(Node node, List<Label> labels)
    {
        foreach (var label in labels)
        {
            if (label.Key.Length == 0 || (!label.IsOfAnySource && label.Source != LabelSources.Container))
            {
                context.Error(node, label.Key.Length == 0 ? "the key of a label is empty" : $"a container has no label of source {label.Source}; write {label.Key} alone");
                return null;
            }
        }

        return new LabelSet(labels.Select(label => label with { Source = LabelSources.Container }));
    }
}
