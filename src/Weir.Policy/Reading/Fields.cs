// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Reading;

/// <summary>The fields of one mapping, by name in any case. What does not belong there is recorded as a problem.</summary>
internal sealed class Fields
{
    private readonly ReadContext _context;
    private readonly Dictionary<string, Node> _values = new(StringComparer.OrdinalIgnoreCase);
    private bool _isWhole = true;

    private Fields(ReadContext context, Node node)
    {
        _context = context;
        Node = node;
    }

    /// <summary>The mapping itself.</summary>
    public Node Node { get; }

    /// <summary>The value of a field, or null when it is not written.</summary>
    public Node? this[string name] => _values.GetValueOrDefault(name);

    /// <summary>The same, where one that is written without a value counts as not written.</summary>
    public Node? Value(string name) => this[name] is { IsNull: false } node ? node : null;

    /// <summary>
    /// Records that something is missing, unless a field was refused: that may have been what stood for it, and
    /// has its own problem.
    /// </summary>
    public void Missing(string message)
    {
        if (_isWhole)
        {
            _context.Error(Node, message);
        }
    }

    /// <summary>Reads a mapping; null (with a problem) when the node is none.</summary>
    public static Fields? Of(ReadContext context, Node node, FieldSet set)
    {
        if (node.Kind != NodeKind.Mapping)
        {
            context.Error(node, $"expected {set.Object}, a mapping with {List(set.Known)}; found {node.Found}{(node.IsNull ? "; write {} for an empty one" : "")}");
            return null;
        }

        var fields = new Fields(context, node);
        foreach (var (key, value) in node.Fields)
        {
            if (Has(set.NotEnforced, key.Text))
            {
                fields._isWhole = false;
                context.Error(key, Reading.NotEnforced.Describe(key.Text, set.Object));
            }
            else if (!Has(set.Known, key.Text) && !Has(set.Tolerated ?? [], key.Text))
            {
                fields._isWhole = false;
                Unknown(context, key, set);
            }
            else if (!fields._values.TryAdd(key.Text, value))
            {
                context.Error(key, $"field \"{key.Text}\" is written twice, in different case");
            }
        }

        return fields;
    }

    private static bool Has(IReadOnlyList<string> names, string name) => names.Contains(name, StringComparer.OrdinalIgnoreCase);

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
