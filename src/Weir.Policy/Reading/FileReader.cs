// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Reading;

/// <summary>Reads a whole file: finds out what each document is and gives it to its reader.</summary>
internal sealed class FileReader(ReadContext context)
{
    private const int LongestName = 253;

    private static readonly FieldSet _cilium = new("a Cilium policy", ["apiVersion", "kind", "metadata", "spec", "specs", "status"], []);
    private static readonly FieldSet _kubernetes = new("a NetworkPolicy", ["apiVersion", "kind", "metadata", "spec", "status"], []);
    private static readonly string[] _kinds = ["CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy", "NetworkPolicy"];

    public List<PolicyDocument> Read(string text)
    {
        var documents = new List<PolicyDocument>();
        var names = new Dictionary<string, SourceLocation>(StringComparer.Ordinal);
        var yaml = new YamlReader(context).Read(text.TrimStart('\uFEFF'));
        foreach (var document in yaml)
        {
            if (document.Root.IsNull)
            {
                continue;
            }

            if (ReadDocument(document) is not { } policy)
            {
                continue;
            }

            documents.Add(policy);
            if (!names.TryAdd(policy.Name, context.Location(document.Root)))
            {
                context.Error(document.Root, $"policy \"{policy.Name}\" is in this file twice; the first is in line {names[policy.Name].Line}");
            }
        }

        if (documents.Count == 0 && !context.HasErrors)
        {
            context.Error(context.Location(1, 1), "the file has no policy in it");
        }

        return documents;
    }

    private PolicyDocument? ReadDocument(YamlDocument document)
    {
        var root = document.Root;
        switch (root.Kind)
        {
            case NodeKind.List:
                return Document(document, FileBaseName(), "CiliumRules", ReadRules(root));
            case NodeKind.Mapping when Has(root, "kind") || Has(root, "apiVersion"):
                return ReadObject(document);
            case NodeKind.Mapping when Has(root, "endpointSelector") || Has(root, "nodeSelector"):
                var rule = new CiliumRuleReader(context, PolicyScope.Everything).Read(root, FileBaseName(), context.Location(root));
                return Document(document, FileBaseName(), "CiliumRules", rule is null ? [] : [rule]);
            default:
                context.Error(root, $"expected a list of rules, or an object with kind {string.Join(", ", _kinds)}; found {Describe(root)}");
                return null;
        }
    }

    private static string Describe(Node root) =>
        root.Kind == NodeKind.Mapping && root.Fields.Count > 0 ? $"a mapping with field {root.Fields[0].Key.Found}" : root.Found;

    private static bool Has(Node mapping, string name) =>
        mapping.Fields.Exists(field => field.Key.Text.Equals(name, StringComparison.OrdinalIgnoreCase));

    private List<Rule> ReadRules(Node list)
    {
        if (list.Items.Count == 0)
        {
            context.Error(list, "the list has no rule in it");
        }

        return ReadRules(list.Items, new CiliumRuleReader(context, PolicyScope.Everything), FileBaseName());
    }

    private List<Rule> ReadRules(IReadOnlyList<Node> items, CiliumRuleReader reader, string name)
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

    private PolicyDocument? ReadObject(YamlDocument document)
    {
        var root = document.Root;
        var kindNode = root.Fields.Find(field => field.Key.Text.Equals("kind", StringComparison.OrdinalIgnoreCase)).Value;
        var kind = kindNode?.Text ?? "";
        if (!_kinds.Contains(kind))
        {
            var nearest = NearestName.Find(kind, _kinds);
            var hint = nearest is null ? "" : $"; did you mean \"{nearest}\"?";
            var found = kindNode is null ? "none" : kindNode.Found;
            context.Error(kindNode ?? root, $"expected kind {string.Join(", ", _kinds)}; found {found}{hint}");
            return null;
        }

        var isKubernetes = kind == "NetworkPolicy";
        if (Fields.Of(context, root, isKubernetes ? _kubernetes : _cilium) is not { } fields)
        {
            return null;
        }

        CheckVersion(fields, isKubernetes ? "networking.k8s.io/v1" : "cilium.io/v2");
        if (ReadMetadata(fields, kind) is not var (name, scope))
        {
            return null;
        }

        var rules = isKubernetes ? ReadKubernetes(fields, name, scope) : ReadCilium(fields, name, scope);
        return Document(document, name, kind, rules);
    }

    private void CheckVersion(Fields fields, string expected)
    {
        if (fields["apiVersion"]?.Text != expected)
        {
            var node = fields["apiVersion"];
            context.Error(node ?? fields.Node, $"expected apiVersion {expected}; found {(node is null ? "none" : node.Found)}");
        }
    }

    private List<Rule> ReadKubernetes(Fields fields, string name, PolicyScope scope)
    {
        if (fields["spec"] is not { } spec)
        {
            context.Error(fields.Node, "spec is missing");
            return [];
        }

        var rule = new KubernetesPolicyReader(context, scope).Read(spec, name, context.Location(fields.Node));
        return rule is null ? [] : [rule];
    }

    private List<Rule> ReadCilium(Fields fields, string name, PolicyScope scope)
    {
        var reader = new CiliumRuleReader(context, scope);
        var (spec, specs) = (fields["spec"], fields["specs"]);
        if ((spec is null) == (specs is null))
        {
            context.Error(specs ?? fields.Node, spec is null ? "spec is missing" : "spec and specs stand beside one another; write all rules under specs");
            return [];
        }

        if (specs is not null)
        {
            var items = context.List(specs, "specs");
            if (specs is { Kind: NodeKind.List, Items.Count: 0 })
            {
                context.Error(specs, "specs has no rule in it");
            }

            return ReadRules(items, reader, name);
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

        context.Warn(namespaceNode, $"the policy is about namespace {namespaceNode.Text}: it selects containers with label {PolicyScope.NamespaceLabel}={namespaceNode.Text} only; leave the namespace out to mean every container");
        return ($"{namespaceNode.Text}/{nameNode.Text}", new PolicyScope(SelectorScope.ManagedEndpoints, namespaceNode.Text));
    }

    private static bool IsName(Node node) =>
        node.Kind == NodeKind.Scalar
        && node.Text.Length is > 0 and <= LongestName
        && node.Text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_');

    private PolicyDocument Document(YamlDocument document, string name, string kind, List<Rule> rules) =>
        new(name, kind, rules, context.File, document.Text, context.Location(document.FirstLine, 1).Line);

    private string FileBaseName()
    {
        var name = context.File[(context.File.LastIndexOf('/') + 1)..];
        var dot = name.LastIndexOf('.');
        name = dot > 0 ? name[..dot] : name;
        return name is "" or "-" ? "stdin" : name;
    }
}
