// SPDX-License-Identifier: Apache-2.0

namespace Weir.Ui;

/// <summary>How long things took: how many less than 2^i microseconds, and not less than half of that. Older ones count less.</summary>
internal sealed class LatencySketch
{
    private const int Buckets = 32;

    private readonly double[] _counts = new double[Buckets];

    internal void Add(IReadOnlyList<uint> counts)
    {
        for (int i = 0; i < Math.Min(counts.Count, Buckets); i++)
        {
            _counts[i] += counts[i];
        }
    }

    internal void Add(double milliseconds)
    {
        if (milliseconds > 0)
        {
            _counts[Math.Clamp((int)Math.Floor(Math.Log2(milliseconds * 1000)) + 1, 0, Buckets - 1)]++;
        }
    }

    internal void Halve()
    {
        for (int i = 0; i < Buckets; i++)
        {
            _counts[i] /= 2;
        }
    }

    /// <summary>Milliseconds, between the powers of two that are counted; 0: there was none.</summary>
    internal double Quantile(double share)
    {
        double all = _counts.Sum();
        double sofar = 0;
        for (int i = 0; i < Buckets && all > 0.01; i++)
        {
            if (_counts[i] > 0 && (sofar + _counts[i]) >= share * all)
            {
                double within = (share * all - sofar) / _counts[i];
                return Math.Round(Math.Pow(2, i - 1 + Math.Clamp(within, 0, 1)) / 1000, 3);
            }

            sofar += _counts[i];
        }

        return 0;
    }
}
