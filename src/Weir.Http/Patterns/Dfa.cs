// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Patterns;

/// <summary>
/// Several patterns as one deterministic automaton over classes of bytes: whatever their number, a text
/// is read once. Tables only, so that a BPF program could walk them as well.
/// </summary>
internal sealed class Dfa
{
    /// <summary>No pattern can match any more.</summary>
    public const int Dead = 0;

    public const int Start = 1;

    private readonly byte[] _classes;
    private readonly ushort[] _next;
    private readonly int[] _accepts;
    private readonly int _classCount;

    /// <param name="classes">Of each byte its class.</param>
    /// <param name="next">By state, then class.</param>
    /// <param name="accepts">Of each state the index of what it accepts.</param>
    public Dfa(byte[] classes, ushort[] next, int[] accepts, int classCount, IReadOnlyList<int[]> acceptSets)
    {
        _classes = classes;
        _next = next;
        _accepts = accepts;
        _classCount = classCount;
        AcceptSets = acceptSets;
    }

    /// <summary>Of no pattern at all.</summary>
    public static Dfa Nothing { get; } = new(new byte[256], [Dead, Dead], [0, 0], 1, [[]]);

    /// <summary>The sets of patterns that a text can match; the first is the empty one.</summary>
    public IReadOnlyList<int[]> AcceptSets { get; }

    public int StateCount => _accepts.Length;

    /// <summary>The state behind one byte more.</summary>
    public int Next(int state, byte value) => _next[(state * _classCount) + _classes[value]];

    /// <summary>The index in <see cref="AcceptSets"/> of the patterns that match what led to this state.</summary>
    public int AcceptOf(int state) => _accepts[state];

    /// <summary>The index in <see cref="AcceptSets"/> of the patterns that match the whole text.</summary>
    public int Match(ReadOnlySpan<byte> text)
    {
        var state = Start;
        foreach (var value in text)
        {
            state = _next[(state * _classCount) + _classes[value]];
            if (state == Dead)
            {
                return 0;
            }
        }

        return _accepts[state];
    }
}
