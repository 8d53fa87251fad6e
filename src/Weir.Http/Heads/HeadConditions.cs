// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Rules;

namespace Weir.Http.Heads;

/// <summary>What rules want of headers: each name and value, or name alone, is a condition, and a bit.</summary>
internal sealed class HeadConditions
{
    private const int Most = 32; // bits of HeadValue

    private readonly List<string> _names = [];
    private readonly List<List<string>> _valuesOf = [];
    private readonly List<(int Name, string? Value, ulong[] Rules)> _all = [];
    private readonly List<HeadValue> _values = [];

    /// <exception cref="NotSupportedException">They cannot be judged so. The message says what is in the way.</exception>
    public HeadConditions(IReadOnlyList<HttpAllowance> rules)
    {
        for (var i = 0; i < rules.Count; i++)
        {
            foreach (var header in rules[i].Rule?.Headers ?? [])
            {
                var needed = Find(header, rules.Count);
                needed[i >> 6] |= 1UL << (i & 63);
            }
        }
    }

    /// <summary>Of headers, in lower case.</summary>
    public IReadOnlyList<string> Names => _names;

    /// <summary>Of each header the values that are looked for.</summary>
    public IReadOnlyList<IReadOnlyList<string>> ValuesOf => _valuesOf;

    /// <summary>Of each condition the rules that need it.</summary>
    public IReadOnlyList<ulong[]> Needs => [.. _all.Select(condition => condition.Rules)];

    /// <summary>What headers can say.</summary>
    public IReadOnlyList<HeadValue> Values => _values;

    /// <summary>The number of the <see cref="HeadValue"/> of a header.</summary>
    /// <param name="values">Which of its <see cref="ValuesOf"/> it has.</param>
    public int Fulfilled(int name, ReadOnlySpan<int> values)
    {
        var (named, held) = (0u, 0u);
        for (var i = 0; i < _all.Count; i++)
        {
            if (_all[i].Name == name)
            {
                named |= 1u << i;
                held |= _all[i].Value is not { } value || values.Contains(_valuesOf[name].IndexOf(value)) ? 1u << i : 0;
            }
        }

        var said = new HeadValue(named, held);
        var number = _values.IndexOf(said);
        if (number < 0)
        {
            number = _values.Count;
            _values.Add(said);
        }

        return number;
    }

    /// <returns>The rules that need it.</returns>
    private ulong[] Find(HeaderRule header, int rules)
    {
        if (header.Mismatch != HeaderMismatch.Refuse)
        {
            throw new NotSupportedException($"a rule says what becomes of a request without {header}");
        }

        // A value is compared without blanks around it, and as text: what is no UTF-8 becomes U+FFFD there.
        if (header.Value is { } value && (value.Trim(' ', '\t') != value || value.Contains('\ufffd', StringComparison.Ordinal) || value.Any(char.IsSurrogate)))
        {
            throw new NotSupportedException($"a rule wants a value that is compared as text: {header}");
        }

        var name = NumberOf(header.Name.ToLowerInvariant());
        var found = _all.FindIndex(condition => condition.Name == name && condition.Value == header.Value);
        if (found < 0)
        {
            if (_all.Count == Most)
            {
                throw new NotSupportedException($"rules want more than {Most} different headers");
            }

            found = _all.Count;
            _all.Add((name, header.Value, new ulong[(rules + 63) / 64]));
            if (header.Value is { } wanted)
            {
                _valuesOf[name].Add(wanted);
            }
        }

        return _all[found].Rules;
    }

    private int NumberOf(string name)
    {
        var number = _names.IndexOf(name);
        if (number < 0)
        {
            number = _names.Count;
            _names.Add(name);
            _valuesOf.Add([]);
        }

        return number;
    }
}
