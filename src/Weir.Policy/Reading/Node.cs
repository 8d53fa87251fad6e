// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Reading;

/// <summary>A value of a YAML or JSON text, with its place. Anchored values are shared, never copied.</summary>
internal sealed class Node
{
    private Node(NodeKind kind, int line, int column)
    {
        Kind = kind;
        Line = line;
        Column = column;
    }

    public NodeKind Kind { get; }

    public int Line { get; }

    public int Column { get; }

    /// <summary>Text of a scalar, else empty.</summary>
    public string Text { get; private init; } = "";

    /// <summary>Whether a scalar was written without quotes.</summary>
    public bool IsPlain { get; private init; }

    /// <summary>Members of a list.</summary>
    public List<Node> Items { get; } = [];

    /// <summary>Fields of a mapping, in order; keys are scalars.</summary>
    public List<(Node Key, Node Value)> Fields { get; } = [];

    /// <summary>Number of nodes in it, itself included; shared ones count as often as they are used.</summary>
    public long Weight { get; set; } = 1;

    public bool IsNull => Kind == NodeKind.Scalar && IsPlain && Text is "" or "null" or "Null" or "NULL" or "~";

    /// <summary>For messages: "a list", "a mapping", "nothing", "\"text\"".</summary>
    public string Found => Kind switch
    {
        NodeKind.List => "a list",
        NodeKind.Mapping => "a mapping",
        _ when IsNull => "nothing",
        _ => $"\"{(Text.Length > 60 ? Text[..60] + "…" : Text)}\"",
    };

    public static Node Scalar(string text, bool isPlain, int line, int column) =>
        new(NodeKind.Scalar, line, column) { Text = text, IsPlain = isPlain };

    public static Node List(int line, int column) => new(NodeKind.List, line, column);

    public static Node Mapping(int line, int column) => new(NodeKind.Mapping, line, column);
}
