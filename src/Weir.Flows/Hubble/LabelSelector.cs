// SPDX-License-Identifier: Apache-2.0

using Weir.Policy;

namespace Weir.Flows.Hubble;

/// <summary>A selector as Kubernetes writes it: "role=api,tier in (a, b),!old". Keys may have a source: "container:role".</summary>
internal sealed class LabelSelector
{
    private readonly List<(Label Key, bool Negated, string[]? Values)> _requirements = [];

    /// <exception cref="FormatException">It is none.</exception>
    internal LabelSelector(string text)
    {
        foreach (string part in Parts(text))
        {
            _requirements.Add(Requirement(part));
        }

        if (_requirements.Count == 0)
        {
            throw new FormatException($"\"{text}\" selects nothing: write key=value");
        }
    }

    internal bool Matches(IReadOnlyList<Label> labels) => _requirements.All(wanted =>
        wanted.Negated != labels.Any(label => label.Key == wanted.Key.Key && (wanted.Key.IsOfAnySource || label.Source == wanted.Key.Source) && (wanted.Values is null || wanted.Values.Contains(label.Value))));

    private static (Label Key, bool Negated, string[]? Values) Requirement(string part)
    {
        if (part.EndsWith(')'))
        {
            int open = part.IndexOf('(', StringComparison.Ordinal);
            string[] words = open < 0 ? [] : part[..open].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            return words is [var key, "in" or "notin"]
                ? (KeyOf(key), words[1] == "notin", part[(open + 1)..^1].Split(',', StringSplitOptions.TrimEntries))
                : throw new FormatException($"\"{part}\" is no part of a selector: write key in (value, value)");
        }

        if (part.StartsWith('!'))
        {
            return (KeyOf(part[1..]), true, null);
        }

        int equals = part.IndexOf('=', StringComparison.Ordinal);
        if (equals < 0)
        {
            return (KeyOf(part), false, null);
        }

        bool negated = equals > 0 && part[equals - 1] == '!';
        string value = part[(equals + 1)..];
        return (KeyOf(part[..(negated ? equals - 1 : equals)]), negated, [(value.StartsWith('=') ? value[1..] : value).Trim()]);
    }

    private static Label KeyOf(string text) =>
        text.Trim() is { Length: > 0 } key && !key.Contains(' ', StringComparison.Ordinal) && Label.TryParse(key, out Label? label) ? label : throw new FormatException($"\"{text}\" is no label's key");

    /// <summary>Commas in brackets separate values, others separate requirements.</summary>
    private static IEnumerable<string> Parts(string text)
    {
        int begin = 0, depth = 0;
        for (int i = 0; i <= text.Length; i++)
        {
            depth += i == text.Length ? 0 : text[i] == '(' ? 1 : text[i] == ')' ? -1 : 0;
            if (i == text.Length || (text[i] == ',' && depth == 0))
            {
                string part = text[begin..i].Trim();
                begin = i + 1;
                if (part.Length > 0)
                {
                    yield return part;
                }
            }
        }
    }
}
