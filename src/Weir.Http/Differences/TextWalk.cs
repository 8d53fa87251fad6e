// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Patterns;

namespace Weir.Http.Differences;

/// <summary>Finds every set of patterns that a text can match, and the shortest text that does (breadth first through the
/// product of the automata).</summary>
/// <param name="text">The automaton of patterns over the text itself, or null.</param>
/// <param name="host">The automaton of patterns over hosts, with and without port, or null.</param>
internal sealed class TextWalk(Dfa? text, Dfa? host, TextGrammar grammar)
{
    private const int None = -1;

    /// <summary>Of texts of one length those are found first that people can read.</summary>
    private static readonly byte[] _order =
    [
        .. "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-_.?=&:,+@~!$'()*;"u8,
        .. Enumerable.Range(0, 256).Select(value => (byte)value).Where(value => !"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-_.?=&:,+@~!$'()*;"u8.Contains(value)),
    ];

    private readonly List<(Node Node, int From, byte Value)> _nodes = [];
    private readonly HashSet<Node> _known = [];
    private readonly Dictionary<Matched, byte[]> _found = [];

    /// <summary>What is found before the search, for it is known better.</summary>
    public void Seed(ReadOnlySpan<byte> known) => _found.TryAdd(new Matched(text?.Match(known) ?? 0, None, 0), known.ToArray());

    /// <returns>Null: there are more states.</returns>
    public IReadOnlyDictionary<Matched, byte[]>? Run(int mostStates)
    {
        Visit(new Node(Dfa.Start, Dfa.Start, grammar.First, None), None, 0);
        for (var i = 0; i < _nodes.Count; i++)
        {
            if (_nodes.Count > mostStates)
            {
                return null;
            }

            var node = _nodes[i].Node;
            foreach (var value in _order)
            {
                var phase = grammar.Next(node.Phase, value);
                if (phase != TextGrammar.Never)
                {
                    Visit(After(node, value, phase, node.NameAccepts), i, value);
                }

                var asPort = grammar.NextAsPort(node.Phase, value);
                if (asPort != TextGrammar.Never)
                {
                    Visit(After(node, value, asPort, host?.AcceptOf(node.Host) ?? None), i, value);
                }
            }
        }

        return _found;
    }

    private Node After(Node node, byte value, int phase, int nameAccepts) =>
        new(text?.Next(node.Text, value) ?? Dfa.Start, host?.Next(node.Host, value) ?? Dfa.Start, phase, nameAccepts);

    private void Visit(Node node, int from, byte value)
    {
        if (!_known.Add(node))
        {
            return;
        }

        _nodes.Add((node, from, value));
        if (grammar.IsWhole(node.Phase))
        {
            var matched = new Matched(text?.AcceptOf(node.Text) ?? 0, node.NameAccepts, host?.AcceptOf(node.Host) ?? 0);
            if (!_found.ContainsKey(matched))
            {
                _found.Add(matched, TextOf(_nodes.Count - 1));
            }
        }
    }

    private byte[] TextOf(int index)
    {
        var bytes = new List<byte>();
        for (; _nodes[index].From != None; index = _nodes[index].From)
        {
            bytes.Add(_nodes[index].Value);
        }

        bytes.Reverse();
        return [.. bytes];
    }

    /// <summary>Indexes of accept sets.</summary>
    /// <param name="Name">Of the host without its port; -1: it has none.</param>
    internal readonly record struct Matched(int Text, int Name, int Host);

    private readonly record struct Node(int Text, int Host, int Phase, int NameAccepts);
}
