// SPDX-License-Identifier: Apache-2.0
using Weir.Store.Etcd.Tests.Running;
using Weir.Store.Tests;
using Xunit;

namespace Weir.Store.Etcd.Tests;

/// <summary>A connection that breaks while a transaction is under way: what was done is never said not to be.</summary>
public sealed class LostAnswerTests : IAsyncLifetime
{
    private EtcdMember _etcd = null!;
    private TestProxy _network = null!;
    private EtcdKeyValues _store = null!;
    private EtcdKeyValues _other = null!;

    public async Task InitializeAsync()
    {
        _etcd = await EtcdMember.StartAsync();
        _network = TestProxy.To(_etcd);
        _other = await Stores.ConnectAsync(_etcd.Endpoint);
        await _other.CommitAsync(new Transaction().Put("old", "1"));
        _store = await Stores.ConnectAsync(Stores.HastyOptions(_network.Endpoint));
    }

    public async Task DisposeAsync()
    {
        await _store.DisposeAsync();
        await _other.DisposeAsync();
        await _network.DisposeAsync();
        await _etcd.DisposeAsync();
    }

    [Fact]
    public async Task CompareAndSwap_ThatWasDone_IsDone() =>
        Assert.Equal(new TransactionResult(true, 3), await CommitAsync(new Transaction().IfAbsent("a").Put("a", "1"), "a", "1"));

    [Fact]
    public async Task CompareAndSwap_ThatWasDoneAndThenOverwritten_IsDone() =>
        Assert.Equal(new TransactionResult(true, 3), await CommitAsync(
            new Transaction().IfAbsent("a").Put("a", "1"), "a", "1", async () => await _other.CommitAsync(new Transaction().Put("a", "2"))));

    [Fact]
    public async Task CompareAndSwap_ThatWasDoneAndThenDeleted_IsDone() =>
        Assert.Equal(new TransactionResult(true, 3), await CommitAsync(
            new Transaction().IfAbsent("a").Put("a", "1"), "a", "1", async () =>
            {
                await _other.CommitAsync(new Transaction().Delete("a"));
                await _other.CommitAsync(new Transaction().Put("a", "1"));
            }));

    [Fact]
    public async Task CompareAndSwap_OfWhichTheHistoryIsForgotten_IsUnknown()
    {
        OutcomeUnknownException e = await Assert.ThrowsAsync<OutcomeUnknownException>(() => CommitAsync(
            new Transaction().IfAbsent("a").Put("a", "1"), "a", "1", async () =>
            {
                await _other.CommitAsync(new Transaction().Put("a", "2"));
                await _other.CompactAsync(4);
            }));
        Assert.Contains("write \"a\": etcd was lost while it had this", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PutWithoutComparison_ThatWasDone_IsDone() =>
        Assert.Equal(new TransactionResult(true, 3), await CommitAsync(new Transaction().Put("a", "1"), "a", "1"));

    [Fact]
    public async Task ComparedDeletion_ThatWasDone_IsDone() =>
        Assert.Equal(new TransactionResult(true, 3), await CommitAsync(new Transaction().IfUnchanged("old", 2).Delete("old"), "old", null));

    [Fact]
    public async Task DeletionWithoutComparison_IsDone()
    {
        Assert.True((await CommitAsync(new Transaction().Delete("old"), "old", null)).Succeeded);
        Assert.True((await SwallowedAsync(new Transaction().Delete("old"))).Succeeded);
    }

    [Fact]
    public async Task DeletionThatComparesAnother_AndHoldsNoLonger_IsUnknown() =>
        await Assert.ThrowsAsync<OutcomeUnknownException>(() => CommitAsync(
            new Transaction().IfAbsent("a").Delete("old"), "old", null, async () => await _other.CommitAsync(new Transaction().Put("a", "1"))));

    /// <summary>The fence takes a revision, here the third.</summary>
    [Fact]
    public async Task CompareAndSwap_ThatNeverArrived_IsSentAgain()
    {
        Assert.Equal(new TransactionResult(true, 4), await SwallowedAsync(new Transaction().IfUnchanged("old", 2).Put("old", "2")));
        Assert.Equal("4: old=2@2-4/0", await _other.DumpAsync());
    }

    [Fact]
    public async Task PutWithoutComparison_ThatNeverArrived_IsSentAgain()
    {
        Assert.Equal(new TransactionResult(true, 4), await SwallowedAsync(new Transaction().Put("old", "2")));
        Assert.Equal("4: old=2@2-4/0", await _other.DumpAsync());
    }

    [Fact]
    public async Task CompareAndSwap_ThatNeverArrived_AndAnotherWasFirst_IsNotDone()
    {
        Assert.Equal(new TransactionResult(false, 4), await SwallowedAsync(
            new Transaction().IfUnchanged("old", 2).Put("old", "2"), async () => await _other.CommitAsync(new Transaction().Put("old", "3"))));
        Assert.Equal("4: old=3@2-3/0", await _other.DumpAsync());
    }

    /// <summary>What another wrote looks the same.</summary>
    [Fact]
    public async Task CompareAndSwap_ThatNeverArrived_AndAnotherDidTheSame_IsNotDone() =>
        Assert.Equal(new TransactionResult(false, 4), await SwallowedAsync(
            new Transaction().IfUnchanged("old", 2).Put("old", "2"), async () => await _other.CommitAsync(new Transaction().IfUnchanged("old", 2).Put("old", "2"))));

    [Fact]
    public async Task EtcdThatDoesNotComeBack_LeavesItUnknown()
    {
        _network.SwallowsRequests = true;
        Task<TransactionResult> commit = _store.CommitAsync(new Transaction().Put("old", "2")).AsTask();
        await Task.Delay(50);
        _network.RefusesConnections = true;
        _network.Cut();
        await Assert.ThrowsAsync<OutcomeUnknownException>(() => commit);
        await Assert.ThrowsAsync<StoreException>(async () => await _store.CommitAsync(new Transaction().Put("old", "3")));
    }

    /// <summary>The member is asleep with a transaction, which it does when it wakes; meanwhile another one was asked.</summary>
    [Fact]
    public async Task WhatIsStillUnderWay_IsNotDoneAfterwards()
    {
        await using var quick = TestProxy.To(_etcd);
        await using EtcdKeyValues store = await Stores.ConnectAsync(Stores.HastyOptions(_network.Endpoint, quick.Endpoint));
        TestProxy used = store.State.Endpoint == _network.Endpoint ? _network : quick;
        used.HoldsRequests = true;
        Task<TransactionResult> commit = store.CommitAsync(new Transaction().Put("old", "2")).AsTask();
        TransactionResult done = await commit;
        Assert.Equal(new TransactionResult(true, 4), done);
        await _other.CommitAsync(new Transaction().Put("old", "5"));
        await used.ReleaseAsync();
        Assert.Equal("5: old=5@2-5/0", await _other.DumpAsync());
    }

    /// <summary>Cuts the connection when etcd has done it, before its answer is there.</summary>
    private async Task<TransactionResult> CommitAsync(Transaction transaction, string key, string? value, Func<Task>? meanwhile = null)
    {
        _network.SwallowsAnswers = true;
        Task<TransactionResult> commit = _store.CommitAsync(transaction).AsTask();
        await Stores.EventuallyAsync(async () => (await _other.GetAsync(key))?.Text() == value, () => "it did not arrive");
        await (meanwhile?.Invoke() ?? Task.CompletedTask);
        _network.Cut();
        return await commit;
    }

    /// <summary>Cuts the connection before etcd has it.</summary>
    private async Task<TransactionResult> SwallowedAsync(Transaction transaction, Func<Task>? meanwhile = null)
    {
        _network.SwallowsRequests = true;
        Task<TransactionResult> commit = _store.CommitAsync(transaction).AsTask();
        await Task.Delay(50);
        await (meanwhile?.Invoke() ?? Task.CompletedTask);
        _network.Cut();
        return await commit;
    }
}
