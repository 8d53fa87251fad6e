// SPDX-License-Identifier: Apache-2.0

namespace Weir.Cli;

/// <summary>How long requests took, of which only powers of two are on record.</summary>
internal static class Latency
{
    /// <summary>"8 ms": so long or shorter took that share of them; empty: there are none.</summary>
    /// <param name="buckets">By i, how many took less than 2^i microseconds and not less than half of that.</param>
    internal static string Write(IReadOnlyList<uint> buckets, double share)
    {
        double ms = Microseconds(buckets, share) / 1000;
        return ms == 0 ? "" : ms < 1 ? $"{ms:0.###} ms" : ms < 1000 ? $"{ms:0} ms" : $"{ms / 1000:0.#} s";
    }

    /// <summary>The same as a number; 0: there are none.</summary>
    internal static double Microseconds(IReadOnlyList<uint> buckets, double share)
    {
        ulong all = buckets.Aggregate(0UL, (sum, n) => sum + n);
        if (all == 0)
        {
            return 0;
        }

        ulong sofar = 0;
        int bucket = 0;
        while (bucket < buckets.Count - 1 && (sofar += buckets[bucket]) < share * all)
        {
            bucket++;
        }

        return Math.Pow(2, bucket);
    }
}
