// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf.WellKnownTypes;
using Weir.Api;

namespace Weir.Flows;

/// <summary>Recorded flows: in blocks as they came, and what is finished of these in segments, which are smaller and are asked without being
/// read whole. A segment has the name of the file that it was made of, and stands for it.</summary>
public sealed class RecordJournal(RecordOptions options, TimeProvider time) : BlockJournal<RecordBlock>(options, Blocks, "weirrec1", RecordBlock.Parser, time, Segments)
{
    private const string Blocks = ".flows";
    private const string Segments = ".segment";
    private const string Unfinished = ".part"; // a segment that is being written

    private readonly RecordOptions _options = options;

    /// <summary>What is asked block by block is short, and so is what a segment is made of at once.</summary>
    protected override long MostOfFile => Math.Clamp(_options.MostBytes / 16, 64 * 1024, 4 * 1024 * 1024);

    /// <summary>What somebody wants of a time, oldest first.</summary>
    /// <param name="note">Told what is missing.</param>
    public IEnumerable<RecordedFlow> Read(DateTimeOffset since, DateTimeOffset until, FlowFilter filter, Action<string> note)
    {
        ArgumentNullException.ThrowIfNull(filter);
        ArgumentNullException.ThrowIfNull(note);
        ulong lost = 0;
        foreach (var (flows, lostOfIt) in Ahead(ReadParts(since, until, filter, note)))
        {
            lost += lostOfIt;
            foreach (RecordedFlow flow in flows)
            {
                yield return flow;
            }
        }

        if (lost > 0)
        {
            note($"{lost} events of that time are not on record: there were too many at once");
        }
    }

    /// <summary>Makes segments of what is finished, of one file after another. A crash at any moment leaves a file or its segment, whole.
    /// What is damaged, or of another version, is left as it is.</summary>
    /// <exception cref="IOException">There is no room, say: what is left is still there to be read.</exception>
    public void MakeSegments(CancellationToken cancel)
    {
        foreach (FileInfo file in Finished())
        {
            if (cancel.IsCancellationRequested)
            {
                return;
            }

            if (File.Exists(SegmentOf(file)) || MakeSegment(file))
            {
                file.Delete();
            }
        }
    }

    private static string SegmentOf(FileInfo file) => Path.ChangeExtension(file.FullName, Segments);

    private bool MakeSegment(FileInfo file)
    {
        bool isWhole = true;
        var writer = new SegmentWriter();
        foreach (var (block, from, until) in TryReadFile(file.FullName, DateTimeOffset.MinValue, DateTimeOffset.MaxValue, _ => isWhole = false) ?? [])
        {
            writer.Add(block, from, until);
        }

        if (!isWhole)
        {
            return false;
        }

        if (writer.IsEmpty)
        {
            return true; // cut off before its first block
        }

        string path = Path.ChangeExtension(file.FullName, Unfinished);
        try
        {
            using (var part = new FileStream(path, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = OwnerOnly }))
            {
                writer.WriteTo(part);
                part.Flush(flushToDisk: true);
            }

            File.Move(path, SegmentOf(file), overwrite: true);
            return true;
        }
        catch
        {
            File.Delete(path);
            throw;
        }
    }

    private IEnumerable<(IEnumerable<RecordedFlow> Flows, ulong Lost)> ReadParts(DateTimeOffset since, DateTimeOffset until, FlowFilter filter, Action<string> note)
    {
        string read = "";
        foreach (FileInfo file in FilesOf(since, until))
        {
            string segment = SegmentOf(file);
            if (segment == read)
            {
                continue;
            }

            read = segment;
            if (!File.Exists(segment) && TryReadFile(file.FullName, since, until, note) is { } blocks)
            {
                foreach (var (block, _, _) in blocks)
                {
                    yield return (Select(block, since, until, filter), block.Lost);
                }
            }
            else if (ReadSegment(segment, since, until, filter, note) is { } part)
            {
                yield return part;
            }
        }
    }

    private static IEnumerable<RecordedFlow> Select(RecordBlock block, DateTimeOffset since, DateTimeOffset until, FlowFilter filter)
    {
        Timestamp first = Timestamp.FromDateTimeOffset(since), last = Timestamp.FromDateTimeOffset(until);
        return block.Flows.Where(flow => flow.Last >= first && flow.Flow.Time <= last && filter.Matches(flow.Flow));
    }

    /// <summary>Null: it is gone, or damaged.</summary>
    private static (IEnumerable<RecordedFlow> Flows, ulong Lost)? ReadSegment(string path, DateTimeOffset since, DateTimeOffset until, FlowFilter filter, Action<string> note)
    {
        using FileStream? file = TryOpen(path);
        try
        {
            return file is null ? null : SegmentReader.Read(file, since, until, filter);
        }
        catch (InvalidDataException e)
        {
            note($"{path} is left out: {e.Message}");
            return null;
        }
    }
}
