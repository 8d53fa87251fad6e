// SPDX-License-Identifier: Apache-2.0
using Microsoft.Extensions.Logging.Abstractions;
using Weir.Store.Etcd.Tests.Running;
using Weir.Store.Tests;
using Xunit;

namespace Weir.Store.Etcd.Tests;

/// <summary>An etcd that goes away and comes back.</summary>
public sealed class RestartTests : IAsyncLifetime
{
    private EtcdMember _etcd = null!;

    public async Task InitializeAsync()
    {
        _etcd = await EtcdMember.StartAsync();

        // One that is killed before it has written who its members are does not start again.
        await (await Stores.ConnectAsync(_etcd.Endpoint)).DisposeAsync();
    }

    public async Task DisposeAsync() => await _etcd.DisposeAsync();

    [Fact]
    public async Task Watch_OverRestarts_HasNoGap()
    {
        await using EtcdKeyValues store = await Stores.ConnectAsync(_etcd.Endpoint);
        await using IAsyncEnumerator<RevisionChanges> watch = store.WatchAsync("", 2).GetAsyncEnumerator();
        const int Count = 60;
        Task writes = Task.Run(async () =>
        {
            for (int i = 0; i < Count; i++)
            {
                await Stores.InsistAsync(async () => await store.CommitAsync(new Transaction().IfAbsent($"k{i}").Put($"k{i}", $"{i}")));
            }
        });
        for (int i = 0; i < Count; i++)
        {
            Assert.EndsWith($": k{i}={i}<", await watch.ChangeTextAsync(), StringComparison.Ordinal);
            if (i is 10 or 30)
            {
                await _etcd.RestartAsync();
            }
        }

        await writes;
    }

    /// <summary>Each time etcd is killed, transactions are under way.</summary>
    [Fact]
    public async Task Commits_OverRestarts_AreDoneOnce_OrSaidToBeUnknown()
    {
        await using EtcdKeyValues store = await Stores.ConnectAsync(_etcd.Endpoint);
        await store.PutAsync("n", "0");
        bool stops = false;
        int unknown = 0;
        async Task<int> CountAsync()
        {
            int done = 0;
            while (!Volatile.Read(ref stops))
            {
                KeyValue seen = (await Stores.InsistAsync(async () => await store.GetAsync("n")))!;
                try
                {
                    done += (await store.CommitAsync(new Transaction().IfUnchanged("n", seen.ModRevision).Put("n", $"{int.Parse(seen.Text()) + 1}"))).Succeeded ? 1 : 0;
                }
                catch (StoreException)
                {
                }
                catch (OutcomeUnknownException)
                {
                    Interlocked.Increment(ref unknown);
                }
            }

            return done;
        }

        Task<int>[] counts = [.. Enumerable.Range(0, 3).Select(_ => Task.Run(CountAsync))];
        for (int i = 0; i < 3; i++)
        {
            long before = (await Stores.InsistAsync(async () => await store.GetAsync("n")))!.ModRevision;
            await Stores.EventuallyAsync(async () => (await Stores.InsistAsync(async () => await store.GetAsync("n")))!.ModRevision > before + 10, () => "nobody counts");
            await _etcd.RestartAsync();
        }

        Volatile.Write(ref stops, true);
        int done = (await Task.WhenAll(counts)).Sum();
        int counted = int.Parse((await Stores.InsistAsync(async () => await store.GetAsync("n")))!.Text());
        Assert.InRange(counted, done, done + unknown);
    }

    [Fact]
    public async Task StoreThatStartsWithoutEtcd_IsThere_SaysWhy_AndConnectsLater()
    {
        await _etcd.KillAsync();
        await using EtcdKeyValues store = await EtcdKeyValues.ConnectAsync(Stores.HastyOptions(_etcd.Endpoint), NullLogger.Instance);
        Assert.Null(store.State.Endpoint);
        Assert.Null(store.State.Silence);
        StoreException e = await Assert.ThrowsAsync<StoreException>(async () => await store.CommitAsync(new Transaction().Put("a", "1")));
        Assert.Contains($"write \"a\": etcd does not answer ({_etcd.Endpoint}: Connection refused", e.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<StoreException>(async () => await store.GetAsync("a"));
        await using IAsyncEnumerator<RevisionChanges> watch = store.WatchAsync("").GetAsyncEnumerator();
        Task<string> next = watch.ChangeTextAsync();
        int told = 0;
        store.StateChanged += () => Interlocked.Increment(ref told);
        await _etcd.StartAsync();
        await Stores.EventuallyAsync(() => store.State.Endpoint == _etcd.Endpoint, () => $"{store.State}");
        await Stores.EventuallyAsync(() => told > 0, () => "nobody was told");
        await store.PutAsync("a", "1");
        Assert.Equal("2: a=1<", await next);
        await _etcd.KillAsync();
        await Stores.EventuallyAsync(() => store.State is { Endpoint: null, Silence.TotalSeconds: > 1 }, () => $"{store.State}");
    }

    [Fact]
    public async Task Watch_OfWhatWasCompactedWhileEtcdWasAway_SaysSo_OthersGoOn()
    {
        await using var network = TestProxy.To(_etcd);
        await using EtcdKeyValues store = await Stores.ConnectAsync(network.Endpoint);
        await using EtcdKeyValues other = await Stores.ConnectAsync(_etcd.Endpoint);
        await other.PutAsync("a", "1");
        await using IAsyncEnumerator<RevisionChanges> watch = store.WatchAsync("", 2).GetAsyncEnumerator();
        await using IAsyncEnumerator<RevisionChanges> future = store.WatchAsync("", 9).GetAsyncEnumerator();
        Task<string> later = future.ChangeTextAsync();
        Assert.Equal("2: a=1<", await watch.ChangeTextAsync());
        network.RefusesConnections = true;
        network.Cut();
        for (int i = 2; i < 8; i++)
        {
            await other.PutAsync("a", $"{i}");
        }

        await other.CompactAsync(6);
        network.RefusesConnections = false;
        Assert.Equal(6, (await watch.EndsCompactedAsync()).Revision);
        Listing anew = await Stores.InsistAsync(async () => await store.ListAsync(""));
        await using IAsyncEnumerator<RevisionChanges> again = store.WatchAsync("", anew.Revision + 1).GetAsyncEnumerator();
        await other.PutAsync("a", "8");
        Assert.Equal("9: a=8<7", await again.ChangeTextAsync());
        Assert.Equal("9: a=8<7", await later);
    }

    [Fact]
    public async Task Lease_OverARestart_IsKeptAlive_AndOneThatIsLostIsSaidToBe()
    {
        await using var network = TestProxy.To(_etcd);
        await using EtcdKeyValues store = await Stores.ConnectAsync(Stores.HastyOptions(network.Endpoint));
        await using EtcdKeyValues other = await Stores.ConnectAsync(_etcd.Endpoint);
        long lease = await store.GrantLeaseAsync(TimeSpan.FromSeconds(5));
        await store.CommitAsync(new Transaction().Put("node", "1", lease));
        await _etcd.RestartAsync();
        await Stores.InsistAsync(async () =>
        {
            await store.KeepAliveAsync(lease);
            return true;
        });
        Assert.NotNull(await Stores.InsistAsync(async () => await other.GetAsync("node")));
        network.RefusesConnections = true;
        network.Cut();
        await Assert.ThrowsAsync<StoreException>(async () => await store.KeepAliveAsync(lease));
        await Stores.EventuallyAsync(async () => await other.GetAsync("node") is null, () => "the lease lives");
        network.RefusesConnections = false;
        await Stores.EventuallyAsync(() => store.State.Endpoint is not null, () => $"{store.State}");
        LeaseNotFoundException e = await Assert.ThrowsAsync<LeaseNotFoundException>(async () => await store.KeepAliveAsync(lease));
        Assert.Equal(lease, e.Lease);
    }
}
