// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Differences;
using Weir.Net;
using Weir.Policy.Evaluation;

namespace Weir.Policy.Comparison;

/// <summary>
/// Cuts all that a container's labels can be into classes that no selector tells apart. Key by key: of a key only what
/// selectors compare matters, and of selectors only those that are not refuted by the keys before.
/// </summary>
internal sealed class LabelClasses
{
    private readonly List<(string Key, List<(ulong[] Mask, string? Value)> Cells)> _keys = [];
    private readonly int _words;

    /// <param name="selectors">All of them; those that ask for the same count once.</param>
    public LabelClasses(IEnumerable<EndpointSelector> selectors)
    {
        Selectors = [.. selectors.Where(selector => selector.Requirements.Count > 0).DistinctBy(PeerMatcher.KeyOf)];
        _words = (Selectors.Count + 63) / 64;
        foreach (var key in Selectors.SelectMany(selector => selector.Requirements).Select(requirement => requirement.Key).Distinct().Order(StringComparer.Ordinal))
        {
            _keys.Add((key, Cells(key)));
        }
    }

    public IReadOnlyList<EndpointSelector> Selectors { get; }

    /// <summary>The keys that selectors ask for.</summary>
    public IReadOnlyList<string> Keys => [.. _keys.Select(key => key.Key)];

    /// <summary>The classes: which selectors hold, and a container for which they do.</summary>
    /// <param name="mostLabels">Containers with more of the keys' labels are left out.</param>
    /// <returns>Null: there are more classes.</returns>
    public List<(ulong[] Mask, LabelSet Labels)>? Find(int mostLabels, int mostClasses)
    {
        var states = new Dictionary<ulong[], Path>(MaskComparer.Instance) { [All()] = new Path(null, null, 0) };
        foreach (var (key, cells) in _keys)
        {
            var next = new Dictionary<ulong[], Path>(MaskComparer.Instance);
            foreach (var (mask, path) in states)
            {
                foreach (var (cell, value) in cells)
                {
                    var count = path.Count + (value is null ? 0 : 1);
                    if (count > mostLabels)
                    {
                        continue;
                    }

                    ulong[] both = [.. mask.Zip(cell, (a, b) => a & b)];
                    if (!next.TryGetValue(both, out var known) || known.Count > count)
                    {
                        next[both] = value is null ? path : new Path(path, new Label(LabelSources.Container, key, value), count);
                    }
                }

                if (next.Count > mostClasses)
                {
                    return null;
                }
            }

            states = next;
        }

        return [.. states.Select(state => (state.Key, state.Value.Labels()))];
    }

    private ulong[] All()
    {
        var mask = new ulong[_words];
        for (var i = 0; i < Selectors.Count; i++)
        {
            mask[i >> 6] |= 1UL << (i & 63);
        }

        return mask;
    }

    /// <summary>What a key can be: missing, each value that selectors name, and one that none names.</summary>
    private List<(ulong[] Mask, string? Value)> Cells(string key)
    {
        string[] values = [.. Selectors.SelectMany(selector => selector.Requirements).Where(requirement => requirement.Key == key).SelectMany(requirement => requirement.Values).Distinct()];
        var other = "other";
        while (values.Contains(other))
        {
            other += "-";
        }

        var cells = new Dictionary<ulong[], string?>(MaskComparer.Instance);
        foreach (var value in new string?[] { null }.Concat(values).Append(other))
        {
            var labels = value is null ? LabelSet.Empty : new LabelSet([new Label(LabelSources.Container, key, value)]);
            var mask = new ulong[_words];
            for (var i = 0; i < Selectors.Count; i++)
            {
                if (Selectors[i].Requirements.All(requirement => requirement.Key != key || requirement.Matches(labels)))
                {
                    mask[i >> 6] |= 1UL << (i & 63);
                }
            }

            cells.TryAdd(mask, value);
        }

        return [.. cells.Select(cell => (cell.Key, cell.Value))];
    }

    private sealed record Path(Path? Before, Label? Label, int Count)
    {
        public LabelSet Labels()
        {
            var labels = new List<Label>();
            for (var path = this; path is { Before: { } before, Label: { } label }; path = before)
            {
                labels.Add(label);
            }

            return new LabelSet(labels);
        }
    }
}
