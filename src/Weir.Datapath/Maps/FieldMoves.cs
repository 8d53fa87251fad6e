// SPDX-License-Identifier: Apache-2.0

using Weir.Bpf.Btf;

namespace Weir.Datapath;

/// <summary>How the fields of one layout come to their places in another: by their names. A field that is new is zero, one that is
/// gone is left behind.</summary>
internal sealed class FieldMoves
{
    private const int LengthSize = sizeof(uint);

    private readonly List<Move> _moves = [];
    private readonly TypeLayout _from;
    private readonly TypeLayout _to;

    internal FieldMoves(TypeLayout from, TypeLayout to)
    {
        _from = from;
        _to = to;
        AreNone = from.Equals(to);
        foreach (MapField target in to.Fields)
        {
            if (from.Find(target.Path) is { } source)
            {
                Add(source, target);
            }
        }
    }

    /// <summary>Both layouts are the same.</summary>
    internal bool AreNone { get; }

    /// <summary>Moves all fields. False: a number is too large for its new place.</summary>
    internal bool TryMove(ReadOnlySpan<byte> from, Span<byte> to)
    {
        if (AreNone)
        {
            from[.._from.Size].CopyTo(to);
            return true;
        }

        to.Clear();
        bool fits = true;
        foreach (Move move in _moves)
        {
            ReadOnlySpan<byte> source = from.Slice(move.From, move.FromSize);
            Span<byte> target = to.Slice(move.To, move.ToSize);
            int common = Math.Min(source.Length, target.Length);
            ReadOnlySpan<byte> kept = move.IsBigEndian ? source[^common..] : source[..common];
            kept.CopyTo(move.IsBigEndian ? target[^common..] : target);
            fits &= !(move.IsBigEndian ? source[..^common] : source[common..]).ContainsAnyExcept((byte)0);
        }

        return fits;
    }

    /// <summary>How long a prefix is in the other layout. Its length is the first field and counts the bits behind itself; what ended
    /// before a field ends before that one, what ended within a field as far into it.</summary>
    internal int MovePrefix(int bits)
    {
        int position = (LengthSize * 8) + bits;
        if (position == _from.Size * 8)
        {
            return (_to.Size - LengthSize) * 8;
        }

        foreach (MapField field in _from.Fields.Where(field => field.Offset >= LengthSize).OrderByDescending(field => field.Offset))
        {
            int into = position - (field.Offset * 8);
            if (into >= 0 && _to.Find(field.Path) is { } target)
            {
                return ((target.Offset - LengthSize) * 8) + Math.Min(into, target.Size * target.Count * 8);
            }
        }

        return 0;
    }

    private void Add(MapField source, MapField target)
    {
        if (source.Size == target.Size)
        {
            Append(new Move(source.Offset, source.Size * source.Count, target.Offset, target.Size * target.Count, false));
            return;
        }

        for (int i = 0; i < source.Count; i++)
        {
            bool isThere = i < target.Count;
            Append(new Move(
                source.Offset + (i * source.Size),
                source.Size,
                isThere ? target.Offset + (i * target.Size) : 0,
                isThere ? target.Size : 0,
                target.IsBigEndian));
        }
    }

    /// <summary>What lies side by side in both is moved as one.</summary>
    private void Append(Move move)
    {
        if (_moves.Count > 0 && _moves[^1] is var last && last.IsWhole && move.IsWhole && last.From + last.FromSize == move.From && last.To + last.ToSize == move.To)
        {
            _moves[^1] = last with { FromSize = last.FromSize + move.FromSize, ToSize = last.ToSize + move.ToSize };
            return;
        }

        _moves.Add(move);
    }

    private readonly record struct Move(int From, int FromSize, int To, int ToSize, bool IsBigEndian)
    {
        internal bool IsWhole => FromSize == ToSize;
    }
}
