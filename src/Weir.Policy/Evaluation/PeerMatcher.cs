// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Evaluation;

/// <summary>
/// Finds for a peer which entries select it. Selectors that stand in many entries are asked once; the
/// answer is that of <see cref="RuleEntry.MatchesPeer"/>.
/// </summary>
internal sealed class PeerMatcher
{
    private readonly List<PeerSelector> _selectors = [];
    private readonly List<List<int>> _entriesOf = [];
    private readonly ulong[] _always;

    public PeerMatcher(EntryOfRule[] entries)
    {
        _always = new ulong[(entries.Length + 63) / 64];
        var known = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < entries.Length; i++)
        {
            if (entries[i].Entry.Peers is not { } peers)
            {
                _always[i >> 6] |= 1UL << (i & 63);
                continue;
            }

            foreach (var selector in peers)
            {
                var key = KeyOf(selector);
                if (!known.TryGetValue(key, out var index))
                {
                    index = _selectors.Count;
                    known.Add(key, index);
                    _selectors.Add(selector);
                    _entriesOf.Add([]);
                }

                _entriesOf[index].Add(i);
            }
        }
    }

    /// <summary>Bit i: entry i selects the peer.</summary>
    public ulong[] Match(PolicyPeer peer)
    {
        ulong[] matches = [.. _always];
        for (var i = 0; i < _selectors.Count; i++)
        {
            if (_selectors[i].Matches(peer))
            {
                foreach (var entry in _entriesOf[i])
                {
                    matches[entry >> 6] |= 1UL << (entry & 63);
                }
            }
        }

        return matches;
    }

    /// <summary>Equal for selectors that select the same; lengths keep values apart whatever is in them.</summary>
    internal static string KeyOf(PeerSelector selector) => selector switch
    {
        PeerSelector.ByLabels labels =>
            $"l{labels.Selector.Scope}{KeyOf(labels.Selector)}",
        PeerSelector.ByEntity entity => $"e{entity.Entity}",
        _ => $"c{selector}",
    };

    /// <summary>The same of a selector's requirements.</summary>
    internal static string KeyOf(EndpointSelector selector) => string.Concat(selector.Requirements.Select(KeyOf));

    private static string KeyOf(SelectorRequirement requirement) =>
        $";{(int)requirement.Operator}{Text(requirement.Source)}{Text(requirement.Key)}{string.Concat(requirement.Values.Select(Text))}";

    private static string Text(string value) => $",{value.Length}:{value}";
}
