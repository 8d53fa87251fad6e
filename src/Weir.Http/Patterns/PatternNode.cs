// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Patterns;

/// <summary>A pattern as a tree.</summary>
internal abstract record PatternNode
{
    private PatternNode()
    {
    }

    /// <summary>One byte of a set.</summary>
    internal sealed record One(ByteSet Set) : PatternNode;

    internal sealed record Sequence(IReadOnlyList<PatternNode> Parts) : PatternNode;

    internal sealed record Choice(IReadOnlyList<PatternNode> Parts) : PatternNode;

    /// <param name="Most">Null: without end.</param>
    internal sealed record Repeat(PatternNode Part, int Least, int? Most) : PatternNode;

    /// <summary>"^": nothing stands before.</summary>
    internal sealed record Begin : PatternNode;

    /// <summary>"$": nothing stands behind.</summary>
    internal sealed record End : PatternNode;
}
