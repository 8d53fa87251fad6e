// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Reading;

/// <summary>Reads one Kubernetes object that is a policy.</summary>
internal sealed class ObjectReader(ReadContext context)
{
    private const int LongestName = 253;

    private static readonly FieldSet _cilium = new("a Cilium policy", ["apiVersion", "kind", "metadata", "mode", "spec", "specs", "status"], [], ["description"]);
    private static readonly FieldSet _kubernetes = new("a NetworkPolicy", ["apiVersion", "kind", "metadata", "mode", "spec", "status"], [], ["description"]);

    /// <summary>The kinds it reads.</summary>
    public static IReadOnlyList<string> Kinds { get; } = ["CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy", "NetworkPolicy"];

    /// <param name="kind">One of <see cref="Kinds"/>.</param>
    /// <returns>Null, with a problem, when it has no name.</returns>
    public PolicyDocument? Read(YamlDocument document, string kind)
    {
        var isKubernetes = kind == "NetworkPolicy";
        if (Fields.Of(context, document.Root, isKubernetes ? _kubernetes : _cilium) is not { } fields)
        {
            return null;
        }

        CheckVersion(fields, isKubernetes ? "networking.k8s.io/v1" : "cilium.io/v2");
        if (fields["description"] is { } description)
        {
            context.Warn(description, "description beside kind has no effect; its place is in spec, with a CiliumNetworkPolicy");
        }

        if (ReadMetadata(fields, kind) is not var (name, scope))
        {
            return null;
        }

        var isAudit = fields.Value("mode") is { } mode && context.Mode(mode) == true;
        var rules = isKubernetes ? ReadKubernetes(fields, name, scope, isAudit) : ReadCilium(fields, name, scope, isAudit);
        return new PolicyDocument(name, kind, rules, context.File, document.Text, context.Location(document.FirstLine, 1).Line) { Namespace = scope.Namespace };
    }

    /// <summary>Reads rules that stand in a list; of several each has its number behind the name.</summary>
    public static List<Rule> ReadRules(ReadContext context, IReadOnlyList<Node> items, CiliumRuleReader reader, string name)
    {
        var rules = new List<Rule>();
        for (var i = 0; i < items.Count; i++)
        {
            if (reader.Read(items[i], items.Count == 1 ? name : $"{name}[{i}]", context.Location(items[i])) is { } rule)
            {
                rules.Add(rule);
            }
        }

        return rules;
    }

    private void CheckVersion(Fields fields, string expected)
    {
        if (fields["apiVersion"]?.Text != expected)
        {
            var node = fields["apiVersion"];
            context.Error(node ?? fields.Node, $"expected apiVersion {expected}; found {(node is null ? "none" : node.Found)}");
        }
    }

    private List<Rule> ReadKubernetes(Fields fields, string name, PolicyScope scope, bool isAudit)
    {
        if (fields["spec"] is not { } spec)
        {
            fields.Missing("spec is missing");
            return [];
        }

        var rule = new KubernetesPolicyReader(context, scope).Read(spec, name, context.Location(fields.Node));
        return rule is null ? [] : [rule with { IsAudit = isAudit }];
    }

    private List<Rule> ReadCilium(Fields fields, string name, PolicyScope scope, bool isAudit)
    {
        var reader = new CiliumRuleReader(context, scope, isAudit);
        var (spec, specs) = (fields.Value("spec"), fields.Value("specs"));
        if (spec is null && specs is null)
        {
            fields.Missing("spec is missing");
            return [];
        }

        if (spec is not null && specs is not null)
        {
            context.Error(specs, "spec and specs stand beside one another; write all rules under specs");
            return [];
        }

        if (specs is not null)
        {
            var items = context.List(specs, "specs");
            if (specs is { Kind: NodeKind.List, Items.Count: 0 })
            {
                context.Error(specs, "specs has no rule in it");
            }

            return ReadRules(context, items, reader, name);
        }

        return reader.Read(spec!, name, context.Location(fields.Node)) is { } rule ? [rule] : [];
    }

    /// <summary>
    /// Name and scope. Metadata has many fields of Kubernetes' own: those that matter here are read, the
    /// others passed over.
    /// </summary>
    private (string Name, PolicyScope Scope)? ReadMetadata(Fields fields, string kind)
    {
        if (fields["metadata"] is not { Kind: NodeKind.Mapping } metadata)
        {
            context.Error(fields["metadata"] ?? fields.Node, "expected metadata, a mapping with name");
            return null;
        }

        var nameNode = metadata.Fields.Find(field => field.Key.Text == "name").Value;
        var namespaceNode = metadata.Fields.Find(field => field.Key.Text == "namespace").Value;
        if (nameNode is null || !IsName(nameNode))
        {
            context.Error(nameNode ?? metadata, $"expected metadata.name, letters, digits, '-' and '.'; found {(nameNode is null ? "none" : nameNode.Found)}");
            return null;
        }

        if (namespaceNode is null || namespaceNode.IsNull)
        {
            return (nameNode.Text, new PolicyScope(SelectorScope.ManagedEndpoints, null));
        }

        if (kind == "CiliumClusterwideNetworkPolicy" || !IsName(namespaceNode))
        {
            context.Error(namespaceNode, kind == "CiliumClusterwideNetworkPolicy"
                ? "a cluster-wide policy has no namespace"
                : $"expected a namespace, letters, digits and '-'; found {namespaceNode.Found}");
            return null;
        }

        return ($"{namespaceNode.Text}/{nameNode.Text}", new PolicyScope(SelectorScope.ManagedEndpoints, namespaceNode.Text));
    }

    private static bool IsName(Node node) =>
        node.Kind == NodeKind.Scalar
        && node.Text.Length is > 0 and <= LongestName
        && node.Text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_');
}
