// SPDX-License-Identifier: Apache-2.0
using Google.Protobuf.WellKnownTypes;
using Weir.Api;
using Weir.Cli;
using Xunit;

namespace Weir.Tests;

public sealed class TopTableTests
{
    private static readonly TopPair _busy = new() { From = "web", To = "api", Port = "80/tcp", Bytes = 2_400_000, Requests = 30, Open = 3, Ended = 1, Segments = 1000, Retransmits = 1, RoundTrips = { 0, 0, 0, 0, 0, 0, 0, 90 }, Latencies = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 30 } };
    private static readonly TopPair _lossy = new() { From = "cron", To = "a-mail-server-with-a-very-long-name.example", Port = "25/tcp", Bytes = 10, Segments = 50, Retransmits = 10, RoundTrips = { Enumerable.Repeat(0u, 18).Append(1u) } };
    private static readonly TopPair _denied = new() { From = "web", To = "db", Port = "5432/tcp", Denied = 12 };

    private static TopFrame Frame => new() { Time = Timestamp.FromDateTimeOffset(new DateTimeOffset(2026, 11, 28, 3, 12, 0, TimeSpan.Zero)), Seconds = 2, Pairs = { _denied, _lossy, _busy } };

    [Fact]
    public void Frame_IsATable_WithRates()
    {
        IReadOnlyList<string> lines = TopTable.Render(Frame, TopSort.Bytes, null, null);

        Assert.Equal("03:12:00  3 pairs, 3 connections, 1.2MB/s, 15 req/s, 6 denied/s; by bytes", lines[0]);
        Assert.Equal(5, lines.Count);
        Assert.Matches(@"^FROM +TO +PORT +BYTES/S +REQ/S +P99 +RTT P99 +RETRANS +DENIED/S +OPEN +ENDED/S$", lines[1]);
        Assert.Matches(@"^web +api +80/tcp +1\.2M +15 +1 ms +0\.128 ms +1 \(0\.1%\) +3 +0\.5$", lines[2]);
        Assert.Matches(@"^cron .*25/tcp +5 +262 ms +10 \(20%\)$", lines[3]);
        Assert.Matches(@"^web +db +5432/tcp +6$", lines[4]);
    }

    [Fact]
    public void Sorting_PutsTheMostFirst()
    {
        string First(TopSort by) => TopTable.Sort(Frame.Pairs, by)[0].To;

        Assert.Equal("api", First(TopSort.Bytes));
        Assert.Equal("api", First(TopSort.Requests));
        Assert.Equal("api", First(TopSort.Latency));
        Assert.Equal(_lossy.To, First(TopSort.Rtt));
        Assert.Equal(_lossy.To, First(TopSort.Retransmits));
        Assert.Equal("db", First(TopSort.Denied));
        Assert.Equal("api", First(TopSort.Connections));
    }

    [Theory]
    [InlineData(200, 50)]
    [InlineData(100, 4)]
    [InlineData(80, 3)]
    [InlineData(40, 2)]
    [InlineData(1, 1)]
    public void NoLine_IsWiderThanTheTerminal_NorTheirsAreMoreThanItHas(int width, int height)
    {
        IReadOnlyList<string> lines = TopTable.Render(Frame, TopSort.Rtt, width, height);

        Assert.InRange(lines.Count, 1, height);
        Assert.All(lines, line => Assert.InRange(line.Length, 0, width));
    }

    [Fact]
    public void NamesOfContainers_MoveNoCursor()
    {
        var frame = new TopFrame { Time = Frame.Time, Seconds = 1, Pairs = { new TopPair { From = "\e[2J\u202ehostile", To = "a\nb", Port = "80/tcp", Bytes = 1 } } };

        Assert.All(TopTable.Render(frame, TopSort.Bytes, 80, 24), line => Assert.DoesNotContain(line, c => char.IsControl(c) || c == '\u202e'));
    }
}
