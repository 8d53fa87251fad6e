// SPDX-License-Identifier: Apache-2.0
namespace Weir.Services.Tests;

/// <summary>The paper's "Populate" (§3.4) as it stands there, with whole permutations and no thought of speed.</summary>
internal static class PaperMaglev
{
    /// <summary>The index of each slot's backend. Weights: in round r a backend has as many turns behind it as
    /// r · weight / heaviest, rounded.</summary>
    /// <param name="permutations">Of each backend: all slots, in its order.</param>
    public static int[] Populate(int[][] permutations, int[] weights, int size)
    {
        var next = new int[permutations.Length];
        var entry = new int[size];
        Array.Fill(entry, -1);
        var heaviest = weights.Max();
        for (int round = 1, n = 0; ; round++)
        {
            for (var i = 0; i < permutations.Length; i++)
            {
                if (TurnsUntil(round, weights[i], heaviest) == TurnsUntil(round - 1, weights[i], heaviest))
                {
                    continue;
                }

                var c = permutations[i][next[i]];
                while (entry[c] >= 0)
                {
                    next[i]++;
                    c = permutations[i][next[i]];
                }

                entry[c] = i;
                next[i]++;
                if (++n == size)
                {
                    return entry;
                }
            }
        }
    }

    public static int[] Permutation(long offset, long skip, int size)
    {
        var permutation = new int[size];
        for (long j = 0; j < size; j++)
        {
            permutation[j] = (int)((offset + (j * skip)) % size);
        }

        return permutation;
    }

    private static int TurnsUntil(int round, int weight, int heaviest) => ((round * weight) + (heaviest / 2)) / heaviest;
}
