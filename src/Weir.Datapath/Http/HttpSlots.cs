// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using Weir.Datapath.Abi;
using Weir.Http.Heads;

namespace Weir.Datapath;

/// <summary>An automaton's rows, as <see cref="HttpRows"/> shortens them, laid between one another (row displacement).</summary>
internal sealed class HttpSlots
{
    private const int Count = (int)HttpLayout.Slots;
    private const int Bytes = 4;
    private const ushort Action = (ushort)HttpLayout.Action;
    private const ushort Stay = (ushort)HttpLayout.Stay;

    private readonly HttpRows _rows;
    private readonly ushort[] _place;
    private readonly Dictionary<HeadStep, ushort> _actions = [];
    private readonly bool[] _taken = new bool[Count];
    private int _firstFree;

    internal HttpSlots(HeadAutomaton automaton)
    {
        _rows = new HttpRows(automaton, Count * 3 / 4);
        _place = new ushort[_rows.All.Count];
        _taken[Stay] = true; // it is no state
    }

    /// <returns>False: there are too few.</returns>
    /// <param name="start">A state.</param>
    /// <param name="place">Its place.</param>
    internal bool TryWrite(Span<byte> output, int start, out ushort place)
    {
        place = 0;
        if (!TryPlace())
        {
            return false;
        }

        place = _place[start];
        for (int slot = 0; slot < Count; slot++)
        {
            Put(output, slot, (ushort)HttpLayout.NoRow, 0);
        }

        for (int row = 0; row < _place.Length; row++)
        {
            Put(output, _place[row], _place[row], _place[_rows.All[row].Model]);
            foreach ((int column, HeadStep step) in _rows.All[row].Steps)
            {
                Put(output, _place[row] + 1 + column, _place[row], Next(step));
            }
        }

        foreach ((HeadStep step, ushort at) in _actions)
        {
            Put(output, at, (ushort)(Action | (ushort)Number(step.Action)), (ushort)step.Argument);
            Put(output, at + 1, (ushort)HttpLayout.NoRow, _place[step.Next]);
        }

        return true;
    }

    private ushort Next(HeadStep step) => step == HttpRows.Stay ? Stay
        : step.Action == HeadAction.None ? _place[step.Next]
        : (ushort)(Action | _actions[step]);

    private static void Put(Span<byte> output, int slot, ushort row, ushort next)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(output[(slot * Bytes)..], row);
        BinaryPrimitives.WriteUInt16LittleEndian(output[((slot * Bytes) + 2)..], next);
    }

    private static HttpAction Number(HeadAction action) => action switch
    {
        HeadAction.Method => HttpAction.Method,
        HeadAction.Path => HttpAction.Path,
        HeadAction.Version => HttpAction.Version,
        HeadAction.Host => HttpAction.Host,
        HeadAction.HostPort => HttpAction.HostPort,
        HeadAction.HostBracket => HttpAction.HostBracket,
        HeadAction.HostEnd => HttpAction.HostEnd,
        HeadAction.Length => HttpAction.Length,
        HeadAction.LengthDigit => HttpAction.LengthDigit,
        HeadAction.Connection => HttpAction.Connection,
        HeadAction.Value => HttpAction.Value,
        HeadAction.End => HttpAction.End,
        _ => HttpAction.GiveUp,
    };

    private bool TryPlace()
    {
        // The state that most bytes pass in is number 0 for the program as well; long rows come before what fits between them.
        foreach (int row in Enumerable.Range(0, _place.Length).OrderBy(row => row == HeadAutomaton.Ignored ? 0 : 1).ThenByDescending(row => _rows.All[row].Steps.Count))
        {
            if (Find([0, .. _rows.All[row].Steps.Select(step => 1 + step.Column)]) is not { } place)
            {
                return false;
            }

            _place[row] = place;
        }

        foreach (HeadStep step in _rows.All.SelectMany(row => row.Steps).Select(step => step.Step).Where(step => step.Action != HeadAction.None).Distinct())
        {
            if (Find([0, 1]) is not { } place)
            {
                return false;
            }

            _actions.Add(step, place);
        }

        return true;
    }

    /// <summary>Takes the first place where all of these, from there, are free.</summary>
    private ushort? Find(int[] offsets)
    {
        while (_firstFree < Count && _taken[_firstFree])
        {
            _firstFree++;
        }

        for (int place = _firstFree; place + offsets[^1] < Count; place++)
        {
            if (Array.TrueForAll(offsets, offset => !_taken[place + offset]))
            {
                Array.ForEach(offsets, offset => _taken[place + offset] = true);
                return (ushort)place;
            }
        }

        return null;
    }
}
