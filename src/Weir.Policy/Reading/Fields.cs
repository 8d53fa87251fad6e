// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Reading;

/// <summary>The fields of one mapping, by name in any case. What does not belong there is recorded as a problem.</summary>
internal sealed class Fields
{
    private readonly Dictionary<string, Node> _values = new(StringComparer.OrdinalIgnoreCase);

    private Fields(Node node) => Node = node;

    /// <summary>The mapping itself.</summary>
    public Node Node { get; }

    /// <summary>The value of a field, or null when it is not written.</summary>
    public Node? this[string name] => _values.GetValueOrDefault(name);

    /// <summary>Reads a mapping; null (with a problem) when the node is none.</summary>
    public static Fields? Of(ReadContext context, Node node, FieldSet set)
    {
        if (node.Kind != NodeKind.Mapping)
        {
            context.Error(node, $"expected {set.Object}, a mapping with {List(set.Known)}; found {node.Found}");
            return null;
        }

        var fields = new Fields(node);
        foreach (var (key, value) in node.Fields)
        {
            if (set.NotEnforced.Contains(key.Text, StringComparer.OrdinalIgnoreCase))
            {
                context.Error(key, $"field \"{key.Text}\" in {set.Object} is not enforced by Weir yet; the file is refused, so that nobody relies on it");
            }
            else if (!set.Known.Contains(key.Text, StringComparer.OrdinalIgnoreCase))
            {
                Unknown(context, key, set);
            }
            else if (!fields._values.TryAdd(key.Text, value))
            {
                context.Error(key, $"field \"{key.Text}\" is written twice, in different case");
            }
        }

        return fields;
    }

    private static void Unknown(ReadContext context, Node key, FieldSet set)
    {
        var nearest = NearestName.Find(key.Text, set.Known.Concat(set.NotEnforced));
        var hint = nearest is null ? "" : $"; did you mean \"{nearest}\"?";
        context.Error(key, $"unknown field {key.Found} in {set.Object}; expected {List(set.Known)}{hint}");
    }

    private static string List(IReadOnlyList<string> names) =>
        names.Count == 0 ? "no field"
        : names.Count == 1 ? names[0]
        : $"{string.Join(", ", names.Take(names.Count - 1))} or {names[^1]}";
}
