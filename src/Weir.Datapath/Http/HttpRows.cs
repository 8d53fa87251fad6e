// SPDX-License-Identifier: Apache-2.0

using Weir.Http.Heads;

namespace Weir.Datapath;

/// <summary>
/// Rows of an automaton without what they share. Behind hundreds of paths most states lead, but for a byte or two, where another does; and hundreds of
/// states are each the end of a rule's path, and stay where they are but for a few bytes. A row keeps those bytes and names its model.
/// </summary>
internal sealed class HttpRows
{
    /// <summary>In a model: to the state whose model it is.</summary>
    internal static readonly HeadStep Stay = new(HeadAction.None, 0, -1);

    private readonly HeadAutomaton _automaton;
    private readonly int _classes;
    private readonly int[] _model;
    private readonly List<int>[] _columns;
    private readonly List<HeadStep[]> _wholes = [];

    /// <param name="most">Steps of all rows, about: as long as there is room, what stays where it is has a whole row of its own, which is faster.</param>
    internal HttpRows(HeadAutomaton automaton, int most)
    {
        _automaton = automaton;
        _classes = automaton.Rows[0].Count;
        _model = new int[automaton.Rows.Count];
        _columns = new List<int>[automaton.Rows.Count];
        int[] byUniformity = [.. Enumerable.Range(0, _model.Length).OrderByDescending(state => Enumerable.Range(0, _classes).CountBy(column => Normal(state, column)).Max(step => step.Value))];
        ChooseWholes(byUniformity);
        ChooseNeighbours(byUniformity);
        ForgetUnused();
        Widen(most);
        All =
        [
            .. Enumerable.Range(0, _model.Length).Select(state => new Row(_model[state], [.. _columns[state].Select(column => (column, automaton.Rows[state][column]))])),
            .. _wholes.Select((row, i) => new Row(_model.Length + i, [.. row.Index()])),
        ];
    }

    /// <summary>The states' rows, by number, and behind them whole ones, which are only models. A model's model is whole.</summary>
    internal IReadOnlyList<Row> All { get; }

    private HeadStep Normal(int state, int column) => _automaton.Rows[state][column] is var step && step.Action == HeadAction.None && step.Next == state ? Stay : step;

    /// <summary>The whole row from which a state's differs least. What differs from all in half of its classes or more is one itself; those come
    /// first that lead everywhere to the same.</summary>
    private void ChooseWholes(int[] states)
    {
        foreach (int state in states)
        {
            HeadStep[] row = [.. Enumerable.Range(0, _classes).Select(column => Normal(state, column))];
            _columns[state] = [.. Enumerable.Range(0, _classes)];
            for (int i = 0; i < _wholes.Count; i++)
            {
                if (Differences(row, _wholes[i], _columns[state].Count) is var different && different.Count < _columns[state].Count)
                {
                    (_model[state], _columns[state]) = (_model.Length + i, different);
                }
            }

            if (_columns[state].Count * 2 >= _classes)
            {
                (_model[state], _columns[state]) = (_model.Length + _wholes.Count, []);
                _wholes.Add(row);
            }
        }
    }

    /// <summary>The state to which one mostly leads may be nearer to it than any whole row, of which it pays its share.</summary>
    private void ChooseNeighbours(int[] states)
    {
        HashSet<int> models = [];
        int[] users = new int[_model.Length + _wholes.Count];
        Array.ForEach(_model, model => users[model]++);
        foreach (int state in states.Where(state => !models.Contains(state)))
        {
            int own = _columns[state].Count + (_classes / users[_model[state]]);
            int next = _automaton.Rows[state].Where(step => step.Action == HeadAction.None).CountBy(step => step.Next).OrderByDescending(step => step.Value).FirstOrDefault().Key;
            if (next != state && _model[next] >= _model.Length && Differences(_automaton.Rows[state], _automaton.Rows[next], own) is var different && different.Count < own)
            {
                users[_model[state]]--;
                users[next]++;
                (_model[state], _columns[state]) = (next, different);
                models.Add(next);
            }
        }
    }

    private void ForgetUnused()
    {
        List<int> used = [.. _model.Where(model => model >= _model.Length).Distinct()];
        HeadStep[][] wholes = [.. used.Select(model => _wholes[model - _model.Length])];
        _wholes.Clear();
        _wholes.AddRange(wholes);
        for (int state = 0; state < _model.Length; state++)
        {
            _model[state] = _model[state] < _model.Length ? _model[state] : _model.Length + used.IndexOf(_model[state]);
        }
    }

    private void Widen(int most)
    {
        int steps = (_wholes.Count * _classes) + _columns.Sum(columns => 1 + columns.Count);
        for (int state = 0; state < _model.Length && steps + _classes < most; state++)
        {
            if (Enumerable.Range(0, _classes).Count(column => Normal(state, column) == Stay) * 2 > _classes)
            {
                steps += _classes - _columns[state].Count;
                _columns[state] = [.. Enumerable.Range(0, _classes)];
            }
        }
    }

    /// <param name="most">More are of no interest.</param>
    private static List<int> Differences(IReadOnlyList<HeadStep> row, IReadOnlyList<HeadStep> other, int most)
    {
        List<int> different = [];
        for (int column = 0; column < row.Count && different.Count < most; column++)
        {
            if (row[column] != other[column])
            {
                different.Add(column);
            }
        }

        return different;
    }

    /// <param name="Model">The row that says where all other classes lead; its own number: there are none.</param>
    internal sealed record Row(int Model, IReadOnlyList<(int Column, HeadStep Step)> Steps);
}
