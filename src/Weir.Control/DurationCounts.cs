// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control;

/// <summary>How often something took how long. Written by one, read by anybody.</summary>
public sealed class DurationCounts
{
    private static readonly double[] _bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

    private readonly Lock _lock = new();
    private readonly long[] _counts = new long[_bounds.Length + 1]; // the last: longer than any bound
    private double _sum;

    public void Add(TimeSpan took)
    {
        int bucket = Array.FindIndex(_bounds, bound => took.TotalSeconds <= bound);
        lock (_lock)
        {
            _counts[bucket < 0 ? _bounds.Length : bucket]++;
            _sum += took.TotalSeconds;
        }
    }

    /// <summary>By bound in seconds, how often it took at most so long; then the sum in seconds, and how often at all.</summary>
    public (IReadOnlyList<(double Seconds, long Count)> Buckets, double Sum, long Count) Read()
    {
        lock (_lock)
        {
            long sofar = 0;
            (double, long)[] buckets = [.. _bounds.Select((bound, i) => (bound, sofar += _counts[i]))];
            return (buckets, _sum, sofar + _counts[^1]);
        }
    }
}
