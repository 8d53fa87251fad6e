// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Patterns;

/// <summary>
/// Many regular expressions, asked at once: which of them match the whole of a text? One automaton
/// where it stays small; patterns that would multiply each other's states are spread over several.
/// </summary>
/// <remarks>Bit i of a mask is pattern i. A null pattern matches everything.</remarks>
internal sealed class PatternSet
{
    /// <summary>States of one automaton.</summary>
    private const int MostStates = 4096;

    private readonly (Dfa Dfa, ulong[][] Masks)[] _automata;
    private readonly ulong[] _always;

    /// <exception cref="PatternException">One of them cannot be used. <see cref="Check"/> tells which.</exception>
    public PatternSet(IReadOnlyList<string?> patterns, bool ignoreCase = false)
    {
        Words = (patterns.Count + 63) / 64;
        _always = new ulong[Words];
        var users = new Dictionary<string, List<int>>(StringComparer.Ordinal);
        for (var i = 0; i < patterns.Count; i++)
        {
            if (patterns[i] is not { } pattern)
            {
                _always[i >> 6] |= 1UL << (i & 63);
            }
            else if (users.TryGetValue(pattern, out var same))
            {
                same.Add(i);
            }
            else
            {
                users.Add(pattern, [i]);
            }
        }

        var automata = new List<(Dfa, ulong[][])>();
        PatternNode[] nodes = [.. users.Keys.Select(pattern => PatternParser.Parse(pattern, ignoreCase))];
        Add(nodes, [.. users.Values], automata);
        _automata = [.. automata];
    }

    /// <summary>Length of a mask.</summary>
    public int Words { get; }

    /// <summary>States of all automata, for tests and figures.</summary>
    public int StateCount => _automata.Sum(automaton => automaton.Dfa.StateCount);

    public int AutomatonCount => _automata.Length;

    /// <summary>All of it as one automaton, with the mask of each of its accept sets; null: it takes several.</summary>
    public (Dfa Dfa, ulong[][] Masks)? Single => _automata.Length switch
    {
        0 => (Dfa.Nothing, [_always]),
        1 => _automata[0],
        _ => null,
    };

    /// <summary>Finds what makes one pattern unusable.</summary>
    /// <exception cref="PatternException">It is.</exception>
    public static void Check(string pattern) => _ = new PatternSet([pattern]);

    /// <summary>Takes from the mask what does not match. False: nothing is left.</summary>
    public bool Narrow(ReadOnlySpan<byte> text, Span<ulong> mask)
    {
        if (_automata.Length == 1)
        {
            var (dfa, masks) = _automata[0];
            return And(mask, masks[dfa.Match(text)]);
        }

        Span<ulong> matched = stackalloc ulong[Words];
        _always.CopyTo(matched);
        foreach (var (dfa, masks) in _automata)
        {
            var accepted = masks[dfa.Match(text)];
            for (var i = 0; i < accepted.Length; i++)
            {
                matched[i] |= accepted[i];
            }
        }

        return And(mask, matched);
    }

    private static bool And(Span<ulong> mask, ReadOnlySpan<ulong> other)
    {
        ulong left = 0;
        for (var i = 0; i < mask.Length; i++)
        {
            left |= mask[i] &= other[i];
        }

        return left != 0;
    }

    private void Add(ReadOnlySpan<PatternNode> nodes, ReadOnlySpan<List<int>> users, List<(Dfa Dfa, ulong[][] Masks)> automata)
    {
        if (nodes.Length == 0)
        {
            return;
        }

        var dfa = Build(nodes);
        if (dfa is not null)
        {
            automata.Add((dfa, Masks(dfa, users)));
            return;
        }

        if (nodes.Length == 1)
        {
            throw new PatternException($"needs more than {MostStates} states; repeat less, or split it into several rules");
        }

        var half = nodes.Length / 2;
        Add(nodes[..half], users[..half], automata);
        Add(nodes[half..], users[half..], automata);
    }

    /// <returns>Null: together they are too large.</returns>
    private static Dfa? Build(ReadOnlySpan<PatternNode> nodes)
    {
        try
        {
            return DfaBuilder.Build(new Nfa([.. nodes]), MostStates);
        }
        catch (PatternException) when (nodes.Length > 1)
        {
            return null; // none of them need be large: thousands of plain paths are
        }
    }

    private ulong[][] Masks(Dfa dfa, ReadOnlySpan<List<int>> users)
    {
        var masks = new ulong[dfa.AcceptSets.Count][];
        for (var i = 0; i < masks.Length; i++)
        {
            masks[i] = [.. _always];
            foreach (var pattern in dfa.AcceptSets[i])
            {
                foreach (var user in users[pattern])
                {
                    masks[i][user >> 6] |= 1UL << (user & 63);
                }
            }
        }

        return masks;
    }
}
