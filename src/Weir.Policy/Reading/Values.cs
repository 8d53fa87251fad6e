// SPDX-License-Identifier: Apache-2.0
using System.Globalization;

namespace Weir.Policy.Reading;

/// <summary>Reads simple values; a problem is recorded and null returned when the node is something else.</summary>
internal static class Values
{
    public static string? Text(this ReadContext context, Node node, string what)
    {
        if (node.Kind == NodeKind.Scalar && !node.IsNull)
        {
            return node.Text;
        }

        context.Error(node, $"expected {what}, a text; found {node.Found}");
        return null;
    }

    public static bool? Boolean(this ReadContext context, Node node, string what)
    {
        if (node is { Kind: NodeKind.Scalar, IsPlain: true, Text: "true" or "false" })
        {
            return node.Text == "true";
        }

        context.Error(node, $"expected true or false for {what}; found {node.Found}");
        return null;
    }

    /// <summary>Weir's own, of a rule or a policy. True: audit.</summary>
    public static bool? Mode(this ReadContext context, Node node)
    {
        string[] modes = ["enforce", "audit"];
        if (node is { Kind: NodeKind.Scalar, IsNull: false } && modes.Contains(node.Text))
        {
            return node.Text == "audit";
        }

        var nearest = node.Kind == NodeKind.Scalar ? NearestName.Find(node.Text, modes) : null;
        context.Error(node, $"expected enforce or audit for mode; found {node.Found}{(nearest is null ? "" : $"; did you mean \"{nearest}\"?")}");
        return null;
    }

    public static int? Integer(this ReadContext context, Node node, string what, int least, int most)
    {
        if (node.Kind == NodeKind.Scalar
            && int.TryParse(node.Text, NumberStyles.None, null, out var number)
            && number >= least
            && number <= most)
        {
            return number;
        }

        context.Error(node, $"expected {what}, a number from {least} to {most}; found {node.Found}");
        return null;
    }

    /// <summary>A list without a value could be read as "all" and as "none": nobody should have to guess.</summary>
    private static string EmptyHint(string what) => what switch
    {
        _ when what.EndsWith("Endpoints", StringComparison.Ordinal) => "; write [{}] to mean every endpoint, [] to mean nobody, or leave it out to mean everybody",
        _ when what.EndsWith("Entities", StringComparison.Ordinal) => "; write [all] to mean everybody, [] to mean nobody",
        _ when what.StartsWith("from", StringComparison.Ordinal) || what.StartsWith("to", StringComparison.Ordinal) => "; leave it out to mean all, or write what is meant",
        _ => "",
    };

    /// <summary>The members of a list; empty, with a problem, when it is none.</summary>
    public static IReadOnlyList<Node> List(this ReadContext context, Node node, string what)
    {
        if (node.Kind == NodeKind.List)
        {
            return node.Items;
        }

        context.Error(node, $"expected {what}, a list; found {node.Found}{(node.IsNull ? EmptyHint(what) : "")}");
        return [];
    }
}
