// SPDX-License-Identifier: Apache-2.0
using System.Numerics;
using Weir.Api;
using Weir.Http.Http1;

namespace Weir.Proxy;

/// <summary>A worker's counts. Written by its thread alone; others read them as they are.</summary>
internal sealed class Counters
{
    private const int Buckets = 28; // the last one: more than a minute
    private readonly long[] _requests = new long[Enum.GetValues<AccessVerdict>().Length];
    private readonly long[] _statuses = new long[6];
    private readonly long[] _latencies = new long[Buckets];
    private readonly long[] _faults = new long[Enum.GetValues<RequestFault>().Length];
    private long _latencySum;
    private long _requestBytes;
    private long _responseBytes;

    /// <summary>Connections that came, in whatever way.</summary>
    public long Connections { get; set; }

    /// <summary>Of them, those that were taken over in their middle.</summary>
    public long TakenOver { get; set; }

    public long Open { get; set; }

    /// <summary>Connections without a flow.</summary>
    public long Strays { get; set; }

    public void Count(AccessVerdict verdict, int status, long latencyUs, long requestBytes, long responseBytes)
    {
        _requests[(int)verdict]++;
        _statuses[Math.Clamp(status / 100, 0, _statuses.Length - 1)]++;
        _latencies[Math.Min(Buckets - 1, 64 - BitOperations.LeadingZeroCount((ulong)latencyUs))]++;
        _latencySum += latencyUs;
        _requestBytes += requestBytes;
        _responseBytes += responseBytes;
    }

    /// <summary>A request of whose answer nothing is known.</summary>
    public void Count(AccessVerdict verdict, long requestBytes)
    {
        _requests[(int)verdict]++;
        _requestBytes += requestBytes;
    }

    public void Count(RequestFault fault) => _faults[(int)fault]++;

    /// <summary>The sum over all workers.</summary>
    public static ProxyStats Sum(IReadOnlyCollection<Counters> workers)
    {
        var stats = new ProxyStats
        {
            LatencySumUs = (ulong)workers.Sum(worker => worker._latencySum),
            Connections = (ulong)workers.Sum(worker => worker.Connections),
            ConnectionsOpen = workers.Sum(worker => worker.Open),
            TakenOver = (ulong)workers.Sum(worker => worker.TakenOver),
            Strays = (ulong)workers.Sum(worker => worker.Strays),
            RequestBytes = (ulong)workers.Sum(worker => worker._requestBytes),
            ResponseBytes = (ulong)workers.Sum(worker => worker._responseBytes),
            MemoryBytes = (ulong)Environment.WorkingSet,
        };
        stats.Requests.AddRange(Sum(workers, worker => worker._requests));
        stats.Statuses.AddRange(Sum(workers, worker => worker._statuses));
        stats.Latencies.AddRange(Sum(workers, worker => worker._latencies));
        stats.Faults.AddRange(Sum(workers, worker => worker._faults));
        return stats;
    }

    private static IEnumerable<ulong> Sum(IReadOnlyCollection<Counters> workers, Func<Counters, long[]> part) =>
        Enumerable.Range(0, part(workers.First()).Length).Select(i => (ulong)workers.Sum(worker => part(worker)[i]));
}
