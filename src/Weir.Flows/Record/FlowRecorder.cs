// SPDX-License-Identifier: Apache-2.0

using Weir.Api;
using Weir.Linux;

namespace Weir.Flows;

/// <summary>Writes down what happens, so that one who comes later can look it up. On a thread of its own: what it is too slow for is
/// counted and said, and nobody waits for it.</summary>
public sealed class FlowRecorder : IDisposable
{
    /// <summary>Flows of this time are counted together; so much is lost when the agent is killed.</summary>
    private static readonly TimeSpan _interval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(200);

    private readonly RecordOptions _options;
    private readonly TimeProvider _time;
    private readonly Func<ulong> _lostInKernel;
    private readonly Action<string> _warn;
    private readonly RecordJournal _journal;
    private readonly FlowSummer _summer;
    private readonly FlowSubscription? _subscription;
    private readonly GuardedThread? _thread;
    private readonly GuardedThread? _segments;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private DateTimeOffset _began;
    private ulong _lostBefore;
    private ulong _unwritten; // flows that could not be written, for the next block to say
    private string? _problem;

    /// <param name="lostInKernel">Events that found the ring full, ever.</param>
    /// <param name="warn">Told once when writing begins to fail, and once when it works again.</param>
    /// <param name="failed">Told what the thread threw; it goes on.</param>
    public FlowRecorder(FlowHub hub, FlowDecoder decoder, RecordOptions options, Func<ulong> lostInKernel, TimeProvider time, Action<string> warn, Action<Exception> failed)
    {
        ArgumentNullException.ThrowIfNull(hub);
        ArgumentNullException.ThrowIfNull(decoder);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(lostInKernel);
        ArgumentNullException.ThrowIfNull(time);
        _options = options;
        _time = time;
        _lostInKernel = lostInKernel;
        _warn = warn;
        _journal = new RecordJournal(options, time);
        _summer = new FlowSummer(record => decoder.Decode(in record));
        _began = time.GetUtcNow();
        _lostBefore = lostInKernel();
        if (options.Mode != RecordMode.Off)
        {
            _subscription = hub.Subscribe(FlowFilter.ForRecord(options.Mode), 0);
            _thread = GuardedThread.Lasting("record", Record, failed).Start();
            _segments = GuardedThread.Lasting("segments", MakeSegments, failed).Start();
        }
    }

    /// <summary>For status: what is recorded, how much of it there is.</summary>
    public string Describe()
    {
        const double Mega = 1024 * 1024;
        (long bytes, DateTimeOffset? since) = _journal.Extent();
        string kept = since is null ? "nothing yet" : $"{bytes / Mega:F1} MB since {since:yyyy-MM-dd HH:mm}Z";
        return _options.Mode switch
        {
            _ when Problem is { } problem => $"failing: {problem}",
            RecordMode.Off => since is null ? "off" : $"off; {kept}",
            RecordMode.Denied => $"what is denied: {kept}",
            RecordMode.Flows => $"what is denied, and TCP connections: {kept}",
            _ => $"all flows and requests: {kept}",
        };
    }

    /// <summary>Why what happens is not written down now; null: it is.</summary>
    public string? Problem => Volatile.Read(ref _problem);

    /// <summary>What was recorded in a time, up to this moment, oldest first.</summary>
    /// <param name="note">Told what is missing.</param>
    public IEnumerable<RecordedFlow> Read(DateTimeOffset since, DateTimeOffset until, FlowFilter filter, Action<string> note)
    {
        ArgumentNullException.ThrowIfNull(filter);
        ArgumentNullException.ThrowIfNull(note);
        lock (_lock)
        {
            TakeIn();
            Write();
        }

        return _journal.Read(since, until, filter, note);
    }

    public void Dispose()
    {
        _stop.Cancel();
        _thread?.Join();
        _segments?.Join();
        _subscription?.Dispose();
        lock (_lock)
        {
            Write();
        }

        _journal.Dispose();
        _stop.Dispose();
    }

    private void Record()
    {
        while (!_stop.Token.WaitHandle.WaitOne(_pause))
        {
            lock (_lock)
            {
                TakeIn();
                if (_time.GetUtcNow() - _began is var age && (age >= _interval || age < TimeSpan.Zero))
                {
                    Write();
                }
            }
        }
    }

    /// <summary>Apart, so that what happens meanwhile is taken in.</summary>
    private void MakeSegments()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                _journal.MakeSegments(_stop.Token);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // No room, most likely: of that the thread that writes blocks tells. Tried again.
            }

            _stop.Token.WaitHandle.WaitOne(_interval);
        }
    }

    private void TakeIn()
    {
        while (_subscription?.Reader.TryRead(out FlowRecord record) == true)
        {
            _summer.Add(in record);
        }
    }

    private void Write()
    {
        DateTimeOffset now = _time.GetUtcNow();
        ulong lostInKernel = _lostInKernel();
        ulong lost = lostInKernel - _lostBefore + (ulong)(_subscription?.TakeLost() ?? 0) + _unwritten;
        _lostBefore = lostInKernel;
        if (_options.Mode == RecordMode.Off || (_summer.IsEmpty && lost == 0))
        {
            _began = now;
            return;
        }

        RecordBlock block = _summer.Take(now);
        block.Lost += lost;
        try
        {
            _journal.Append(block, _began < now ? _began : now, now);
            _unwritten = 0;
            if (Problem is not null)
            {
                Volatile.Write(ref _problem, null);
                _warn("what happens is written down again");
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _unwritten = block.Lost + block.Flows.Aggregate(0UL, (sum, flow) => sum + flow.Count);
            if (Problem is null)
            {
                _warn($"what happens cannot be written down in {_options.Folder}: {e.Message}; policy holds, and it is tried again");
            }

            Volatile.Write(ref _problem, e.Message);
        }

        _began = now;
    }
}
