// SPDX-License-Identifier: Apache-2.0

using Xunit;

namespace Weir.Datapath.Tests;

public sealed class SlotAllocatorTests
{
    private const ulong Grace = 1000;

    [Fact]
    public void Allocate_FirstFit_BeginsAtAMultiple()
    {
        var slots = new SlotAllocator(2048, Grace);

        Assert.Equal(0u, Take(slots, 256));
        Assert.Equal(512u, Take(slots, 512));
        Assert.Equal(256u, Take(slots, 256));
        Assert.Equal(1024u, Take(slots, 1024));
        Assert.False(slots.TryAllocate(1, 0, out _));
        Assert.Equal(2048u, slots.Used);
    }

    [Fact]
    public void Free_ServesAgainAfterTheGrace()
    {
        var slots = new SlotAllocator(512, Grace);
        Take(slots, 256);
        Take(slots, 256);

        slots.Free(256, 5000);

        Assert.False(slots.TryAllocate(256, 5999, out _));
        Assert.True(slots.TryAllocate(256, 6000, out uint first));
        Assert.Equal(256u, first);
    }

    [Fact]
    public void Free_OfNoRun_IsRefused()
    {
        var slots = new SlotAllocator(512, Grace);
        Take(slots, 256);

        Assert.Throws<ArgumentException>(() => slots.Free(1, 0));
        slots.Free(0, 0);
        Assert.Throws<ArgumentException>(() => slots.Free(0, 0));
    }

    [Fact]
    public void Reserve_WhatIsInUse_IsNotGivenAgain()
    {
        var slots = new SlotAllocator(1024, Grace);

        Assert.True(slots.TryReserve(256, 256));
        Assert.False(slots.TryReserve(256, 256));
        Assert.False(slots.TryReserve(0, 512));
        Assert.False(slots.TryReserve(128, 256));
        Assert.False(slots.TryReserve(1024, 256));
        Assert.Equal(512u, Take(slots, 512));
        Assert.Equal(0u, Take(slots, 256));
        Assert.Throws<ArgumentException>(() => slots.TryAllocate(3, 0, out _));
    }

    [Fact]
    public void AnyUse_NeverGivesOneSlotTwice()
    {
        var random = new Random(1);
        var slots = new SlotAllocator(4096, Grace);
        Dictionary<uint, uint> taken = [];
        Dictionary<uint, (uint Count, ulong Until)> resting = [];
        for (ulong now = 0; now < 20_000; now += 10)
        {
            uint count = 1u << random.Next(10);
            if (random.Next(2) == 0 && slots.TryAllocate(count, now, out uint first))
            {
                Assert.Equal(0u, first % count);
                Assert.True(first + count <= 4096);
                Assert.DoesNotContain(taken, run => run.Key < first + count && first < run.Key + run.Value);
                Assert.DoesNotContain(resting, run => run.Value.Until > now && run.Key < first + count && first < run.Key + run.Value.Count);
                taken.Add(first, count);
            }
            else if (taken.Count > 0)
            {
                uint gone = taken.Keys.ElementAt(random.Next(taken.Count));
                slots.Free(gone, now);
                resting[gone] = (taken[gone], now + Grace);
                taken.Remove(gone);
            }
        }
    }

    private static uint Take(SlotAllocator slots, uint count)
    {
        Assert.True(slots.TryAllocate(count, 0, out uint first));
        return first;
    }
}
