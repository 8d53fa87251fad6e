// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using Weir.Store.Tests;
using Xunit;

namespace Weir.Store.Etcd.Tests.Running;

/// <summary>Stores for tests, and what is waited for in them. Nothing is judged by how long it takes, below a minute.</summary>
internal static class Stores
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);

    internal static EtcdOptions Options(params string[] endpoints) => new() { Endpoints = endpoints };

    /// <summary>Where a member is to be left that does not answer.</summary>
    internal static EtcdOptions HastyOptions(params string[] endpoints) => Options(endpoints) with { RequestTimeout = TimeSpan.FromSeconds(2) };

    internal static Task<EtcdKeyValues> ConnectAsync(params string[] endpoints) => ConnectAsync(Options(endpoints));

    internal static async Task<EtcdKeyValues> ConnectAsync(EtcdOptions options)
    {
        EtcdKeyValues store = await EtcdKeyValues.ConnectAsync(options, NullLogger.Instance);
        await EventuallyAsync(() => store.State.Endpoint is not null, () => $"{store.State}");
        return store;
    }

    internal static Task EventuallyAsync(Func<bool> holds, Func<string> otherwise) => EventuallyAsync(() => Task.FromResult(holds()), otherwise);

    internal static async Task EventuallyAsync(Func<Task<bool>> holds, Func<string> otherwise)
    {
        var waited = Stopwatch.StartNew();
        while (!await holds())
        {
            Assert.True(waited.Elapsed < _patience, otherwise());
            await Task.Delay(20);
        }
    }

    /// <summary>A question is refused, in the end with these words: on a busy machine an answer may be late before.</summary>
    internal static async Task RefusesAsync(this IKeyValues store, string why)
    {
        string said = "";
        await EventuallyAsync(
            async () =>
            {
                said = (await Assert.ThrowsAsync<StoreException>(async () => await store.GetAsync("a"))).Message;
                return said.Contains(why, StringComparison.Ordinal);
            },
            () => $"said: {said}; not: {why}");
    }

    /// <summary>Tries a call again while etcd is away.</summary>
    internal static async Task<T> InsistAsync<T>(Func<Task<T>> call)
    {
        var waited = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                return await call();
            }
            catch (StoreException) when (waited.Elapsed < _patience)
            {
                await Task.Delay(20);
            }
        }
    }

    internal static Task<TransactionResult> PutAsync(this IKeyValues store, string key, string value) =>
        InsistAsync(async () => await store.CommitAsync(new Transaction().Put(key, value)));

    /// <summary>The next that changes something.</summary>
    internal static async Task<RevisionChanges> ChangeAsync(this IAsyncEnumerator<RevisionChanges> watch)
    {
        do
        {
            Assert.True(await watch.MoveNextAsync().AsTask().WaitAsync(_patience));
        }
        while (watch.Current.Changes.Count == 0);
        return watch.Current;
    }

    internal static async Task<string> ChangeTextAsync(this IAsyncEnumerator<RevisionChanges> watch) => (await watch.ChangeAsync()).Dump();

    internal static Task<CompactedException> EndsCompactedAsync(this IAsyncEnumerator<RevisionChanges> watch) =>
        Assert.ThrowsAsync<CompactedException>(async () =>
        {
            while (await watch.MoveNextAsync().AsTask().WaitAsync(_patience))
            {
            }
        });
}
