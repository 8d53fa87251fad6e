// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Reading;

/// <summary>Reads selectors by label.</summary>
internal sealed class SelectorReader(ReadContext context)
{
    private static readonly FieldSet _selector = new("a selector", ["matchLabels", "matchExpressions"], []);
    private static readonly FieldSet _expression = new("an expression", ["key", "operator", "values"], []);

    /// <summary>
    /// Requirements of a selector. <paramref name="sources"/>: keys can have a source before a colon; if
    /// not, every source fits.
    /// </summary>
    public List<SelectorRequirement> Read(Node node, bool sources)
    {
        var requirements = new List<SelectorRequirement>();
        if (Fields.Of(context, node, _selector) is not { } fields)
        {
            return requirements;
        }

        if (fields.Value("matchLabels") is { } labels)
        {
            ReadLabels(labels, sources, requirements);
        }

        if (fields.Value("matchExpressions") is { } expressions)
        {
            foreach (var expression in context.List(expressions, "matchExpressions"))
            {
                if (ReadExpression(expression, sources) is { } requirement)
                {
                    requirements.Add(requirement);
                }
            }
        }

        return requirements;
    }

    private void ReadLabels(Node labels, bool sources, List<SelectorRequirement> requirements)
    {
        if (labels.Kind != NodeKind.Mapping)
        {
            context.Error(labels, $"expected matchLabels, a mapping of label to value; found {labels.Found}");
            return;
        }

        foreach (var (key, value) in labels.Fields)
        {
            // "reserved:host:" without a value is how reserved labels are written.
            var text = value.IsNull ? "" : context.Text(value, $"the value of label \"{key.Text}\"");
            if (text is not null && Key(key, sources) is var (source, name))
            {
                requirements.Add(new SelectorRequirement(source, name, SelectorOperator.In, [text]));
            }
        }
    }

    private SelectorRequirement? ReadExpression(Node node, bool sources)
    {
        if (Fields.Of(context, node, _expression) is not { } fields)
        {
            return null;
        }

        if (fields["key"] is not { } keyNode || fields["operator"] is not { } operatorNode)
        {
            fields.Missing("an expression needs key and operator");
            return null;
        }

        var key = context.Text(keyNode, "key") is null ? null : Key(keyNode, sources);
        var values = new List<string>();
        if (fields["values"] is { IsNull: false } valueNodes)
        {
            foreach (var value in context.List(valueNodes, "values"))
            {
                if (context.Text(value, "a value") is { } text)
                {
                    values.Add(text);
                }
            }
        }

        if (ReadOperator(operatorNode) is not { } comparison || key is not var (source, name))
        {
            return null;
        }

        var wantsValues = comparison is SelectorOperator.In or SelectorOperator.NotIn;
        if (wantsValues != values.Count > 0)
        {
            context.Error(node, wantsValues ? $"operator {comparison} needs values" : $"operator {comparison} takes no values");
            return null;
        }

        return new SelectorRequirement(source, name, comparison, values);
    }

    private SelectorOperator? ReadOperator(Node node)
    {
        SelectorOperator? found = node.Text switch
        {
            "In" => SelectorOperator.In,
            "NotIn" => SelectorOperator.NotIn,
            "Exists" => SelectorOperator.Exists,
            "DoesNotExist" => SelectorOperator.DoesNotExist,
            _ => null,
        };
        if (found is null)
        {
            context.Error(node, $"expected operator In, NotIn, Exists or DoesNotExist; found {node.Found}");
        }

        return found;
    }

    private (string Source, string Name)? Key(Node key, bool sources)
    {
        var (source, name) = sources ? Label.SplitKey(key.Text) : (LabelSources.Any, key.Text);

        // Whoever writes "k8s:app" means the workload's own label; a container's comes from Docker here.
        source = source == LabelSources.Kubernetes ? LabelSources.Any : source;
        if (name.Length == 0)
        {
            context.Error(key, $"expected the key of a label; found {key.Found}");
            return null;
        }

        return (source, name);
    }
}
