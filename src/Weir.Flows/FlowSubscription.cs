// SPDX-License-Identifier: Apache-2.0

using System.Threading.Channels;
using Weir.Datapath.Abi;

namespace Weir.Flows;

/// <summary>The events from now on, for one reader. A reader that is too slow loses events; they are
/// counted.</summary>
public sealed class FlowSubscription : IDisposable
{
    private const int Waiting = 8192;

    private readonly Channel<FlowRecord> _events = Channel.CreateBounded<FlowRecord>(new BoundedChannelOptions(Waiting)
    {
        SingleReader = true,
        SingleWriter = true,
        FullMode = BoundedChannelFullMode.Wait,
    });

    private readonly Action<FlowSubscription> _end;
    private long _lost;

    internal FlowSubscription(FlowFilter filter, IReadOnlyList<FlowRecord> past, Action<FlowSubscription> end)
    {
        Filter = filter;
        Past = past;
        _end = end;
    }

    /// <summary>What the reader wants; it applies it itself, after decoding.</summary>
    public FlowFilter Filter { get; }

    /// <summary>Events of before the subscription, oldest first.</summary>
    public IReadOnlyList<FlowRecord> Past { get; }

    public ChannelReader<FlowRecord> Reader => _events.Reader;

    /// <summary>Events lost since the last call.</summary>
    public long TakeLost() => Interlocked.Exchange(ref _lost, 0);

    public void Dispose()
    {
        _end(this);
        _events.Writer.TryComplete();
    }

    internal void Offer(in FlowRecord record)
    {
        if (Filter.Wants(in record) && !_events.Writer.TryWrite(record))
        {
            Interlocked.Increment(ref _lost);
        }
    }
}
