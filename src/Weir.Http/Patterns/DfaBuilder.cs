// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Patterns;

/// <summary>Makes a deterministic automaton of a nondeterministic one (subset construction).</summary>
internal sealed class DfaBuilder
{
    private readonly Nfa _nfa;
    private readonly int _mostStates;
    private readonly byte[] _classes = new byte[256];
    private readonly List<byte> _representatives = [];
    private readonly Dictionary<int[], int> _known = new(SetComparer.Instance);
    private readonly List<int[]> _sets = [];
    private readonly List<int> _accepts = [];
    private readonly List<int[]> _acceptSets = [[]];
    private readonly Dictionary<int[], int> _knownAccepts = new(SetComparer.Instance) { [[]] = 0 };
    private readonly int[] _mark;
    private readonly Stack<int> _pending = new();
    private int _round;

    private DfaBuilder(Nfa nfa, int mostStates)
    {
        _nfa = nfa;
        _mostStates = mostStates;
        _mark = new int[nfa.States.Count];
    }

    /// <returns>Null: it would need more states.</returns>
    public static Dfa? Build(Nfa nfa, int mostStates) => new DfaBuilder(nfa, mostStates).Run();

    private Dfa? Run()
    {
        MakeClasses();
        var next = new List<ushort>();
        Number([]);
        Number(Closure(_nfa.Starts, atBegin: true));
        var members = new List<int>();
        for (var state = 0; state < _sets.Count; state++)
        {
            foreach (var value in _representatives)
            {
                members.Clear();
                foreach (var member in _sets[state])
                {
                    var from = _nfa.States[member];
                    if (from.Kind == Nfa.Kind.One && from.Set[value])
                    {
                        members.Add(from.Next);
                    }
                }

                next.Add((ushort)(members.Count == 0 ? Dfa.Dead : Number(Closure(members, atBegin: false))));
            }

            if (_sets.Count > _mostStates)
            {
                return null;
            }
        }

        return new Dfa(_classes, [.. next], [.. _accepts], _representatives.Count, _acceptSets);
    }

    /// <summary>Bytes that no pattern tells apart are one class.</summary>
    private void MakeClasses()
    {
        ByteSet[] sets = [.. _nfa.States.Where(state => state.Kind == Nfa.Kind.One).Select(state => state.Set).Distinct()];
        var known = new Dictionary<int[], byte>(SetComparer.Instance);
        for (var value = 0; value < 256; value++)
        {
            int[] signature = [.. Enumerable.Range(0, sets.Length).Where(i => sets[i][value])];
            if (!known.TryGetValue(signature, out var number))
            {
                number = (byte)known.Count;
                known.Add(signature, number);
                _representatives.Add((byte)value);
            }

            _classes[value] = number;
        }
    }

    private int Number(int[] set)
    {
        if (!_known.TryGetValue(set, out var number))
        {
            number = _sets.Count;
            _known.Add(set, number);
            _sets.Add(set);
            _accepts.Add(AcceptOf(set));
        }

        return number;
    }

    private int AcceptOf(int[] set)
    {
        // At the end of the text "$" holds.
        int[] atEnd = Array.Exists(set, member => _nfa.States[member].Kind == Nfa.Kind.End) ? Closure(set, atBegin: false, atEnd: true) : set;
        int[] accepted = [.. atEnd.Where(member => _nfa.States[member].Kind == Nfa.Kind.Accept).Select(member => _nfa.States[member].Next).Order()];
        if (!_knownAccepts.TryGetValue(accepted, out var index))
        {
            index = _acceptSets.Count;
            _acceptSets.Add(accepted);
            _knownAccepts.Add(accepted, index);
        }

        return index;
    }

    /// <summary>What can be reached without a byte; sorted, without the states on the way.</summary>
    private int[] Closure(IReadOnlyList<int> from, bool atBegin, bool atEnd = false)
    {
        _round++;
        var kept = new List<int>();
        foreach (var state in from)
        {
            Visit(state);
        }

        while (_pending.TryPop(out var number))
        {
            var state = _nfa.States[number];
            switch (state.Kind)
            {
                case Nfa.Kind.Fork:
                    Visit(state.Next);
                    Visit(state.Other);
                    break;
                case Nfa.Kind.Begin when atBegin:
                case Nfa.Kind.End when atEnd:
                    Visit(state.Next);
                    break;
                case Nfa.Kind.Begin:
                    break;
                default:
                    kept.Add(number);
                    break;
            }
        }

        kept.Sort();
        return [.. kept];

        void Visit(int state)
        {
            if (_mark[state] != _round)
            {
                _mark[state] = _round;
                _pending.Push(state);
            }
        }
    }

    private sealed class SetComparer : IEqualityComparer<int[]>
    {
        public static SetComparer Instance { get; } = new();

        public bool Equals(int[]? x, int[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(int[] obj)
        {
            var hash = default(HashCode);
            hash.AddBytes(System.Runtime.InteropServices.MemoryMarshal.AsBytes(obj.AsSpan()));
            return hash.ToHashCode();
        }
    }
}
