// SPDX-License-Identifier: Apache-2.0
using System.Numerics;

namespace Weir.Policy.Comparison;

/// <summary>Describes a set of classes by as few conditions as possible.</summary>
internal static class Cubes
{
    /// <summary>
    /// Covers the members by conjunctions that fit no other class: each begins as one class told by all its literals, and
    /// loses every literal that keeps nobody else out.
    /// </summary>
    /// <param name="classes">Of each which literals hold.</param>
    /// <param name="isMember">Which of them are to be covered.</param>
    /// <param name="order">Literals that are lost first.</param>
    /// <param name="most">Of conjunctions.</param>
    /// <param name="left">Members that are not covered: it would take more.</param>
    /// <returns>Literals with whether they hold.</returns>
    public static List<List<(int Literal, bool Holds)>> Cover(
        IReadOnlyList<ulong[]> classes, Func<int, bool> isMember, IReadOnlyList<int> order, int most, out int left)
    {
        var members = Enumerable.Range(0, classes.Count).Where(isMember).ToHashSet();
        int[] others = [.. Enumerable.Range(0, classes.Count).Where(i => !members.Contains(i))];
        var cubes = new List<List<(int, bool)>>();
        while (members.Count > 0 && cubes.Count < most)
        {
            var seed = classes[members.Min()];
            var kept = Shrink(classes, seed, others, order);
            members.RemoveWhere(member => kept.TrueForAll(literal => Holds(classes[member], literal) == Holds(seed, literal)));
            cubes.Add([.. kept.Select(literal => (literal, Holds(seed, literal)))]);
        }

        left = members.Count;
        return cubes;
    }

    private static List<int> Shrink(IReadOnlyList<ulong[]> classes, ulong[] seed, int[] others, IReadOnlyList<int> order)
    {
        // By how many literals each other class is kept out.
        var differences = others.Select(other => Difference(classes[other], seed)).ToArray();
        int[] guards = [.. differences.Select(difference => difference.Sum(BitOperations.PopCount))];
        var kept = new List<int>();
        foreach (var literal in order.OrderBy(literal => Holds(seed, literal)))
        {
            var isNeeded = false;
            for (var i = 0; i < others.Length && !isNeeded; i++)
            {
                isNeeded = guards[i] == 1 && Holds(differences[i], literal);
            }

            if (isNeeded)
            {
                kept.Add(literal);
                continue;
            }

            for (var i = 0; i < others.Length; i++)
            {
                guards[i] -= Holds(differences[i], literal) ? 1 : 0;
            }
        }

        kept.Sort((a, b) => Holds(seed, a) == Holds(seed, b) ? a.CompareTo(b) : Holds(seed, a) ? -1 : 1);
        return kept;
    }

    private static ulong[] Difference(ulong[] one, ulong[] other) => [.. one.Zip(other, (a, b) => a ^ b)];

    private static bool Holds(ulong[] mask, int literal) => (mask[literal >> 6] & (1UL << (literal & 63))) != 0;
}
