// SPDX-License-Identifier: Apache-2.0
using YamlDotNet.Core;

namespace Weir.Policy.Reading;

/// <summary>A value of a YAML or JSON text, with its place. Anchored values are shared, never copied.</summary>
internal sealed class Node
{
    private Node(NodeKind kind, Mark begin)
    {
        Kind = kind;
        Line = (int)begin.Line;
        Column = (int)begin.Column;
        Begin = (int)begin.Index;
    }

    public NodeKind Kind { get; }

    public int Line { get; }

    public int Column { get; }

    /// <summary>Where it begins in the text, in characters.</summary>
    public int Begin { get; }

    /// <summary>Where it ends there, or what comes after it begins.</summary>
    public int End { get; set; }

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

    public static Node Scalar(string text, bool isPlain, Mark begin) =>
        new(NodeKind.Scalar, begin) { Text = text, IsPlain = isPlain };

    public static Node List(Mark begin) => new(NodeKind.List, begin);

    public static Node Mapping(Mark begin) => new(NodeKind.Mapping, begin);
}
