// SPDX-License-Identifier: Apache-2.0
using Weir.Control.State;
using Weir.Net;
using Xunit;

namespace Weir.Control.Tests;

/// <summary>One thread makes all changes, and nobody who waits for one holds it up.</summary>
public sealed class WriterTests : IDisposable
{
    private readonly Writer _writer = new();

    public WriterTests() => _writer.Start();

    public void Dispose() => _writer.Dispose();

    [Fact]
    public async Task Changes_AreMadeOneAfterAnother_InTheirOrder_OnOneThread()
    {
        List<int> order = [];
        HashSet<int> threads = [];
        await Task.WhenAll(Enumerable.Range(0, 500).Select(i => _writer.RunAsync(() =>
        {
            threads.Add(Environment.CurrentManagedThreadId);
            order.Add(i);
            return i;
        })));
        Assert.Equal(Enumerable.Range(0, 500), order);
        Assert.Single(threads);
    }

    /// <summary>Twelve containers that started together took seconds: every thread of the pool waited for a change that
    /// waited for one of them.</summary>
    [Fact]
    public async Task ManyWhoWait_TakeNoThreadOfThePool()
    {
        using var go = new ManualResetEventSlim();
        Task<bool> first = _writer.RunAsync(() => go.Wait(TimeSpan.FromMinutes(1)));
        Task<int>[] others = [.. Enumerable.Range(0, 1000).Select(i => _writer.RunAsync(() => i))];
        await Task.Run(go.Set); // needs a thread of the pool
        Assert.True(await first);
        Assert.Equal(Enumerable.Range(0, 1000), await Task.WhenAll(others));
    }

    [Fact]
    public async Task Failure_IsItsCallersAlone()
    {
        Task<int> bad = _writer.RunAsync<int>(() => throw new ControlException("no"));
        Assert.Equal("no", (await Assert.ThrowsAsync<ControlException>(() => bad)).Message);
        Assert.Throws<ControlException>(() => _writer.Run(() => throw new ControlException("no")));
        Assert.Equal(7, _writer.Run(() => 7));
    }

    [Fact]
    public void ChangeWithinAChange_IsMadeAtOnce() => Assert.Equal(3, _writer.Run(() => 1 + _writer.Run(() => 2)));

    [Fact]
    public void World_IsReplaced_NeverChanged_AndOnlyByTheWriter()
    {
        World before = _writer.World;
        _writer.Run(() => _writer.Publish(world => world with { Cidrs = world.Cidrs.Add(IpPrefix.Parse("10.0.0.0/8"), Identity.ForCidr(1)) }));
        Assert.Empty(before.Cidrs);
        Assert.Single(_writer.World.Cidrs);
        Assert.Equal(before.Revision + 1, _writer.World.Revision);
        _writer.Run(() => _writer.Publish(world => world));
        Assert.Equal(before.Revision + 1, _writer.World.Revision);
        Assert.Throws<InvalidOperationException>(() => _writer.Publish(world => world with { Names = world.Names.Add(1, "x") }));
    }

    [Fact]
    public void WhatWasAskedFor_IsDone_BeforeItEnds_AndNothingAfterwards()
    {
        int done = 0;
        var writer = new Writer();
        writer.Start();
        for (int i = 0; i < 100; i++)
        {
            _ = writer.RunAsync(() => ++done);
        }

        writer.Dispose();
        Assert.Equal(100, done);
        Assert.Throws<ObjectDisposedException>(() => { _ = writer.RunAsync(() => 0); });
    }
}
