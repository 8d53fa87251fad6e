// SPDX-License-Identifier: Apache-2.0
using Xunit;
using Xunit.Abstractions;

namespace Weir.Services.Tests;

public sealed class SlotPlanTests(ITestOutputHelper output)
{
    private const uint A = 1, B = 2, C = 3;

    /// <summary>One slot: what it is, the table's backend, who is gone, and what it becomes.</summary>
    [Theory]
    [InlineData(A, 0, A, 0, A, 0)] // unchanged
    [InlineData(A, 0, B, 0, B, A)] // moved
    [InlineData(A, 0, B, A, B, 0)] // moved, the old one is gone: nothing to remember
    [InlineData(A, 0, 0, 0, 0, A)] // drained: its flows go on
    [InlineData(A, 0, 0, A, 0, 0)]
    [InlineData(0, 0, A, 0, A, 0)] // the first backend
    [InlineData(B, A, B, 0, B, A)] // goes on
    [InlineData(B, A, C, 0, C, A)] // moved again: who is not remembered is from before all of it
    [InlineData(B, A, C, B, C, A)]
    [InlineData(B, A, A, 0, A, A)] // comes back: flows to B are remembered
    [InlineData(B, A, B, A, B, B)] // the former is gone: flows to B are remembered, the others are lost
    [InlineData(B, A, C, A, C, C)]
    [InlineData(A, A, B, 0, B, A)]
    [InlineData(A, A, B, A, B, B)]
    [InlineData(B, A, 0, 0, 0, A)]
    [InlineData(B, A, 0, A, 0, A)] // flows to B may live, so that it stays under change
    public void Change_OneSlot_Becomes(uint backend, uint previous, uint table, uint gone, uint newBackend, uint newPrevious) =>
        Assert.Equal([(newBackend, newPrevious)], SlotPlan.Change([(backend, previous)], [table], gone == 0 ? new HashSet<uint>() : [gone]));

    [Fact]
    public void Change_MoreSlots_EachTakesOverFromTheOneItsFlowsHad()
    {
        var grown = SlotPlan.Change([(A, 0), (B, A)], [A, B, C, C], new HashSet<uint>());

        Assert.Equal([(A, 0), (B, A), (C, A), (C, A)], grown);
    }

    [Fact]
    public void Change_FewerSlots_IsRefused()
    {
        Assert.Throws<ArgumentException>(() => SlotPlan.Change([(A, 0), (B, 0)], [A], new HashSet<uint>()));
        Assert.Throws<ArgumentException>(() => SlotPlan.Change([(A, 0), (B, 0)], [A, A, A], new HashSet<uint>()));
        Assert.Throws<ArgumentException>(() => SlotPlan.Change([], [A], new HashSet<uint>()));
    }

    [Fact]
    public void BeginAndEnd_AreNotUnderChange()
    {
        Assert.Equal([(A, 0u), (B, 0u)], SlotPlan.Begin([A, B]));
        Assert.Equal([(A, 0u), (B, 0u)], SlotPlan.End([(A, C), (B, 0)]));
        Assert.False(SlotPlan.IsUnderChange(SlotPlan.Begin([A, B])));
        Assert.True(SlotPlan.IsUnderChange([(A, 0), (A, A)]));
    }

    /// <summary>
    /// TCP flows that come and go while backends come, go, are drained, return and get others' numbers, tables grow,
    /// and changes overlap and end: a flow whose backend exists never meets another.
    /// </summary>
    [Fact]
    public void AnyChanges_LivingTcpFlows_KeepTheirBackends()
    {
        var seed = int.Parse(Environment.GetEnvironmentVariable("WEIR_SEED") ?? $"{Random.Shared.Next()}", null);
        var cases = int.Parse(Environment.GetEnvironmentVariable("WEIR_CASES") ?? "300", null);
        output.WriteLine($"seed {seed}, {cases} cases");
        long packets = 0, ended = 0;
        for (var i = 0; i < cases; i++)
        {
            var run = new SlotPlanRun(new Random(seed + i));
            try
            {
                run.Steps(150);
            }
            catch (Exception exception)
            {
                throw new InvalidOperationException($"seed {seed + i}", exception);
            }

            packets += run.Packets;
            ended += run.Ended;
        }

        output.WriteLine($"{packets} packets, {ended} changes ended");
        Assert.True(ended > cases / 10, "hardly a change ended: the runs show too little");
    }

    /// <summary>UDP has no first packet: who is seen while a change settles is from before it.</summary>
    [Fact]
    public void OneChange_UdpFlowsThatSpeak_KeepTheirBackends()
    {
        var model = new FlowModel { Slots = SlotPlan.Begin(MaglevTable.Build([new("a", A), new("b", B)], 64)) };
        int[] old = [.. Enumerable.Range(0, 1000)];
        var before = old.ToDictionary(flow => flow, flow => model.Choose(flow, isTcp: false, opens: true));

        model.Slots = SlotPlan.Change(model.Slots, MaglevTable.Build([new("b", B), new("c", C)], 64), new HashSet<uint>());
        for (model.Now = 0; model.Now < 100; model.Now += 20)
        {
            Assert.All(old, flow => Assert.Equal(before[flow], model.Choose(flow, isTcp: false, opens: true)));
        }

        int[] young = [.. Enumerable.Range(1000, 1000)];
        var after = young.ToDictionary(flow => flow, flow => model.Choose(flow, isTcp: false, opens: true));
        Assert.DoesNotContain(A, after.Values);
        Assert.Contains(A, before.Values);

        model.Slots = SlotPlan.End(model.Slots);
        Assert.All(young, flow => Assert.Equal(after[flow], model.Choose(flow, isTcp: false, opens: true)));
    }
}
