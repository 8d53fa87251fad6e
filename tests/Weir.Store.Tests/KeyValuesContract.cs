// SPDX-License-Identifier: Apache-2.0
using Xunit;

namespace Weir.Store.Tests;

/// <summary>What every store does, whatever it is made of.</summary>
public abstract class KeyValuesContract : IAsyncLifetime
{
    private IKeyValues _store = null!;

    private protected TestTime Time { get; } = new();

    private protected IKeyValues Store => _store;

    /// <summary>A store in which nothing was ever written.</summary>
    private protected abstract Task<IKeyValues> OpenAsync();

    public async Task InitializeAsync() => _store = await OpenAsync();

    public virtual async Task DisposeAsync() => await _store.DisposeAsync();

    [Fact]
    public async Task Transaction_ChangesAllInOneRevision()
    {
        Assert.Equal("1: ", await _store.DumpAsync());
        TransactionResult first = await _store.CommitAsync(new Transaction().Put("b", "1").Put("a", "2"));
        TransactionResult second = await _store.CommitAsync(new Transaction().Put("a", "3").Delete("b").Delete("none").Put("c", "4"));
        Assert.Equal((new(true, 2), new(true, 3)), (first, second));
        Assert.Equal("3: a=3@2-3/0 c=4@3-3/0", await _store.DumpAsync());
        Assert.Null(await _store.GetAsync("b"));
    }

    [Fact]
    public async Task WhatChangesNothing_TakesNoRevision()
    {
        Assert.Equal(new TransactionResult(true, 1), await _store.CommitAsync(new Transaction().Delete("none")));
        Assert.Equal(new TransactionResult(true, 1), await _store.CommitAsync(new Transaction()));
    }

    [Fact]
    public async Task Comparison_ThatDoesNotHold_ChangesNothing()
    {
        Assert.True((await _store.CommitAsync(new Transaction().IfAbsent("a").Put("a", "1"))).Succeeded);
        Assert.False((await _store.CommitAsync(new Transaction().IfAbsent("a").Put("a", "2").Put("b", "2"))).Succeeded);
        Assert.False((await _store.CommitAsync(new Transaction().IfUnchanged("a", 1).Delete("a"))).Succeeded);
        Assert.False((await _store.CommitAsync(new Transaction().IfUnchanged("a", 2).IfUnchanged("b", 2).Put("a", "3"))).Succeeded);
        Assert.Equal("2: a=1@2-2/0", await _store.DumpAsync());
        Assert.True((await _store.CommitAsync(new Transaction().IfUnchanged("a", 2).Put("a", "4"))).Succeeded);
        Assert.Equal("3: a=4@2-3/0", await _store.DumpAsync());
    }

    [Fact]
    public async Task DeletedAndPutAgain_IsCreatedAnew()
    {
        await _store.CommitAsync(new Transaction().Put("a", "1"));
        await _store.CommitAsync(new Transaction().Delete("a"));
        await _store.CommitAsync(new Transaction().Put("a", "2"));
        Assert.Equal("4: a=2@4-4/0", await _store.DumpAsync());
    }

    [Fact]
    public void Key_CanBeChangedOnceInATransaction()
    {
        Assert.Throws<ArgumentException>(() => new Transaction().Put("a", "1").Delete("a"));
        Assert.Throws<ArgumentException>(() => new Transaction().Delete("a").Delete("a"));
        Assert.Throws<ArgumentException>(() => new Transaction().Put("", "1"));
        Assert.Throws<ArgumentException>(() => new Transaction().Put("half \ud800", "1"));
    }

    [Fact]
    public async Task List_IsInTheOrderOfBytes_AndOfOnePrefix()
    {
        string[] keys = ["a", "a/b", "a/\uffff", "a/\U00010000", "a0", "b", "a/\ue000", "a/B"];
        var transaction = new Transaction();
        foreach (string key in keys)
        {
            transaction.Put(key, "");
        }

        await _store.CommitAsync(transaction);
        string[] sorted = [.. keys.OrderBy(key => Convert.ToHexString(Texts.Bytes(key)), StringComparer.Ordinal)];
        Assert.Equal(sorted, (await _store.ListAsync("")).Records.Select(record => record.Key));
        Assert.Equal(sorted.Where(key => key.StartsWith("a/", StringComparison.Ordinal)), (await _store.ListAsync("a/")).Records.Select(record => record.Key));
        Assert.Empty((await _store.ListAsync("c")).Records);
    }

    [Fact]
    public async Task List_AtARevision_IsAsItWas_UntilItIsCompacted()
    {
        List<string> dumps = [];
        for (int i = 0; i < 5; i++)
        {
            await _store.CommitAsync(new Transaction().Put("a", $"{i}").Put($"k{i}", "").Delete($"k{i - 2}"));
            dumps.Add(await _store.DumpAsync());
        }

        Assert.Equal(dumps, await Task.WhenAll(Enumerable.Range(2, 5).Select(revision => _store.DumpAsync(revision))));
        await _store.CompactAsync(4);
        Assert.Equal(dumps[2..], await Task.WhenAll(Enumerable.Range(4, 3).Select(revision => _store.DumpAsync(revision))));
        Assert.Equal(4, (await Assert.ThrowsAsync<CompactedException>(() => _store.DumpAsync(3))).Revision);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => _store.DumpAsync(7));
    }

    [Fact]
    public async Task Watch_TellsEveryChange_InOrder_FromThePastOn()
    {
        await _store.CommitAsync(new Transaction().Put("a/1", "x"));
        await _store.CommitAsync(new Transaction().Put("b", "y"));
        await _store.CommitAsync(new Transaction().Put("a/2", "z").Put("a/1", "w"));
        await using IAsyncEnumerator<RevisionChanges> watch = _store.WatchAsync("a/", 2).GetAsyncEnumerator();
        Assert.Equal("2: a/1=x<", await NextAsync(watch));
        Assert.Equal("4: a/1=w<x a/2=z<", await NextAsync(watch));
        await _store.CommitAsync(new Transaction().Delete("a/1"));
        Assert.Equal("5: a/1=gone<w", await NextAsync(watch));
    }

    [Fact]
    public async Task Watch_FromNow_BeginsWhereItIsCalled_AndTellsProgress()
    {
        await _store.CommitAsync(new Transaction().Put("a", "1"));
        IAsyncEnumerable<RevisionChanges> called = _store.WatchAsync("a");
        await _store.CommitAsync(new Transaction().Put("a", "2"));
        await using IAsyncEnumerator<RevisionChanges> watch = called.GetAsyncEnumerator();
        Assert.Equal("3: a=2<1", await NextAsync(watch));
        await _store.CommitAsync(new Transaction().Put("b", "1"));
        Assert.Equal("4: ", await NextAsync(watch));
    }

    [Fact]
    public async Task Watch_OfTheFuture_WaitsForIt()
    {
        await using IAsyncEnumerator<RevisionChanges> watch = _store.WatchAsync("", 3).GetAsyncEnumerator();
        Task<string> next = NextAsync(watch);
        await _store.CommitAsync(new Transaction().Put("a", "1"));
        await _store.CommitAsync(new Transaction().Put("a", "2"));
        Assert.Equal("3: a=2<1", await next);
    }

    [Fact]
    public async Task Watch_OfWhatIsForgotten_SaysCompacted()
    {
        await _store.CommitAsync(new Transaction().Put("a", "1"));
        await _store.CommitAsync(new Transaction().Put("a", "2"));
        await _store.CommitAsync(new Transaction().Put("a", "3"));
        await using IAsyncEnumerator<RevisionChanges> slow = _store.WatchAsync("", 2).GetAsyncEnumerator();
        Assert.Equal("2: a=1<", await NextAsync(slow));
        await _store.CompactAsync(3);
        await using IAsyncEnumerator<RevisionChanges> old = _store.WatchAsync("", 3).GetAsyncEnumerator();
        await using IAsyncEnumerator<RevisionChanges> young = _store.WatchAsync("", 4).GetAsyncEnumerator();
        Assert.Equal(3, (await Assert.ThrowsAsync<CompactedException>(() => NextAsync(old))).Revision);
        Assert.Equal("4: a=3<2", await NextAsync(young));
    }

    [Fact]
    public async Task Watch_EndsWhenItIsCancelled_OrTheStoreIsClosed()
    {
        using var cancel = new CancellationTokenSource();
        await using IAsyncEnumerator<RevisionChanges> cancelled = _store.WatchAsync("", 0, cancel.Token).GetAsyncEnumerator();
        await using IAsyncEnumerator<RevisionChanges> closed = _store.WatchAsync("").GetAsyncEnumerator();
        Task<bool> first = cancelled.MoveNextAsync().AsTask();
        Task<bool> second = closed.MoveNextAsync().AsTask();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        await _store.DisposeAsync();
        Assert.False(await second);
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await _store.CommitAsync(new Transaction().Put("a", "1")));
    }

    [Fact]
    public virtual async Task Lease_ThatNobodyKeepsAlive_TakesItsRecordsAlong()
    {
        long lease = await _store.GrantLeaseAsync(TimeSpan.FromSeconds(10));
        long other = await _store.GrantLeaseAsync(TimeSpan.FromSeconds(30));
        await _store.CommitAsync(new Transaction().Put("a", "1", lease).Put("b", "1", lease).Put("c", "1", other).Put("d", "1"));
        await _store.CommitAsync(new Transaction().Put("b", "2"));
        Time.Pass(TimeSpan.FromSeconds(9));
        await _store.KeepAliveAsync(lease);
        Time.Pass(TimeSpan.FromSeconds(9));
        Assert.NotNull(await _store.GetAsync("a"));
        await using IAsyncEnumerator<RevisionChanges> watch = _store.WatchAsync("").GetAsyncEnumerator();
        Time.Pass(TimeSpan.FromSeconds(2));
        Assert.Equal("4: a=gone<1", await NextAsync(watch));
        Assert.Equal($"4: b=2@2-3/0 c=1@2-2/{other} d=1@2-2/0", await _store.DumpAsync());
        await Assert.ThrowsAsync<LeaseNotFoundException>(async () => await _store.KeepAliveAsync(lease));
        await Assert.ThrowsAsync<LeaseNotFoundException>(async () => await _store.CommitAsync(new Transaction().Put("a", "1", lease)));
        Time.Pass(TimeSpan.FromSeconds(20));
        Assert.Equal("5: c=gone<1", await NextAsync(watch));
    }

    [Fact]
    public async Task RevokedLease_TakesItsRecordsAlong_AndItsNumberIsNotGivenAgain()
    {
        long lease = await _store.GrantLeaseAsync(TimeSpan.FromSeconds(10));
        await _store.CommitAsync(new Transaction().Put("a", "1", lease));
        await _store.RevokeLeaseAsync(lease);
        Assert.Equal("3: ", await _store.DumpAsync());
        await Assert.ThrowsAsync<LeaseNotFoundException>(async () => await _store.RevokeLeaseAsync(lease));
        Assert.NotEqual(lease, await _store.GrantLeaseAsync(TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public async Task CancelledBeforeItBegan_LeavesNothing()
    {
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await _store.CommitAsync(new Transaction().Put("a", "1"), new CancellationToken(canceled: true)));
        Assert.Equal("1: ", await _store.DumpAsync());
    }

    [Fact]
    public async Task TransactionsAtOnce_AreOneAfterTheOther()
    {
        await _store.CommitAsync(new Transaction().Put("n", "0"));
        async Task CountAsync()
        {
            for (int done = 0; done < 50;)
            {
                KeyValue seen = (await _store.GetAsync("n"))!;
                string next = $"{int.Parse(seen.Text()) + 1}";
                done += (await _store.CommitAsync(new Transaction().IfUnchanged("n", seen.ModRevision).Put("n", next))).Succeeded ? 1 : 0;
            }
        }

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(CountAsync)));
        Assert.Equal("202: n=200@2-202/0", await _store.DumpAsync());
    }

    private protected static async Task<string> NextAsync(IAsyncEnumerator<RevisionChanges> watch) => await watch.MoveNextAsync() ? watch.Current.Dump() : "the end";
}
