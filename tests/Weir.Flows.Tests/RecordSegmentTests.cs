// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;
using Weir.Api;
using Xunit;

namespace Weir.Flows.Tests;

/// <summary>What segments are made of says the same as they do: whatever is asked, whatever is in it, wherever they end.</summary>
public sealed class RecordSegmentTests : IDisposable
{
    private static readonly DateTimeOffset _start = new(2026, 11, 28, 12, 0, 0, TimeSpan.Zero);

    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"weir-segments-{Guid.NewGuid():N}");
    private readonly List<string> _notes = [];

    public void Dispose()
    {
        if (Directory.Exists(_folder))
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    [Fact]
    public void SegmentsSayWhatTheirBlocksDid_WhateverIsAsked()
    {
        var random = new Random(7);
        using RecordJournal journal = Open();
        for (int i = 0; i < 40; i++)
        {
            journal.Append(Block(random, i), _start.AddSeconds(i), _start.AddSeconds(i + 1));
        }

        MonitorRequest[] questions =
        [
            new(),
            new() { RelatedTo = { "c3" } },
            new() { From = { "c1", "c2" }, To = { "10.0.0.0/30" } },
            new() { From = { "team=t1" }, Verdicts = { "denied" } },
            new() { Ports = { 81 }, Types_ = { FlowType.L7 } },
            new() { To = { "world" } },
            new() { RelatedTo = { "nobody" } },
        ];
        string[][] before = [.. questions.Select(question => Ask(journal, question))];
        string[] partBefore = Ask(journal, new MonitorRequest(), 10, 20);
        journal.MakeSegments(CancellationToken.None);
        Assert.NotEmpty(Files("flows")); // the one that is written
        using RecordJournal again = Open();
        again.MakeSegments(CancellationToken.None);
        Assert.Empty(Files("flows"));
        Assert.NotEmpty(Files("segment"));
        Assert.Equal(before, questions.Select(question => Ask(again, question)));
        Assert.Equal(partBefore, Ask(again, new MonitorRequest(), 10, 20));
        Assert.NotEmpty(before[1]);
        Assert.NotEmpty(partBefore);
        Assert.Empty(before[^1]);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Files("segment")[0]));
        Assert.Empty(_notes);
    }

    [Fact]
    public void EveryFieldThereIs_IsKept()
    {
        var flow = (RecordedFlow)Filled(RecordedFlow.Descriptor, 1);
        flow.Last = Timestamp.FromDateTimeOffset(_start.AddTicks(12_345));
        flow.Flow.Time = Timestamp.FromDateTimeOffset(_start.AddTicks(1));
        flow.Flow.Type = FlowType.Tcp;
        RecordedFlow expected = flow.Clone();
        using (RecordJournal journal = Open())
        {
            journal.Append(new RecordBlock { Flows = { flow } }, _start, _start.AddSeconds(1));
        }

        using RecordJournal again = Open();
        again.MakeSegments(CancellationToken.None);
        Assert.Single(Files("segment"));
        Assert.Equal(expected, Assert.Single(again.Read(_start, _start.AddSeconds(1), FlowFilter.OfRecord(new MonitorRequest()), _notes.Add)));
    }

    [Fact]
    public void WhatWasLost_IsToldOfItsTimeAlone()
    {
        using (RecordJournal journal = Open())
        {
            journal.Append(new RecordBlock { Lost = 3 }, _start, _start.AddSeconds(1));
            journal.Append(new RecordBlock { Lost = 4 }, _start.AddSeconds(10), _start.AddSeconds(11));
        }

        using RecordJournal again = Open();
        again.MakeSegments(CancellationToken.None);
        Assert.Single(Files("segment"));
        Ask(again, new MonitorRequest { RelatedTo = { "nobody" } }, 9, 20);
        Ask(again, new MonitorRequest());
        Assert.Equal(["4 events", "7 events"], _notes.Select(note => note[..8]));
    }

    [Fact]
    public void CrashAnywhere_LeavesTheFileOrItsSegment()
    {
        using RecordJournal journal = Written();
        string blocks = Assert.Single(Files("flows"));
        byte[] bytes = File.ReadAllBytes(blocks);
        string[] expected = Ask(journal, new MonitorRequest());

        // While the segment was written; after that, before the file was gone.
        File.WriteAllText(Path.ChangeExtension(blocks, ".part"), "half");
        Assert.Equal(expected, Ask(journal, new MonitorRequest()));
        journal.MakeSegments(CancellationToken.None);
        Assert.Empty(Files("part"));
        File.WriteAllBytes(blocks, bytes);
        Assert.Equal(expected, Ask(journal, new MonitorRequest()));
        journal.MakeSegments(CancellationToken.None);
        Assert.Empty(Files("flows"));
        Assert.Equal(expected, Ask(journal, new MonitorRequest()));
        Assert.Empty(_notes);
    }

    [Fact]
    public void SegmentCutOrChangedAnywhere_IsLeftOutAndSaid_AndNothingElse()
    {
        using RecordJournal journal = Written();
        string[] expected = Ask(journal, new MonitorRequest());
        journal.MakeSegments(CancellationToken.None);
        string segment = Assert.Single(Files("segment"));
        byte[] whole = File.ReadAllBytes(segment);
        for (int at = 0; at < whole.Length; at++)
        {
            byte[] damaged = [.. whole];
            damaged[at] ^= 0x10;
            foreach (byte[] bytes in new[] { whole[..at], damaged })
            {
                _notes.Clear();
                File.WriteAllBytes(segment, bytes);
                Assert.Empty(Ask(journal, new MonitorRequest()));
                Assert.StartsWith(segment + " is left out: ", Assert.Single(_notes), StringComparison.Ordinal);
            }
        }

        File.WriteAllBytes(segment, whole);
        Assert.Equal(expected, Ask(journal, new MonitorRequest()));
    }

    [Fact]
    public void FileThatIsDamaged_OrOfANewerVersion_IsNotMadeASegmentOf()
    {
        using RecordJournal journal = Written();
        string blocks = Assert.Single(Files("flows"));
        byte[] damaged = File.ReadAllBytes(blocks);
        damaged[^1] ^= 1;
        File.WriteAllBytes(blocks, damaged);
        string newer = Path.Combine(_folder, $"{_start.AddHours(1).ToUnixTimeMilliseconds():D15}.flows");
        File.WriteAllText(newer, "weirrec9 what comes then");
        journal.MakeSegments(CancellationToken.None);
        Assert.Equal(2, Files("flows").Length);
        Assert.Equal(3, Ask(journal, new MonitorRequest()).Length);
        Assert.Equal(2, _notes.Count);
    }

    [Fact]
    public void SegmentsGo_TheOldestFirst()
    {
        var random = new Random(3);
        var options = new RecordOptions(_folder) { MostBytes = 128 * 1024, Longest = TimeSpan.FromDays(3650) };
        using var journal = new RecordJournal(options, TimeProvider.System);
        int written = 0;
        for (; written < 400; written++)
        {
            journal.Append(new RecordBlock { Flows = { Enumerable.Range(0, 30).Select(_ => Noise(random, written)) } }, _start.AddSeconds(written), _start.AddSeconds(written + 1));
            journal.MakeSegments(CancellationToken.None);
        }

        Assert.NotEmpty(Files("segment"));
        Assert.InRange(journal.Extent().Bytes, 1, options.MostBytes + 100_000);
        Assert.True(journal.Extent().Since > _start);
        Assert.Contains($"noise {written - 1} ", Ask(journal, new MonitorRequest())[^1], StringComparison.Ordinal);
    }

    /// <summary>A whole file of four flows in three blocks, as a run before left it.</summary>
    private RecordJournal Written()
    {
        using (RecordJournal journal = Open())
        {
            var random = new Random(5);
            journal.Append(new RecordBlock { Flows = { Flow(random, 0), Flow(random, 1) } }, _start, _start.AddSeconds(1));
            journal.Append(new RecordBlock { Flows = { Flow(random, 1) } }, _start.AddSeconds(1), _start.AddSeconds(2));
            journal.Append(new RecordBlock { Flows = { Flow(random, 2) } }, _start.AddSeconds(2), _start.AddSeconds(3));
        }

        return Open();
    }

    private RecordJournal Open() => new(new RecordOptions(_folder) { Longest = TimeSpan.FromDays(3650) }, TimeProvider.System);

    private string[] Files(string suffix) => Directory.Exists(_folder) ? [.. Directory.GetFiles(_folder, "*." + suffix).Order(StringComparer.Ordinal)] : [];

    /// <summary>What is told: within a block in another order.</summary>
    private string[] Ask(RecordJournal journal, MonitorRequest question, int since = 0, int until = 1_000_000) =>
        [.. journal.Read(_start.AddSeconds(since), _start.AddSeconds(until), FlowFilter.OfRecord(question), _notes.Add)
            .OrderBy(flow => flow.Flow.Time)
            .Select(flow => flow.ToString())];

    private static RecordBlock Block(Random random, int second) => new() { Flows = { Enumerable.Range(0, random.Next(1, 60)).Select(_ => Flow(random, second)) } };

    private static RecordedFlow Flow(Random random, int second)
    {
        DateTimeOffset time = _start.AddSeconds(second).AddTicks(random.Next(9_000_000));
        var recorded = new RecordedFlow
        {
            Flow = new Flow
            {
                Time = Timestamp.FromDateTimeOffset(time),
                Type = (FlowType)new[] { 1, 2, 4, 5 }[random.Next(4)],
                Verdict = random.Next(2) == 0 ? "denied" : "allowed",
                Reply = random.Next(5) == 0,
                Source = random.Next(20) == 0 ? null : End(random),
                Destination = End(random),
                Explanation = $"because {random.Next(9)}",
            },
            Last = random.Next(2) == 0 ? Timestamp.FromDateTimeOffset(time) : Timestamp.FromDateTimeOffset(time.AddTicks(random.Next(900_000))),
            Count = (ulong)random.Next(3),
            Bytes = (ulong)random.Next(2) * 70_000,
            Retransmits = (ulong)random.Next(2),
        };
        if (random.Next(2) == 0)
        {
            Sketch.Count(recorded.Latencies, (ulong)random.Next(100_000));
            Sketch.Count(recorded.Latencies, (ulong)random.Next(100_000));
            Sketch.Count(recorded.RoundTrips, 0);
        }

        return recorded;
    }

    private static FlowEnd End(Random random)
    {
        int number = random.Next(6);
        return number == 0
            ? new FlowEnd { Ip = $"198.51.100.{random.Next(256)}", Identity = 2, Labels = { "reserved:world" }, Port = 81 }
            : new FlowEnd { Ip = $"10.0.0.{number}", Identity = 256 + (uint)number, Name = $"c{number}", EndpointId = (uint)number, Port = (uint)(80 + random.Next(2)), Labels = { $"container:team=t{number % 2}" } };
    }

    private static RecordedFlow Noise(Random random, int second)
    {
        byte[] bytes = new byte[40];
        random.NextBytes(bytes);
        RecordedFlow flow = Flow(random, second);
        flow.Flow.Explanation = $"noise {second} {Convert.ToHexString(bytes)}";
        return flow;
    }

    /// <summary>A message each field of which is something.</summary>
    private static IMessage Filled(MessageDescriptor descriptor, int depth)
    {
        IMessage message = descriptor.Parser.ParseFrom(ByteString.Empty);
        foreach (FieldDescriptor field in descriptor.Fields.InFieldNumberOrder())
        {
            object value = field.FieldType switch
            {
                FieldType.Message => field.MessageType == Timestamp.Descriptor ? new Timestamp { Seconds = depth } : Filled(field.MessageType, depth + 1),
                FieldType.String => $"{field.Name} {depth}",
                FieldType.UInt32 => (uint)(depth + field.FieldNumber),
                FieldType.UInt64 => (ulong)(depth + field.FieldNumber),
                FieldType.Int32 => depth + field.FieldNumber,
                FieldType.Double => depth + (field.FieldNumber / 8.0),
                FieldType.Bool => true,
                FieldType.Enum => field.EnumType.Values[^1].Number,
                _ => throw new NotSupportedException($"{field.FullName}: say here what it can be"),
            };
            if (field.IsRepeated)
            {
                ((System.Collections.IList)field.Accessor.GetValue(message)).Add(value);
            }
            else
            {
                field.Accessor.SetValue(message, value);
            }
        }

        return message;
    }
}
