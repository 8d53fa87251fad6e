// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Reading;

/// <summary>
/// Takes a list of Kubernetes objects ("kind: List", as kubectl prints it) apart. Each object gets a text of its
/// own that says the same at the same places: it is kept, and read again, alone.
/// </summary>
internal static class ObjectList
{
    /// <summary>Whether it is a list of objects: List, or a list of one kind, such as NetworkPolicyList.</summary>
    public static bool IsList(string kind) =>
        kind == "List" || (kind.EndsWith("List", StringComparison.Ordinal) && ObjectReader.Kinds.Contains(kind[..^"List".Length]));

    /// <param name="whole">The text that the nodes' places are in.</param>
    public static IEnumerable<YamlDocument> Items(ReadContext context, YamlDocument list, string whole)
    {
        var items = list.Root.Fields.Find(field => field.Key.Text == "items").Value;
        if (items is null || items.IsNull)
        {
            yield break;
        }

        foreach (var item in context.List(items, "items"))
        {
            // In its line and column, with nothing before it.
            var text = new string(' ', item.Column - 1) + whole[item.Begin..Math.Max(item.Begin, item.End)];
            var alone = new ReadContext(context.File, 1);
            if (text.Contains('*', StringComparison.Ordinal) && new YamlReader(alone).Read(text) is var _ && alone.HasErrors)
            {
                context.Error(item, "an item of a list uses an anchor of another item; write it out, or separate the objects by '---'");
                continue;
            }

            yield return new YamlDocument(item, text, item.Line);
        }
    }
}
