// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Api;
using Weir.Http.Http1;

namespace Weir.Agent;

/// <summary>The proxy's counts as the API's.</summary>
internal static class ProxyFigures
{
    private const double UsPerSecond = 1e6;

    internal static ProxyMetrics Of(ProxyStats stats)
    {
        var metrics = new ProxyMetrics
        {
            Connections = stats.Connections,
            ConnectionsOpen = stats.ConnectionsOpen,
            Strays = stats.Strays,
            TakenOver = stats.TakenOver,
            LatencySumSeconds = stats.LatencySumUs / UsPerSecond,
            RequestBytes = stats.RequestBytes,
            ResponseBytes = stats.ResponseBytes,
            MemoryBytes = stats.MemoryBytes,
        };
        metrics.Requests.AddRange(Named(stats.Requests, i => Kebab(((AccessVerdict)i).ToString())).Skip(1));
        metrics.Statuses.AddRange(Named(stats.Statuses, i => $"{i}xx"));
        metrics.ParseErrors.AddRange(Named(stats.Faults, i => Kebab(((RequestFault)i).ToString())).Skip(1));
        ulong sum = 0;
        for (int i = 0; i < stats.Latencies.Count; i++)
        {
            // Bucket i holds what took less than 2^i microseconds.
            sum += stats.Latencies[i];
            if (i < stats.Latencies.Count - 1)
            {
                metrics.Latencies.Add(new LatencyBucket { Seconds = Math.Pow(2, i) / UsPerSecond, Count = sum });
            }
        }

        metrics.LatencyCount = sum;
        return metrics;
    }

    private static IEnumerable<NamedCount> Named(IEnumerable<ulong> counts, Func<int, string> name) =>
        counts.Select((count, i) => new NamedCount { Name = name(i), Count = count });

    /// <summary>"ContentLength" → "content-length".</summary>
    private static string Kebab(string name)
    {
        var text = new StringBuilder();
        foreach (char c in name)
        {
            if (char.IsAsciiLetterUpper(c) && text.Length > 0)
            {
                text.Append('-');
            }

            text.Append(char.ToLowerInvariant(c));
        }

        return text.ToString();
    }
}
