// SPDX-License-Identifier: Apache-2.0

using System.Numerics;
using Google.Protobuf.Collections;

namespace Weir.Flows;

/// <summary>How long things took, by powers of two of a microsecond.</summary>
internal static class Sketch
{
    private const int Buckets = 28; // the last: 67 s and longer

    internal static void Count(RepeatedField<uint> sketch, ulong us)
    {
        int bucket = Math.Min(us == 0 ? 0 : BitOperations.Log2(us) + 1, Buckets - 1);
        while (sketch.Count <= bucket)
        {
            sketch.Add(0);
        }

        sketch[bucket]++;
    }

    internal static void Add(RepeatedField<uint> sketch, IReadOnlyList<uint> other)
    {
        while (sketch.Count < other.Count)
        {
            sketch.Add(0);
        }

        for (int i = 0; i < other.Count; i++)
        {
            sketch[i] += other[i];
        }
    }
}
