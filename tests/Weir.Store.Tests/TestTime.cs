// SPDX-License-Identifier: Apache-2.0
namespace Weir.Store.Tests;

/// <summary>Time that passes when told to, with its timers.</summary>
internal sealed class TestTime : TimeProvider
{
    private readonly List<TestTimer> _timers = [];
    private long _now;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => _now;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new TestTimer(this, () => callback(state));
        timer.Change(dueTime, period);
        _timers.Add(timer);
        return timer;
    }

    internal void Pass(TimeSpan time)
    {
        _now += time.Ticks;
        foreach (TestTimer timer in _timers.ToArray())
        {
            timer.Look();
        }
    }

    private sealed class TestTimer(TestTime time, Action ring) : ITimer
    {
        private long? _due;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            _due = dueTime == Timeout.InfiniteTimeSpan ? null : time._now + dueTime.Ticks;
            return true;
        }

        public void Dispose() => _due = null;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }

        internal void Look()
        {
            if (_due <= time._now)
            {
                _due = null;
                ring();
            }
        }
    }
}
