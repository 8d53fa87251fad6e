// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Patterns;

/// <summary>Several patterns as one nondeterministic automaton (Thompson 1968).</summary>
internal sealed class Nfa
{
    private const int MostStates = 40_000;
    private const int None = -1;

    private readonly List<State> _states = [];

    /// <param name="patterns">Number i accepts as i.</param>
    /// <exception cref="PatternException">Their repetitions make too many states.</exception>
    public Nfa(IReadOnlyList<PatternNode> patterns)
    {
        Starts = new int[patterns.Count];
        for (var i = 0; i < patterns.Count; i++)
        {
            Starts[i] = Build(patterns[i], Add(new State(Kind.Accept, default, i, None)));
        }
    }

    internal enum Kind
    {
        /// <summary>Both ways without a byte.</summary>
        Fork,
        One,
        Begin,
        End,
        Accept,
    }

    public IReadOnlyList<State> States => _states;

    /// <summary>Each pattern's first state.</summary>
    public int[] Starts { get; }

    private int Add(State state)
    {
        if (_states.Count == MostStates)
        {
            throw new PatternException("repeats so much that it becomes too large; use smaller numbers in braces");
        }

        _states.Add(state);
        return _states.Count - 1;
    }

    /// <summary>Builds from the end; returns the first state.</summary>
    private int Build(PatternNode node, int next)
    {
        switch (node)
        {
            case PatternNode.One one:
                return Add(new State(Kind.One, one.Set, next, None));
            case PatternNode.Begin:
                return Add(new State(Kind.Begin, default, next, None));
            case PatternNode.End:
                return Add(new State(Kind.End, default, next, None));
            case PatternNode.Sequence sequence:
                for (var i = sequence.Parts.Count - 1; i >= 0; i--)
                {
                    next = Build(sequence.Parts[i], next);
                }

                return next;
            case PatternNode.Choice choice:
                var way = Build(choice.Parts[^1], next);
                for (var i = choice.Parts.Count - 2; i >= 0; i--)
                {
                    way = Add(new State(Kind.Fork, default, Build(choice.Parts[i], next), way));
                }

                return way;
            default:
                return Build((PatternNode.Repeat)node, next);
        }
    }

    private int Build(PatternNode.Repeat repeat, int next)
    {
        if (repeat.Most is { } most)
        {
            // a{1,3} = a(a(a)?)?
            var end = next;
            for (var i = repeat.Least; i < most; i++)
            {
                next = Add(new State(Kind.Fork, default, Build(repeat.Part, next), end));
            }
        }
        else
        {
            var loop = Add(default);
            _states[loop] = new State(Kind.Fork, default, Build(repeat.Part, loop), next);
            next = loop;
        }

        for (var i = 0; i < repeat.Least; i++)
        {
            next = Build(repeat.Part, next);
        }

        return next;
    }

    /// <param name="Next">For <see cref="Kind.Accept"/> the pattern's number.</param>
    internal readonly record struct State(Kind Kind, ByteSet Set, int Next, int Other);
}
