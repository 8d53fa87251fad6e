// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Xunit;
using Xunit.Abstractions;

namespace Weir.Services.Tests;

public sealed class MaglevTableTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(1, 256)]
    [InlineData(2, 256)]
    [InlineData(3, 512)]
    [InlineData(100, 16384)]
    [InlineData(128, 16384)]
    [InlineData(129, 32768)]
    [InlineData(1024, 131072)]
    [InlineData(4096, 131072)]
    public void SizeFor_EqualWeights_128SlotsEach(int backends, int expected) => Assert.Equal(expected, MaglevTable.SizeFor(Backends(backends)));

    [Fact]
    public void SizeFor_OtherCases()
    {
        Assert.Equal(256, MaglevTable.SizeFor([]));
        Assert.Equal(256, MaglevTable.SizeFor([new("a", 1, 0)]));
        Assert.Equal(256, MaglevTable.SizeFor([new("a", 1, 100), new("b", 2, 100)]));
        Assert.Equal(2048, MaglevTable.SizeFor([new("a", 1, 100), new("b", 2, 1)]));
        Assert.Equal(8192, MaglevTable.SizeFor(Backends(1), 8192));
    }

    [Theory]
    [InlineData(1, 256)]
    [InlineData(3, 512)]
    [InlineData(100, 16384)]
    [InlineData(257, 65536)]
    [InlineData(1000, 131072)]
    public void Build_EqualWeights_NoBackendHasMoreThanOneSlotMore(int backends, int size)
    {
        var shares = Shares(MaglevTable.Build(Backends(backends), size));

        Assert.Equal(backends, shares.Count);
        Assert.InRange(shares.Values.Max() - shares.Values.Min(), 0, 1);
        // The paper, §3.4: with 100 slots a backend at most 1 % of difference.
        Assert.True(shares.Values.Max() <= 1.01 * shares.Values.Min());
    }

    [Theory]
    [InlineData(1, 2)]
    [InlineData(1, 2, 3)]
    [InlineData(100, 100)]
    [InlineData(1, 100)]
    [InlineData(97, 98, 99, 100)]
    [InlineData(1, 1, 1, 1, 1, 50)]
    [InlineData(7, 0, 7)]
    public void Build_Weights_GiveShares(params int[] weights)
    {
        MaglevBackend[] backends = [.. weights.Select((weight, i) => new MaglevBackend($"10.0.0.{i}:80", (uint)i + 1, weight))];
        var size = MaglevTable.SizeFor(backends);
        var shares = Shares(MaglevTable.Build(backends, size));

        foreach (var backend in backends)
        {
            var ideal = (double)size * backend.Weight / weights.Sum();
            Assert.InRange(shares.GetValueOrDefault(backend.Id), Math.Floor(ideal) - 1, Math.Ceiling(ideal) + 1);
        }
    }

    [Fact]
    public void Build_NoBackendOrNoWeight_IsEmpty()
    {
        Assert.Equal(new uint[256], MaglevTable.Build([], 256));
        Assert.Equal(new uint[256], MaglevTable.Build([new("a", 1, 0)], 256));
    }

    [Fact]
    public void Build_AnyOrderOfBackends_IsTheSame()
    {
        var backends = Weighted(new Random(1), 50);
        var table = MaglevTable.Build(backends, 8192);
        for (var seed = 0; seed < 5; seed++)
        {
            new Random(seed).Shuffle(backends);
            Assert.Equal(table, MaglevTable.Build(backends, 8192));
        }
    }

    /// <summary>Nodes have numbers of their own: the same slots belong to the same backends.</summary>
    [Fact]
    public void Build_OtherIds_IsTheSameByKey()
    {
        var here = MaglevTable.Build(Backends(20), 4096);
        var there = MaglevTable.Build([.. Backends(20).Select(backend => backend with { Id = backend.Id + 1000 })], 4096);

        Assert.Equal(here.Select(id => id + 1000), there);
    }

    /// <summary>What other versions and other nodes have: it must never change.</summary>
    [Fact]
    public void Build_FixedBackends_IsTheGoldenTable()
    {
        MaglevBackend[] backends =
        [
            new("10.11.0.5:8080", 1), new("10.11.0.6:8080", 2, 2), new("[2001:db8::5]:8080", 3, 5), new("10.11.0.7:8080", 4, 100),
        ];

        Assert.Equal(
            ("6da2a79bf484c94e", "6643c5640856439e"),
            (Digest(MaglevTable.Build(backends, 2048)), Digest(MaglevTable.Build(Backends(100), 16384))));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-256)]
    [InlineData(255)]
    [InlineData(262144)]
    public void Build_WrongSize_IsRefused(int size) => Assert.Throws<ArgumentException>(() => MaglevTable.Build(Backends(2), size));

    [Fact]
    public void Build_WrongBackends_AreRefused()
    {
        Assert.Throws<ArgumentException>(() => MaglevTable.Build([new("a", 1), new("a", 2)], 256));
        Assert.Throws<ArgumentException>(() => MaglevTable.Build([new("a", 0)], 256));
        Assert.Throws<ArgumentException>(() => MaglevTable.Build([new("a", 1, -1)], 256));
    }

    /// <summary>Against the paper's algorithm as it stands there.</summary>
    [Fact]
    public void Build_RandomBackends_IsAsThePaperSays()
    {
        var random = new Random(20260125);
        for (var i = 0; i < 200; i++)
        {
            var size = 1 << random.Next(0, 12);
            var backends = i % 2 == 0 ? Backends(random.Next(1, 60)) : Weighted(random, random.Next(1, 60));
            MaglevBackend[] ordered = [.. backends.Where(backend => backend.Weight > 0).OrderBy(backend => backend.Key, StringComparer.Ordinal)];
            if (ordered.Length == 0)
            {
                continue;
            }

            int[][] permutations = [.. ordered.Select(backend =>
            {
                var (first, skip) = MaglevTable.PermutationOf(backend.Key, (uint)size - 1);
                return PaperMaglev.Permutation(first, skip, size);
            })];
            var expected = PaperMaglev.Populate(permutations, [.. ordered.Select(backend => backend.Weight)], size);

            Assert.Equal(expected.Select(index => ordered[index].Id), MaglevTable.Build(backends, size));
        }
    }

    [Fact]
    public void Permutation_AnyKeyAndSize_MeetsEverySlot()
    {
        for (var bits = 0; bits <= 17; bits++)
        {
            var size = 1 << bits;
            var (first, skip) = MaglevTable.PermutationOf($"10.0.{bits}.1:80", (uint)size - 1);
            Assert.Equal(size, PaperMaglev.Permutation(first, skip, size).Distinct().Count());
        }
    }

    /// <summary>Ideal is one share; the paper's primes are measured beside.</summary>
    [Theory]
    [InlineData(100, 16384, 16381, 3.0)]
    [InlineData(100, 65536, 65537, 2.2)]
    [InlineData(100, 131072, 131071, 2.0)]
    [InlineData(10, 2048, 2039, 14.0)]
    public void Build_OneBackendLessOrMore_MovesLittleMoreThanItsShare(int count, int size, int prime, double most)
    {
        var backends = Backends(count);
        var table = MaglevTable.Build(backends, size);
        var paper = Prime(backends, prime);
        const int tries = 10;
        double removed = 0, added = 0, removedByPaper = 0;
        for (var i = 0; i < tries; i++)
        {
            MaglevBackend[] less = [.. backends.Where((_, index) => index != i * count / tries)];
            removed += Moved(table, MaglevTable.Build(less, size)) / tries;
            removedByPaper += Moved(paper, Prime(less, prime)) / tries;
            added += Moved(table, MaglevTable.Build([.. backends, new($"10.9.0.{i}:80", 9999)], size)) / tries;
        }

        output.WriteLine($"{count} backends, {size} slots: removing one moves {removed:F2} %, adding one {added:F2} %; with {prime} slots {removedByPaper:F2} %; ideal {100.0 / count:F2} %");
        Assert.InRange(removed, 100.0 / count, most);
        Assert.InRange(added, 100.0 / (count + 1), most);
        Assert.InRange(removed, 0, 1.25 * removedByPaper);
    }

    [Fact]
    public void Build_ManySlots_IsFast()
    {
        foreach (var (count, size) in (ReadOnlySpan<(int, int)>)[(100, 16384), (1000, 131072)])
        {
            var backends = Backends(count);
            var best = TimeSpan.MaxValue;
            for (var i = 0; i < 20; i++)
            {
                var watch = Stopwatch.StartNew();
                MaglevTable.Build(backends, size);
                best = watch.Elapsed < best ? watch.Elapsed : best;
            }

            output.WriteLine($"{count} backends, {size} slots: {best.TotalMilliseconds:F2} ms");
            // Thirty times what it takes, so that only another order of growth fails.
            Assert.True(best < TimeSpan.FromMilliseconds(size / 400.0), $"{best}");
        }
    }

    private static MaglevBackend[] Backends(int count) =>
        [.. Enumerable.Range(0, count).Select(i => new MaglevBackend($"10.11.{i / 250}.{(i % 250) + 1}:8080", (uint)i + 1))];

    private static MaglevBackend[] Weighted(Random random, int count) =>
        [.. Backends(count).Select(backend => backend with { Weight = random.Next(0, 101) })];

    private static Dictionary<uint, int> Shares(uint[] table) => table.CountBy(id => id).ToDictionary();

    private static double Moved(uint[] before, uint[] after) => 100.0 * before.Zip(after).Count(pair => pair.First != pair.Second) / before.Length;

    private static uint[] Prime(MaglevBackend[] backends, int size)
    {
        int[][] permutations = [.. backends.Select(backend =>
        {
            var (first, skip) = MaglevTable.PermutationOf(backend.Key, uint.MaxValue);
            return PaperMaglev.Permutation(first % size, (skip % (size - 1)) + 1, size);
        })];
        return [.. PaperMaglev.Populate(permutations, [.. backends.Select(_ => 1)], size).Select(index => backends[index].Id)];
    }

    private static string Digest(uint[] table)
    {
        var bytes = System.Security.Cryptography.SHA256.HashData(System.Runtime.InteropServices.MemoryMarshal.AsBytes<uint>(table));
        return Convert.ToHexStringLower(bytes.AsSpan(0, 8));
    }
}
