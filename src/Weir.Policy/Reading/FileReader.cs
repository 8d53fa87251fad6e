// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Reading;

/// <summary>Reads a whole file: finds out what each document is and gives it to its reader.</summary>
internal sealed class FileReader(ReadContext context)
{
    private readonly ObjectReader _objects = new(context);
    private string _text = "";
    private int _skipped;

    public List<PolicyDocument> Read(string text)
    {
        _text = text.TrimStart('\uFEFF');
        var documents = new List<PolicyDocument>();
        var places = new Dictionary<DocumentKey, SourceLocation>();
        foreach (var (policy, root) in new YamlReader(context).Read(_text).SelectMany(document => ReadDocument(document, 0)))
        {
            documents.Add(policy);
            if (!places.TryAdd(policy.Key, context.Location(root)))
            {
                context.Error(root, $"{policy.Kind} \"{policy.Name}\" is in this file twice; the first is in line {places[policy.Key].Line}");
            }
        }

        if (documents.Count == 0 && _skipped == 0 && !context.HasErrors)
        {
            context.Error(context.Location(1, 1), "the file has no policy in it");
        }

        return documents;
    }

    private static string Describe(Node root) =>
        root.Kind == NodeKind.Mapping && root.Fields.Count > 0 ? $"a mapping with field {root.Fields[0].Key.Found}" : root.Found;

    private static bool Has(Node mapping, string name) =>
        mapping.Fields.Exists(field => field.Key.Text.Equals(name, StringComparison.OrdinalIgnoreCase));

    /// <summary>What Cilium's users wrote before there were endpoint selectors.</summary>
    private static bool IsPolicyTree(Node root) =>
        Has(root, "children") || (Has(root, "name") && Has(root, "rules")) || (Has(root, "coverage") && !Has(root, "endpointSelector"));

    private IEnumerable<(PolicyDocument Policy, Node Root)> ReadDocument(YamlDocument document, int depth)
    {
        var root = document.Root;
        if (root.IsNull)
        {
            return [];
        }

        if (root.Kind == NodeKind.Mapping && (Has(root, "kind") || Has(root, "apiVersion")))
        {
            return ReadObject(document, depth);
        }

        List<Rule> rules;
        switch (root.Kind)
        {
            case NodeKind.List when !root.Items.Exists(IsPolicyTree):
                rules = ReadRules(root);
                break;
            case NodeKind.Mapping when Has(root, "endpointSelector") || Has(root, "nodeSelector"):
                rules = ObjectReader.ReadRules(context, [root], new CiliumRuleReader(context, PolicyScope.Everything), FileBaseName());
                break;
            case NodeKind.List:
            case NodeKind.Mapping when IsPolicyTree(root):
                context.Error(root, "this is a policy tree (nodes with name, rules and children), Cilium's language before 2017, which Weir does not read; write a list of rules, each with endpointSelector and ingress or egress");
                return [];
            case NodeKind.Mapping when Has(root, "services"):
                context.Error(root, "this is a file of services: 'weir service apply' takes it");
                return [];
            case NodeKind.Mapping when Has(root, "tests"):
                context.Error(root, "this is a file of tests: 'weir policy test' takes it");
                return [];
            default:
                context.Error(root, $"expected a list of rules, or an object with kind {string.Join(", ", ObjectReader.Kinds)}; found {Describe(root)}");
                return [];
        }

        var firstLine = context.Location(document.FirstLine, 1).Line;
        return [(new PolicyDocument(FileBaseName(), "CiliumRules", rules, context.File, document.Text, firstLine), root)];
    }

    private List<Rule> ReadRules(Node list)
    {
        if (list.Items.Count == 0)
        {
            context.Error(list, "the list has no rule in it");
        }

        return ObjectReader.ReadRules(context, list.Items, new CiliumRuleReader(context, PolicyScope.Everything), FileBaseName());
    }

    private IEnumerable<(PolicyDocument Policy, Node Root)> ReadObject(YamlDocument document, int depth)
    {
        var root = document.Root;
        var kindNode = root.Fields.Find(field => field.Key.Text.Equals("kind", StringComparison.OrdinalIgnoreCase)).Value;
        var version = root.Fields.Find(field => field.Key.Text.Equals("apiVersion", StringComparison.OrdinalIgnoreCase)).Value?.Text ?? "";
        var kind = kindNode?.Text ?? "";
        if (kind.Length > 0 && version.Length > 0 && ForeignKinds.Refusal(version, kind) is { } refusal && !IsOurs(version, kind))
        {
            context.Error(kindNode!, refusal);
            return [];
        }

        if (ObjectReader.Kinds.Contains(kind))
        {
            return _objects.Read(document, kind) is { } policy ? [(policy, root)] : [];
        }

        if (ObjectList.IsList(kind) && depth == 0)
        {
            return [.. ObjectList.Items(context, document, _text).SelectMany(item => ReadDocument(item, depth + 1))];
        }

        var nearest = NearestName.Find(kind, ObjectReader.Kinds);
        if (kind.Length > 0 && version.Length > 0 && nearest is null && !ObjectList.IsList(kind))
        {
            _skipped++;
            context.Notice(kindNode!, $"kind {kind} is no policy; passed over");
            return [];
        }

        var hint = nearest is null ? "" : $"; did you mean \"{nearest}\"?";
        var found = kindNode is null ? "none" : kindNode.Found;
        context.Error(kindNode ?? root, kind.Length > 0 && version.Length == 0
            ? $"an object needs apiVersion beside kind {found}{hint}"
            : $"expected kind {string.Join(", ", ObjectReader.Kinds)}; found {found}{hint}");
        return [];
    }

    /// <summary>Calico has a NetworkPolicy of its own; of any other group it is a version that is wrong.</summary>
    private static bool IsOurs(string version, string kind) =>
        ObjectReader.Kinds.Contains(kind, StringComparer.OrdinalIgnoreCase) && !version.Contains("projectcalico.org/", StringComparison.Ordinal);

    private string FileBaseName()
    {
        var name = context.File[(context.File.LastIndexOf('/') + 1)..];
        var dot = name.LastIndexOf('.');
        name = dot > 0 ? name[..dot] : name;
        return name is "" or "-" ? "stdin" : name;
    }
}
