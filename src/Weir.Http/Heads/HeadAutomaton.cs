// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using Weir.Http.Rules;

namespace Weir.Http.Heads;

/// <summary>
/// One HTTP policy as an automaton over the bytes of a request's head, from the same automata that <see cref="HttpRuleSet"/> judges by. What is
/// plainly understood it allows and refuses as that does; the rest it gives up. Tables and a few registers: a BPF program walks it.
/// </summary>
public sealed class HeadAutomaton
{
    /// <summary>The state in which bytes of headers pass that nobody looks at.</summary>
    public const int Ignored = 0;

    private readonly Dictionary<HeadState, int> _numbers = [];
    private readonly List<HeadState> _states = [];

    private HeadAutomaton(HttpRuleSet rules, int mostStates)
    {
        var masks = new HeadMasks();
        var conditions = new HeadConditions(rules.Rules);
        var grammar = new HeadGrammar(rules, conditions, masks);
        Number(new HeadState(HeadPart.Ignored));
        Start = Number(HeadGrammar.Start);
        NoHost = grammar.NoHost;
        RuleIds = [.. rules.Rules.Select(rule => rule.RuleId)];
        var rows = Explore(grammar, mostStates);
        var columns = Enumerable.Range(0, 256).Select(value => (IReadOnlyList<HeadStep>)[.. rows.Select(row => row[value])]);
        var classes = new Dictionary<IReadOnlyList<HeadStep>, byte>(new ColumnComparer());
        List<int> examples = [];
        Classes = [.. columns.Select((column, value) => ClassOf(column, value))];
        Rows = [.. rows.Select(row => (HeadStep[])[.. examples.Select(value => row[value])])];
        Masks = masks.All;
        Needs = conditions.Needs;
        Values = conditions.Values;

        byte ClassOf(IReadOnlyList<HeadStep> column, int value)
        {
            if (!classes.TryGetValue(column, out var number))
            {
                number = (byte)classes.Count;
                classes.Add(column, number);
                examples.Add(value);
            }

            return number;
        }
    }

    /// <summary>Where a head begins.</summary>
    public int Start { get; }

    /// <summary>Of each byte its class: bytes of one class lead to the same from everywhere.</summary>
    public IReadOnlyList<byte> Classes { get; }

    /// <summary>By state, then class.</summary>
    public IReadOnlyList<IReadOnlyList<HeadStep>> Rows { get; }

    /// <summary>Sets of rules, by number. Bit i is rule i.</summary>
    public IReadOnlyList<ulong[]> Masks { get; }

    /// <summary>The mask of what a request fulfils that names no host.</summary>
    public int NoHost { get; }

    /// <summary>Of each rule its number in the policy.</summary>
    public IReadOnlyList<uint> RuleIds { get; }

    /// <summary>Of each condition on headers the rules that need it.</summary>
    public IReadOnlyList<ulong[]> Needs { get; }

    /// <summary>What headers can say to those conditions.</summary>
    public IReadOnlyList<HeadValue> Values { get; }

    /// <returns>Null: such rules are not for it.</returns>
    /// <param name="mostStates">How large it may be.</param>
    /// <param name="why">What is in the way; empty: nothing.</param>
    public static HeadAutomaton? TryBuild(HttpRuleSet rules, int mostStates, out string why)
    {
        ArgumentNullException.ThrowIfNull(rules);
        why = rules.IsAudit ? "it refuses nothing, being in audit" : "";
        if (why.Length > 0)
        {
            return null;
        }

        try
        {
            return new HeadAutomaton(rules, mostStates);
        }
        catch (NotSupportedException e)
        {
            why = e.Message;
            return null;
        }
    }

    private List<HeadStep[]> Explore(HeadGrammar grammar, int mostStates)
    {
        List<HeadStep[]> rows = [];
        for (var state = 0; state < _states.Count; state++)
        {
            if (state == mostStates)
            {
                throw new NotSupportedException($"its rules need more than {mostStates} states");
            }

            var row = new HeadStep[256];
            for (var value = 0; value < row.Length; value++)
            {
                var move = grammar.Step(_states[state], (byte)value);
                row[value] = new HeadStep(move.Action, move.Argument, Number(move.Next));
            }

            rows.Add(row);
        }

        return rows;
    }

    private int Number(HeadState state)
    {
        ref var number = ref CollectionsMarshal.GetValueRefOrAddDefault(_numbers, state, out var isKnown);
        if (!isKnown)
        {
            number = _states.Count;
            _states.Add(state);
        }

        return number;
    }

    private sealed class ColumnComparer : IEqualityComparer<IReadOnlyList<HeadStep>>
    {
        public bool Equals(IReadOnlyList<HeadStep>? x, IReadOnlyList<HeadStep>? y) => x!.SequenceEqual(y!);

        public int GetHashCode(IReadOnlyList<HeadStep> obj)
        {
            var hash = default(HashCode);
            foreach (var step in obj)
            {
                hash.Add(step.GetHashCode());
            }

            return hash.ToHashCode();
        }
    }
}
