// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using Weir.Linux;
using Weir.Testing;
using Xunit;

namespace Weir.Bpf.Tests;

public sealed class BpfMapTests
{
    private static readonly BpfMapSpec _hash = new("test_hash", BpfMapType.Hash, 4, 8, 10_000);

    [PrivilegedFact]
    public void Hash_SetGetRemove_BehavesAsADictionary()
    {
        using BpfMap raw = BpfMap.Create(_hash);
        var map = new BpfMap<uint, ulong>(raw);

        map.Set(1, 10);
        map.Set(1, 11);

        Assert.True(map.TryGet(1, out ulong value));
        Assert.Equal(11UL, value);
        Assert.True(map.Remove(1));
        Assert.False(map.Remove(1));
        Assert.False(map.TryGet(1, out _));
    }

    /// <summary>That it waits is the kernel's promise; that the kernel takes what it is asked by is seen here.</summary>
    [PrivilegedFact]
    public void RunningPrograms_CanBeAwaited() => Assert.Null(Record.Exception(RunningPrograms.Await));

    [PrivilegedFact]
    public void Hash_Batches_WriteReadAndDeleteAll()
    {
        using BpfMap raw = BpfMap.Create(_hash);
        var map = new BpfMap<uint, ulong>(raw);
        uint[] keys = [.. Enumerable.Range(0, 10_000).Select(i => (uint)i)];

        map.SetMany(keys, [.. keys.Select(k => k * 3UL)]);

        Dictionary<uint, ulong> read = map.ToList().ToDictionary();
        Assert.Equal(10_000, read.Count);
        Assert.All(read, e => Assert.Equal(e.Key * 3UL, e.Value));
        Assert.True(map.Remove(5000));
        Assert.Equal(9_999, map.RemoveMany(keys));
        Assert.Empty(map.ToList());
    }

    [PrivilegedFact]
    public void Hash_Full_NamesTheMap()
    {
        using BpfMap raw = BpfMap.Create(_hash with { MaxEntries = 1 });
        var map = new BpfMap<uint, ulong>(raw);
        map.Set(1, 1);

        LinuxException e = Assert.Throws<LinuxException>(() => map.Set(2, 2));

        Assert.Equal(Errno.TooBig, e.Number);
        Assert.Contains("test_hash", e.Message, StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void Trie_ToList_HasEveryPrefixOnce()
    {
        using BpfMap raw = BpfMap.Create(new BpfMapSpec("test_trie", BpfMapType.LongestPrefixTrie, 8, 4, 1000, BpfMapFlags.NoPreallocation));
        var map = new BpfMap<ulong, uint>(raw);
        for (uint i = 0; i < 1000; i++)
        {
            map.Set(32 | ((ulong)i << 32), i);
        }

        Assert.Equal(Enumerable.Range(0, 1000).Select(i => (uint)i), map.ToList().Select(e => e.Value).Order());
    }

    [PrivilegedFact]
    public void Pin_OpenedAgain_IsTheSameMap()
    {
        using var pins = new TestPins();
        BpfFileSystem.EnsureFolder(pins.Root);
        string path = pins.Root + "/test_hash";
        Assert.Null(BpfMap.OpenPinned(path));
        using (BpfMap map = BpfMap.Create(_hash))
        {
            map.Pin(path);
            new BpfMap<uint, ulong>(map).Set(7, 70);
        }

        using BpfMap again = BpfMap.OpenPinned(path)!;
        Assert.True(new BpfMap<uint, ulong>(again).TryGet(7, out ulong value));
        Assert.Equal(70UL, value);
        Assert.Empty(_hash.DifferencesFrom(again.Spec));
    }

    [Fact]
    public void DifferencesFrom_OtherShape_ListsEveryOne()
    {
        BpfMapSpec other = _hash with { Type = BpfMapType.LruHash, KeySize = 8, MaxEntries = 5 };

        Assert.Equal(
            ["test_hash: type is LruHash, Hash is needed", "test_hash: key size is 8, 4 is needed", "test_hash: entries is 5, 10000 is needed"],
            _hash.DifferencesFrom(other));
    }

    [PrivilegedFact]
    public void TypedMap_WrongSizes_IsRefused()
    {
        using BpfMap raw = BpfMap.Create(_hash);

        Assert.Throws<ArgumentException>(() => new BpfMap<ulong, ulong>(raw));
    }

    [PrivilegedFact]
    public void Memory_WrittenThroughTheMap_IsSeenAndBack()
    {
        using BpfMap raw = BpfMap.Create(new BpfMapSpec("test_array", BpfMapType.Array, 4, 16, 3, BpfMapFlags.MemoryMappable));
        using var memory = new BpfMapMemory<UInt128>(raw);
        var map = new BpfMap<uint, UInt128>(raw);

        map.Set(2, 5);
        Assert.Equal((UInt128)5, memory[2]);
        memory[2] = 6;
        map.TryGet(2, out UInt128 value);
        Assert.Equal((UInt128)6, value);
        Assert.Throws<ArgumentOutOfRangeException>(() => memory[3]);
    }

    [PrivilegedFact]
    public void PerCpuArray_Get_HasOneValuePerCpu()
    {
        using BpfMap raw = BpfMap.Create(new BpfMapSpec("test_percpu", BpfMapType.PerCpuArray, 4, 4, 1));

        Assert.Equal(PossibleCpus.Count, new PerCpuMap<uint>(raw).Get(0).Length);
    }

    [PrivilegedFact]
    public void PerCpuArray_GetAll_HasWhatGetHas_InOrder()
    {
        // Values of 4 bytes lie 8 apart.
        using BpfMap raw = BpfMap.Create(new BpfMapSpec("test_percpu", BpfMapType.PerCpuArray, 4, 4, 300));
        for (int index = 0; index < 300; index++)
        {
            uint[] values = [.. Enumerable.Range(0, PossibleCpus.Count).SelectMany(cpu => (uint[])[(uint)((index * 100) + cpu), 0])];
            raw.Update(BitConverter.GetBytes(index), MemoryMarshal.AsBytes<uint>(values));
        }

        var map = new PerCpuMap<uint>(raw);
        uint[][] all = map.GetAll();

        Assert.Equal(300, all.Length);
        Assert.All(all, (values, index) => Assert.Equal(map.Get((uint)index), values));
        Assert.Equal([29900u], all[299].Take(1));
    }

    [Theory]
    [InlineData("0", 1)]
    [InlineData("0-7\n", 8)]
    [InlineData("0-3,8-11", 12)]
    public void PossibleCpus_List_GivesHighestPlusOne(string list, int count) => Assert.Equal(count, PossibleCpus.Parse(list));

    [PrivilegedFact]
    public void FeatureProbe_ThisKernel_HasWhatWeirNeeds()
    {
        Assert.Null(BpfFeatureProbe.TryTrafficProgram());
        Assert.Null(BpfFeatureProbe.TryTrafficHelper(155, "bpf_redirect_peer"));
        Assert.NotNull(BpfFeatureProbe.TryTrafficHelper(9999, "bpf_no_such"));
        Assert.Null(BpfFeatureProbe.TryBatch());
        Assert.NotNull(BpfFeatureProbe.TryMap(_hash with { KeySize = 0 }));
    }
}
