// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Http.Patterns;
using Weir.Http.Rules;

namespace Weir.Http.Differences;

/// <summary>What one part of a request can fulfil: of each possible set of rules one text that fulfils just these.</summary>
/// <remarks>Bit i of a mask is rule i.</remarks>
internal sealed class RuleParts(IReadOnlyList<HttpRule> rules)
{
    private const int MostStates = 20_000;
    private const int MostNodes = 400_000;
    private const int MostHeaderSets = 4096;

    private static readonly string[] _methods = ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"];

    private readonly int _words = (rules.Count + 63) / 64;

    /// <summary>Why not all is compared; empty: it is.</summary>
    public string Fault { get; private set; } = "";

    /// <summary>Methods other than CONNECT.</summary>
    public List<RulePart> Methods()
    {
        var (dfa, indexes) = Compile(rule => rule.Method, ignoreCase: false);
        var walk = new TextWalk(dfa, null, TextGrammar.Method);
        foreach (var method in _methods)
        {
            walk.Seed(Encoding.ASCII.GetBytes(method));
        }

        return Parts(walk, (mask, matched) => Fulfil(mask, dfa, matched.Text, indexes));
    }

    /// <summary>What one method fulfils.</summary>
    public ulong[] MaskOfMethod(string method)
    {
        var (dfa, indexes) = Compile(rule => rule.Method, ignoreCase: false);
        var mask = All();
        Fulfil(mask, dfa, dfa?.Match(Encoding.ASCII.GetBytes(method)) ?? 0, indexes);
        return mask;
    }

    /// <summary>What one path fulfils.</summary>
    public ulong[] MaskOfPath(string path)
    {
        var (dfa, indexes) = Compile(rule => rule.Path, ignoreCase: false);
        var mask = All();
        Fulfil(mask, dfa, dfa?.Match(Encoding.ASCII.GetBytes(path)) ?? 0, indexes);
        return mask;
    }

    /// <summary>Paths; where one that all servers read alike fulfils a set of rules, that.</summary>
    public List<RulePart> Paths()
    {
        var (dfa, indexes) = Compile(rule => rule.Path, ignoreCase: false);
        var plain = Parts(new TextWalk(dfa, null, TextGrammar.PlainPath), (mask, matched) => Fulfil(mask, dfa, matched.Text, indexes));
        var every = Parts(new TextWalk(dfa, null, TextGrammar.Path), (mask, matched) => Fulfil(mask, dfa, matched.Text, indexes));
        return [.. plain.Concat(every).DistinctBy(part => part.Mask, MaskComparer.Instance).OrderBy(part => part.Text.Length)];
    }

    public List<RulePart> Hosts()
    {
        var (dfa, indexes) = Compile(rule => rule.Host, ignoreCase: true);
        return Parts(new TextWalk(null, dfa, TextGrammar.Host), (mask, matched) => FulfilHost(mask, dfa, matched, indexes));
    }

    /// <summary>Targets of CONNECT, which are path and host at once.</summary>
    public List<RulePart> Authorities()
    {
        var (paths, pathIndexes) = Compile(rule => rule.Path, ignoreCase: false);
        var (hosts, hostIndexes) = Compile(rule => rule.Host, ignoreCase: true);
        return Parts(new TextWalk(paths, hosts, TextGrammar.Authority), (mask, matched) =>
        {
            Fulfil(mask, paths, matched.Text, pathIndexes);
            FulfilHost(mask, hosts, matched, hostIndexes);
        });
    }

    /// <summary>Sets of headers: each that rules name is missing, has a value that they name, or another.</summary>
    public List<(ulong[] Mask, IReadOnlyList<string> Headers)> Headers()
    {
        var wanted = rules.SelectMany(rule => Required(rule)).ToArray();
        var sets = new Dictionary<ulong[], IReadOnlyList<string>>(MaskComparer.Instance) { [All()] = [] };
        foreach (var name in wanted.Select(header => header.Name).Distinct(StringComparer.OrdinalIgnoreCase))
        {
            string[] values = [.. wanted.Where(header => Is(header, name) && header.Value is not null).Select(header => header.Value!).Distinct()];
            var next = new Dictionary<ulong[], IReadOnlyList<string>>(MaskComparer.Instance);
            foreach (var value in new string?[] { null }.Concat(values).Append(Other(values)))
            {
                var fulfilled = MaskOfHeader(name, value);
                foreach (var (mask, headers) in sets)
                {
                    next.TryAdd([.. mask.Zip(fulfilled, (a, b) => a & b)], value is null ? headers : [.. headers, $"{name}: {value}"]);
                }
            }

            if (next.Count > MostHeaderSets)
            {
                Fault = "rules look at too many headers to compare them all";
                break;
            }

            sets = next;
        }

        return [.. sets.Select(set => (set.Key, set.Value)).OrderBy(set => set.Value.Count)];
    }

    private static IEnumerable<HeaderRule> Required(HttpRule rule) => rule.Headers.Where(header => header.Mismatch == HeaderMismatch.Refuse);

    private static bool Is(HeaderRule header, string name) => header.Name.Equals(name, StringComparison.OrdinalIgnoreCase);

    private static string Other(string[] values)
    {
        var other = "x";
        while (values.Contains(other))
        {
            other += "x";
        }

        return other;
    }

    private ulong[] All()
    {
        var mask = new ulong[_words];
        for (var i = 0; i < rules.Count; i++)
        {
            mask[i >> 6] |= 1UL << (i & 63);
        }

        return mask;
    }

    private ulong[] MaskOfHeader(string name, string? value)
    {
        var mask = new ulong[_words];
        for (var i = 0; i < rules.Count; i++)
        {
            if (Required(rules[i]).All(header => !Is(header, name) || (value is not null && (header.Value is null || header.Value == value))))
            {
                mask[i >> 6] |= 1UL << (i & 63);
            }
        }

        return mask;
    }

    /// <summary>One automaton of all patterns of a part, and of each rule the number of its pattern, -1 where it has none.</summary>
    private (Dfa? Dfa, int[] Indexes) Compile(Func<HttpRule, string?> part, bool ignoreCase)
    {
        string[] patterns = [.. rules.Select(part).OfType<string>().Distinct()];
        int[] indexes = [.. rules.Select(rule => part(rule) is { } pattern ? Array.IndexOf(patterns, pattern) : -1)];
        if (patterns.Length == 0)
        {
            return (null, indexes);
        }

        try
        {
            if (DfaBuilder.Build(new Nfa([.. patterns.Select(pattern => PatternParser.Parse(pattern, ignoreCase))]), MostStates) is { } dfa)
            {
                return (dfa, indexes);
            }
        }
        catch (PatternException)
        {
            // Each alone was accepted: together they are too large.
        }

        Fault = "the patterns are too large to compare them all together";
        return (null, indexes);
    }

    private List<RulePart> Parts(TextWalk walk, Action<ulong[], TextWalk.Matched> fulfil)
    {
        if (walk.Run(MostNodes) is not { } found)
        {
            Fault = "the patterns are too large to compare them all together";
            return [];
        }

        var parts = new Dictionary<ulong[], byte[]>(MaskComparer.Instance);
        foreach (var (matched, text) in found)
        {
            var mask = All();
            fulfil(mask, matched);
            parts.TryAdd(mask, text);
        }

        return [.. parts.Select(part => new RulePart(part.Key, part.Value))];
    }

    private static void Fulfil(ulong[] mask, Dfa? dfa, int accepts, int[] indexes)
    {
        for (var i = 0; i < indexes.Length; i++)
        {
            if (indexes[i] >= 0 && dfa is not null && Array.BinarySearch(dfa.AcceptSets[accepts], indexes[i]) < 0)
            {
                mask[i >> 6] &= ~(1UL << (i & 63));
            }
        }
    }

    private static void FulfilHost(ulong[] mask, Dfa? dfa, TextWalk.Matched matched, int[] indexes)
    {
        for (var i = 0; i < indexes.Length; i++)
        {
            if (indexes[i] >= 0 && dfa is not null
                && Array.BinarySearch(dfa.AcceptSets[matched.Host], indexes[i]) < 0
                && (matched.Name < 0 || Array.BinarySearch(dfa.AcceptSets[matched.Name], indexes[i]) < 0))
            {
                mask[i >> 6] &= ~(1UL << (i & 63));
            }
        }
    }
}
