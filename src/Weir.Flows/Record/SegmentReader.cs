// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using Google.Protobuf;
using Weir.Api;

namespace Weir.Flows;

/// <summary>Finds in a segment what somebody asks for: by its ends first, whom alone a question for one container needs to see, then by its shapes; only
/// the rows of those that are asked for are read. Flows that are alike share their ends and what else they have: nobody changes them.</summary>
internal sealed class SegmentReader
{
    private readonly FlowFilter _filter;
    private readonly FlowEnd[] _ends; // the first is none's
    private readonly EndFits[] _fits;

    private SegmentReader(FlowFilter filter, FlowEnd[] ends)
    {
        _filter = filter;
        _ends = ends;
        _fits = Array.ConvertAll(ends, end => filter.FitsOf(end));
    }

    /// <summary>What it has of a time, oldest first, and how much of that is lost.</summary>
    /// <exception cref="InvalidDataException">It is damaged, or of another version.</exception>
    internal static (IEnumerable<RecordedFlow> Flows, ulong Lost) Read(Stream from, DateTimeOffset since, DateTimeOffset until, FlowFilter filter)
    {
        Span<byte> format = stackalloc byte[SegmentSections.Format.Length];
        if (from.ReadAtLeast(format, format.Length, throwOnEndOfStream: false) < format.Length || !format.SequenceEqual(SegmentSections.Format))
        {
            throw new InvalidDataException("it is none of this version's");
        }

        try
        {
            var times = new VarintReader(SegmentSections.Read(from));
            long first = times.ReadSigned(), last = times.ReadSigned();
            if (last < since.ToUnixTimeMilliseconds() || first > until.ToUnixTimeMilliseconds())
            {
                return ([], 0);
            }

            ulong lost = LostOf(ref times, since, until);
            var reader = new SegmentReader(filter, ReadEnds(SegmentSections.ReadPacked(from)));
            return (reader.FindsNobody ? [] : reader.Find(from, since, until), lost);
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or IndexOutOfRangeException)
        {
            throw new InvalidDataException(e.Message, e);
        }
    }

    private bool FindsNobody => Array.TrueForAll(_fits, fits => !fits.HasFlag(EndFits.Source))
        || Array.TrueForAll(_fits, fits => !fits.HasFlag(EndFits.Destination))
        || Array.TrueForAll(_fits, fits => !fits.HasFlag(EndFits.Either));

    private static ulong LostOf(ref VarintReader times, DateTimeOffset since, DateTimeOffset until)
    {
        ulong lost = 0;
        while (!times.IsAtEnd)
        {
            long first = times.ReadSigned(), last = times.ReadSigned();
            ulong count = times.Read();
            lost += last < since.ToUnixTimeMilliseconds() || first > until.ToUnixTimeMilliseconds() ? 0 : count;
        }

        return lost;
    }

    private static FlowEnd[] ReadEnds(ReadOnlySpan<byte> bytes)
    {
        List<FlowEnd> ends = [null!];
        var reader = new VarintReader(bytes);
        while (!reader.IsAtEnd)
        {
            ends.Add(FlowEnd.Parser.ParseFrom(reader.ReadBytes(reader.ReadUpTo(bytes.Length))));
        }

        return [.. ends];
    }

    private IEnumerable<RecordedFlow> Find(Stream from, DateTimeOffset since, DateTimeOffset until)
    {
        var kinds = new SegmentKinds(SegmentSections.ReadPacked(from));
        List<(SegmentShape Shape, int At, int Length)> shapes = FindShapes(SegmentSections.Read(from), kinds);
        if (shapes.Count == 0)
        {
            return [];
        }

        byte[] rows = SegmentSections.Read(from);
        return Make(rows, FindRows(rows, shapes, since, until), kinds);
    }

    /// <summary>Each when it is asked for: a segment has many.</summary>
    private IEnumerable<RecordedFlow> Make(byte[] rows, List<Row> found, SegmentKinds kinds)
    {
        foreach (Row row in found)
        {
            var (recorded, time) = SegmentRow.Read(rows.AsSpan(row.At), row.Time);
            recorded.Flow = kinds.At(row.Shape.Kind, time, _ends[row.Shape.Source], _ends[row.Shape.Destination]);
            yield return recorded;
        }
    }

    private static List<Row> FindRows(ReadOnlySpan<byte> bytes, List<(SegmentShape Shape, int At, int Length)> shapes, DateTimeOffset since, DateTimeOffset until)
    {
        long first = since.UtcTicks - DateTimeOffset.UnixEpoch.Ticks, last = until.UtcTicks - DateTimeOffset.UnixEpoch.Ticks;
        List<Row> found = [];
        foreach (var (shape, at, length) in shapes)
        {
            if (at + length > bytes.Length)
            {
                throw new InvalidDataException("rows are missing");
            }

            long time = 0;
            for (var reader = new VarintReader(bytes.Slice(at, length)); !reader.IsAtEnd;)
            {
                int place = at + reader.At;
                var (began, ended) = SegmentRow.Pass(ref reader, time);
                time = began;
                if (ended >= first && began <= last)
                {
                    found.Add(new Row(began, place, shape));
                }
            }
        }

        CollectionsMarshal.AsSpan(found).Sort((one, other) => one.Time != other.Time ? one.Time.CompareTo(other.Time) : one.At - other.At);
        return found;
    }

    private List<(SegmentShape Shape, int At, int Length)> FindShapes(ReadOnlySpan<byte> bytes, SegmentKinds kinds)
    {
        List<(SegmentShape, int, int)> found = [];
        int at = 0;
        for (var reader = new VarintReader(bytes); !reader.IsAtEnd;)
        {
            var shape = new SegmentShape(reader.ReadUpTo(_ends.Length - 1), reader.ReadUpTo(_ends.Length - 1), reader.ReadUpTo(kinds.Count - 1));
            int length = reader.ReadUpTo(SegmentSections.Most);
            if (FlowFilter.Fit(_fits[shape.Source], _fits[shape.Destination]) && _filter.MatchesBesideEnds(kinds[shape.Kind], _ends[shape.Source], _ends[shape.Destination]))
            {
                found.Add((shape, at, length));
            }

            at += length;
        }

        return found;
    }

    /// <param name="Time">In ticks of Unix time.</param>
    private readonly record struct Row(long Time, int At, SegmentShape Shape);
}
