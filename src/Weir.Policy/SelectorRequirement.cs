// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy;

/// <summary>One condition of a selector. The source <see cref="LabelSources.Any"/> fits labels of every source.</summary>
public sealed record SelectorRequirement(string Source, string Key, SelectorOperator Operator, IReadOnlyList<string> Values)
{
    /// <summary>Whether the labels fulfil it.</summary>
    public bool Matches(LabelSet labels)
    {
        ArgumentNullException.ThrowIfNull(labels);
        return Operator switch
        {
            SelectorOperator.In => Found(labels, needsValue: true),
            SelectorOperator.NotIn => !Found(labels, needsValue: true),
            SelectorOperator.Exists => Found(labels, needsValue: false),
            _ => !Found(labels, needsValue: false),
        };
    }

    /// <summary>"role=web", "k8s:role in (a, b)", "!role".</summary>
    public override string ToString()
    {
        var name = Source == LabelSources.Any ? Key : $"{Source}:{Key}";
        return Operator switch
        {
            SelectorOperator.In when Values.Count == 1 => Values[0].Length == 0 ? name : $"{name}={Values[0]}",
            SelectorOperator.In => $"{name} in ({string.Join(", ", Values)})",
            SelectorOperator.NotIn => $"{name} not in ({string.Join(", ", Values)})",
            SelectorOperator.Exists => $"{name} exists",
            _ => $"no {name}",
        };
    }

    private bool Found(LabelSet labels, bool needsValue)
    {
        foreach (ref readonly var label in labels.AsSpan())
        {
            if (label.Key == Key
                && (Source == LabelSources.Any || label.Source == LabelSources.Any || label.Source == Source)
                && (!needsValue || HasValue(label.Value)))
            {
                return true;
            }
        }

        return false;
    }

    private bool HasValue(string value)
    {
        for (var i = 0; i < Values.Count; i++)
        {
            if (Values[i] == value)
            {
                return true;
            }
        }

        return false;
    }
}
