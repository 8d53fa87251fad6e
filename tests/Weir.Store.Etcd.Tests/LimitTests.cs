// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Weir.Store.Etcd.Tests.Running;
using Weir.Store.Tests;
using Xunit;

namespace Weir.Store.Etcd.Tests;

/// <summary>Much at once, slowly, and together with others.</summary>
public sealed class LimitTests : IAsyncLifetime
{
    private EtcdMember _etcd = null!;
    private EtcdKeyValues _store = null!;

    public async Task InitializeAsync()
    {
        _etcd = await EtcdMember.StartAsync("--experimental-watch-progress-notify-interval", "1s");
        _store = await Stores.ConnectAsync(_etcd.Endpoint);
    }

    public async Task DisposeAsync()
    {
        await _store.DisposeAsync();
        await _etcd.DisposeAsync();
    }

    [Fact]
    public async Task TooMuchAtOnce_IsRefused_WithTheLimit()
    {
        StoreException many = await Assert.ThrowsAsync<StoreException>(async () => await _store.CommitAsync(Many(128, "")));
        Assert.StartsWith("write \"k0\" and 127 more in etcd: 130 changes and 2 comparisons at once are too many: etcd takes 128 of each", many.Message, StringComparison.Ordinal);
        StoreException large = await Assert.ThrowsAsync<StoreException>(async () => await _store.CommitAsync(new Transaction().Put("a", new string('x', 1_600_000))));
        Assert.Contains("bytes at once are too many: etcd takes 1.5 MiB", large.Message, StringComparison.Ordinal);
        StoreException larger = await Assert.ThrowsAsync<StoreException>(async () => await _store.CommitAsync(new Transaction().Put("a", new string('x', 5_000_000))));
        Assert.Contains("etcd takes 1.5 MiB", larger.Message, StringComparison.Ordinal);
        Assert.Equal("1: ", await _store.DumpAsync());
        Assert.True((await _store.CommitAsync(Many(126, "x"))).Succeeded);
    }

    /// <summary>etcd sends some 10 MB in pieces of 2, which do not end where revisions do.</summary>
    [Fact]
    public async Task LargeRevisions_AreToldWhole()
    {
        const int Revisions = 4;
        for (int i = 0; i < Revisions; i++)
        {
            await _store.CommitAsync(Many(100, new string((char)('a' + i), 13_000)));
        }

        await using IAsyncEnumerator<RevisionChanges> watch = _store.WatchAsync("", 2).GetAsyncEnumerator();
        for (int i = 0; i < Revisions; i++)
        {
            RevisionChanges told = await watch.ChangeAsync();
            Assert.Equal(i + 2, told.Revision);
            Assert.Equal(100, told.Changes.Count);
            Assert.All(told.Changes, change => Assert.Equal((byte)('a' + i), change.Record!.Value.Span[0]));
        }
    }

    [Fact]
    public async Task LongListing_IsOfOneMoment()
    {
        for (int i = 0; i < 20; i++)
        {
            await _store.CommitAsync(Many(125, $"{i}", $"p{i}/"));
        }

        using var stop = new CancellationTokenSource();
        Task writes = Task.Run(async () =>
        {
            for (int i = 0; !stop.IsCancellationRequested; i++)
            {
                await _store.CommitAsync(new Transaction().Put("p0/k0", $"{i}").Put("p19/k99", $"{i}"));
            }
        });
        await Stores.EventuallyAsync(async () => (await _store.GetAsync("p19/k99"))!.ModRevision > 21, () => "nobody writes");
        for (int i = 0; i < 5; i++)
        {
            Listing listing = await _store.ListAsync("");
            Assert.Equal(2500, listing.Records.Count);
            Assert.Equal(listing.Records.Max(record => record.ModRevision), listing.Records.Single(record => record.Key == "p0/k0").ModRevision);
        }

        await stop.CancelAsync();
        await writes;
    }

    [Fact]
    public async Task SlowReader_ListsAnew_AndHoldsUpNobody()
    {
        await using EtcdKeyValues store = await Stores.ConnectAsync(Stores.Options(_etcd.Endpoint) with { Retention = new Retention(Revisions: 10) });
        await using IAsyncEnumerator<RevisionChanges> slow = store.WatchAsync("", 2).GetAsyncEnumerator();
        await using IAsyncEnumerator<RevisionChanges> quick = store.WatchAsync("", 2).GetAsyncEnumerator();
        for (int i = 0; i < 40; i++)
        {
            await store.PutAsync("a", $"{i}");
            Assert.Equal(i + 2, (await quick.ChangeAsync()).Revision);
            if (i == 0)
            {
                await slow.ChangeAsync();
            }
        }

        CompactedException e = await slow.EndsCompactedAsync();
        Assert.Contains("a reader of \"\" was too slow", e.Message, StringComparison.Ordinal);
    }

    /// <summary>Each lets the stream begin anew; what comes of the one before is nobody's failure.</summary>
    [Fact]
    public async Task WatchesThatBeginEarlierAndEarlier_AreAllTold_AndNothingIsLeftUnobserved()
    {
        List<Exception> unobserved = [];
        void Hear(object? sender, UnobservedTaskExceptionEventArgs failure)
        {
            if (failure.Exception.InnerException is Grpc.Core.RpcException inner)
            {
                unobserved.Add(inner);
            }
        }

        TaskScheduler.UnobservedTaskException += Hear;
        for (int i = 0; i < 10; i++)
        {
            await _store.PutAsync("a", $"{i}");
        }

        List<IAsyncEnumerator<RevisionChanges>> watches = [];
        for (int from = 11; from > 1; from--)
        {
            watches.Add(_store.WatchAsync("", from).GetAsyncEnumerator());
            for (int revision = from; revision <= 11; revision++)
            {
                Assert.Equal(revision, (await watches[^1].ChangeAsync()).Revision);
            }
        }

        await _store.PutAsync("a", "last");
        foreach (IAsyncEnumerator<RevisionChanges> watch in watches)
        {
            Assert.Equal("12: a=last<9", await watch.ChangeTextAsync());
            await watch.DisposeAsync();
        }

        GC.Collect();
        GC.WaitForPendingFinalizers();
        TaskScheduler.UnobservedTaskException -= Hear;
        Assert.Empty(unobserved);
    }

    [Fact]
    public async Task ChangesOfOthers_MoveAWatchOn_AndArePrivate()
    {
        await using EtcdKeyValues other = await Stores.ConnectAsync(Stores.Options(_etcd.Endpoint) with { Prefix = "/other/" });
        await using IAsyncEnumerator<RevisionChanges> watch = _store.WatchAsync("").GetAsyncEnumerator();
        Task<bool> progress = watch.MoveNextAsync().AsTask();
        await other.PutAsync("a", "1");
        await other.PutAsync("a", "2");
        Assert.True(await progress.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.Empty(watch.Current.Changes);
        Assert.Equal("3: ", await _store.DumpAsync());
        Assert.Equal("3: a=2@2-3/0", await other.DumpAsync());
    }

    [Fact]
    public async Task EndpointsByName_AndByIPv6_AreReached()
    {
        await using var network = TestProxy.To(_etcd);
        await using EtcdKeyValues named = await Stores.ConnectAsync($"http://localhost:{network.Port}");
        await named.PutAsync("a", "1");
        if (Socket.OSSupportsIPv6)
        {
            await using var six = TestProxy.To(_etcd, IPAddress.IPv6Loopback);
            await using EtcdKeyValues store = await Stores.ConnectAsync(six.Endpoint);
            Assert.StartsWith("http://[::1]:", store.State.Endpoint, StringComparison.Ordinal);
            Assert.Equal("2: a=1@2-2/0", await store.DumpAsync());
        }
    }

    [Fact]
    public async Task NewerLayout_IsNotTouched()
    {
        await using EtcdKeyValues store = await Stores.ConnectAsync(Stores.HastyOptions(_etcd.Endpoint));
        await store.PutAsync("a", "1");
        await _etcd.ControlAsync("put", "/weir/.store/layout", "2");
        await Assert.ThrowsAsync<StoreException>(async () => await store.CommitAsync(new Transaction().Put("a", "2")));
        await Stores.EventuallyAsync(() => store.State.Endpoint is null, () => $"{store.State}");
        await store.RefusesAsync("a newer weir wrote what is under /weir/ in etcd (layout 2; this one knows layout 1): start that version again");
        await _etcd.ControlAsync("put", "/weir/.store/layout", "1");
        await Stores.EventuallyAsync(() => store.State.Endpoint is not null, () => $"{store.State}");
        Assert.Equal("4: a=1@2-2/0", await store.DumpAsync());
        await Assert.ThrowsAsync<ArgumentException>(async () => await store.GetAsync(".store/layout"));
    }

    [Fact]
    public async Task SlowNetwork_IsSlow_AndWhole()
    {
        await using var network = TestProxy.To(_etcd);
        network.Delay = TimeSpan.FromMilliseconds(15);
        await using EtcdKeyValues store = await Stores.ConnectAsync(Stores.Options(network.Endpoint) with { RequestTimeout = TimeSpan.FromSeconds(10) });
        await using IAsyncEnumerator<RevisionChanges> watch = store.WatchAsync("").GetAsyncEnumerator();
        Task<RevisionChanges> told = watch.ChangeAsync();
        await store.CommitAsync(Many(100, new string('x', 10_000)));
        Assert.Equal(100, (await told).Changes.Count);
        Assert.Equal(100, (await store.ListAsync("")).Records.Count);
        Assert.Null(store.State.LastError);
    }

    private static Transaction Many(int count, string value, string folder = "")
    {
        var transaction = new Transaction();
        for (int i = 0; i < count; i++)
        {
            transaction.Put($"{folder}k{i}", value);
        }

        return transaction;
    }
}
