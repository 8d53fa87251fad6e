// SPDX-License-Identifier: Apache-2.0
using Microsoft.Extensions.Logging.Abstractions;
using Weir.Store.Etcd.Tests.Running;
using Weir.Store.Tests;
using Xunit;

namespace Weir.Store.Etcd.Tests;

/// <summary>What every store does, with a real etcd of its own for each test.</summary>
public sealed class EtcdKeyValuesTests : KeyValuesContract
{
    private EtcdMember _etcd = null!;

    private protected override async Task<IKeyValues> OpenAsync()
    {
        _etcd = await EtcdMember.StartAsync();
        return await EtcdKeyValues.ConnectAsync(new EtcdOptions { Endpoints = [_etcd.Endpoint] }, NullLogger.Instance);
    }

    /// <summary>In etcd's own time, which nobody can set.</summary>
    [Fact]
    public override async Task Lease_ThatNobodyKeepsAlive_TakesItsRecordsAlong()
    {
        long lease = await Store.GrantLeaseAsync(TimeSpan.FromSeconds(1));
        long other = await Store.GrantLeaseAsync(TimeSpan.FromSeconds(60));
        await Store.CommitAsync(new Transaction().Put("a", "1", lease).Put("b", "1", lease).Put("c", "1", other).Put("d", "1"));
        await Store.CommitAsync(new Transaction().Put("b", "2"));
        await using IAsyncEnumerator<RevisionChanges> watch = Store.WatchAsync("").GetAsyncEnumerator();
        await Store.KeepAliveAsync(other);
        Assert.Equal("4: a=gone<1", await NextAsync(watch));
        Assert.Equal($"4: b=2@2-3/0 c=1@2-2/{other} d=1@2-2/0", await Store.DumpAsync());
        await Assert.ThrowsAsync<LeaseNotFoundException>(async () => await Store.KeepAliveAsync(lease));
        LeaseNotFoundException e = await Assert.ThrowsAsync<LeaseNotFoundException>(async () => await Store.CommitAsync(new Transaction().Put("c", "2", other).Put("a", "1", lease)));
        Assert.Equal(lease, e.Lease);
        await Store.RevokeLeaseAsync(other);
        Assert.Equal("5: c=gone<1", await NextAsync(watch));
    }

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        await _etcd.DisposeAsync();
    }
}
