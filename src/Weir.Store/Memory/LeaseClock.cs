// SPDX-License-Identifier: Apache-2.0

namespace Weir.Store.Memory;

/// <summary>Knows when leases are over, and says so.</summary>
internal sealed class LeaseClock : IDisposable
{
    private static readonly TimeSpan _retry = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private readonly Dictionary<long, (TimeSpan TimeToLive, long Since)> _leases = [];

    /// <param name="due">Called when a lease may be over, on a thread of the timer's.</param>
    internal LeaseClock(TimeProvider time, Action due)
    {
        _time = time;
        _timer = time.CreateTimer(_ => due(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    internal void Start(long lease, TimeSpan timeToLive)
    {
        lock (_lock)
        {
            _leases[lease] = (timeToLive, _time.GetTimestamp());
            SetTimer();
        }
    }

    /// <summary>False: it is over.</summary>
    internal bool Renew(long lease)
    {
        lock (_lock)
        {
            if (!_leases.TryGetValue(lease, out (TimeSpan TimeToLive, long Since) found))
            {
                return false;
            }

            _leases[lease] = found with { Since = _time.GetTimestamp() };
            SetTimer();
            return true;
        }
    }

    internal void End(long lease)
    {
        lock (_lock)
        {
            _leases.Remove(lease);
            SetTimer();
        }
    }

    /// <summary>The leases whose time is over.</summary>
    internal IReadOnlyList<long> Due()
    {
        lock (_lock)
        {
            SetTimer();
            return [.. _leases.Where(lease => Left(lease.Value) <= TimeSpan.Zero).Select(lease => lease.Key).Order()];
        }
    }

    public void Dispose() => _timer.Dispose();

    private TimeSpan Left((TimeSpan TimeToLive, long Since) lease) => lease.TimeToLive - _time.GetElapsedTime(lease.Since);

    /// <summary>To the next that is over. What is over already was told of: if it is still here then, it could not be ended.</summary>
    private void SetTimer()
    {
        TimeSpan next = Timeout.InfiniteTimeSpan;
        foreach ((TimeSpan, long) lease in _leases.Values)
        {
            TimeSpan left = Left(lease) is var time && time > TimeSpan.Zero ? time : _retry;
            if (next == Timeout.InfiniteTimeSpan || left < next)
            {
                next = left;
            }
        }

        // A timer counts milliseconds: rounded down it would come too early and find nothing.
        _timer.Change(next == Timeout.InfiniteTimeSpan ? next : TimeSpan.FromMilliseconds(Math.Ceiling(next.TotalMilliseconds)), Timeout.InfiniteTimeSpan);
    }
}
