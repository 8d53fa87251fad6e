// SPDX-License-Identifier: Apache-2.0
using Weir.Store.Etcd.Tests.Running;
using Weir.Store.Tests;
using Xunit;

namespace Weir.Store.Etcd.Tests;

/// <summary>An etcd that is put back to an older backup: nobody stays with what is no more.</summary>
public sealed class BackupTests : IAsyncLifetime
{
    private EtcdMember _etcd = null!;
    private TestProxy _network = null!;
    private EtcdKeyValues _store = null!;

    public async Task InitializeAsync()
    {
        _etcd = await EtcdMember.StartAsync();
        _network = TestProxy.To(_etcd);
        _store = await Stores.ConnectAsync(_network.Endpoint);
    }

    public async Task DisposeAsync()
    {
        await _store.DisposeAsync();
        await _network.DisposeAsync();
        await _etcd.DisposeAsync();
    }

    [Fact]
    public async Task Restored_WatchesEnd_AndAreNotBegunFromTheOldHistory()
    {
        string snapshot = await BackUpAsync();
        await using IAsyncEnumerator<RevisionChanges> watch = _store.WatchAsync("", 3).GetAsyncEnumerator();
        Assert.Equal("3: a=2<1", await watch.ChangeTextAsync());
        Listing old = await _store.ListAsync("");
        await RestoreAsync(snapshot, () => Task.CompletedTask);
        CompactedException e = await watch.EndsCompactedAsync();
        Assert.Contains("put back to revision 2, from 4: list the records again", e.Message, StringComparison.Ordinal);

        // What comes next is no matter of a listing.
        await using IAsyncEnumerator<RevisionChanges> now = _store.WatchAsync("").GetAsyncEnumerator();
        Task<string> next = now.ChangeTextAsync();

        // Listed before, and watched only now: etcd would take it for the future, and be silent until it comes.
        await using IAsyncEnumerator<RevisionChanges> late = _store.WatchAsync("", old.Revision + 1).GetAsyncEnumerator();
        await late.EndsCompactedAsync();
        await Assert.ThrowsAsync<CompactedException>(() => _store.DumpAsync(old.Revision));
        Listing anew = await _store.ListAsync("");
        Assert.Equal("2: a=1@2-2/0", Texts.Dump(anew.Revision, anew.Records));
        await using IAsyncEnumerator<RevisionChanges> again = _store.WatchAsync("", anew.Revision + 1).GetAsyncEnumerator();
        await _store.PutAsync("a", "5");
        Assert.Equal("3: a=5<1", await again.ChangeTextAsync());
        Assert.Equal("3: a=5<1", await next);
    }

    /// <summary>Same cluster id, and a higher revision than was seen.</summary>
    [Fact]
    public async Task Restored_AndFurtherThanBefore_IsNoticedToo()
    {
        string snapshot = await BackUpAsync();
        await using IAsyncEnumerator<RevisionChanges> watch = _store.WatchAsync("", 3).GetAsyncEnumerator();
        Assert.Equal("3: a=2<1", await watch.ChangeTextAsync());
        await RestoreAsync(snapshot, async () =>
        {
            await using EtcdKeyValues other = await Stores.ConnectAsync(_etcd.Endpoint);
            for (int i = 0; i < 10; i++)
            {
                await other.PutAsync("b", $"{i}");
            }
        });
        CompactedException e = await watch.EndsCompactedAsync();
        Assert.Contains("another revision 4 than was seen", e.Message, StringComparison.Ordinal);
        Assert.Equal("12: a=1@2-2/0 b=9@3-12/0", await _store.DumpAsync());
    }

    private async Task<string> BackUpAsync()
    {
        await _store.PutAsync("a", "1");
        string snapshot = Path.Combine(_etcd.Folder, "snapshot");
        await _etcd.ControlAsync("snapshot", "save", snapshot);
        await _store.PutAsync("a", "2");
        await _store.PutAsync("a", "3");
        return snapshot;
    }

    private async Task RestoreAsync(string snapshot, Func<Task> before)
    {
        _network.RefusesConnections = true;
        await _etcd.KillAsync();
        await _etcd.RestoreAsync(snapshot);
        await _etcd.StartAsync();
        await before();
        _network.RefusesConnections = false;
        await Stores.EventuallyAsync(() => _store.State.Endpoint is not null, () => $"{_store.State}");
    }
}
