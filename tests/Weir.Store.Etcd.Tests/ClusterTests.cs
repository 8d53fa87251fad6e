// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Weir.Store.Etcd.Tests.Running;
using Weir.Store.Tests;
using Xunit;

namespace Weir.Store.Etcd.Tests;

/// <summary>Three members, of which some fail while transactions and a watch are under way.</summary>
public sealed class ClusterTests : IAsyncLifetime
{
    private EtcdMember[] _members = [];
    private EtcdKeyValues _store = null!;

    public async Task InitializeAsync()
    {
        _members = await EtcdMember.StartClusterAsync(3);
        _store = await Stores.ConnectAsync(Stores.HastyOptions([.. _members.Select(member => member.Endpoint)]));
    }

    public async Task DisposeAsync()
    {
        await _store.DisposeAsync();
        foreach (EtcdMember member in _members)
        {
            await member.DisposeAsync();
        }
    }

    [Fact]
    public Task LeaderKilled_NothingIsLost() => SurviveAsync(async () =>
    {
        EtcdMember leader = await LeaderAsync();
        await leader.KillAsync();
        await WritesGoOnAsync();
        await leader.StartAsync();
    });

    [Fact]
    public Task MemberInUseKilled_AnotherIsTaken() => SurviveAsync(async () =>
    {
        EtcdMember used = Used();
        await used.KillAsync();
        await WritesGoOnAsync();
        Assert.NotEqual(used.Endpoint, _store.State.Endpoint);
        Assert.Contains(used.Endpoint, _store.State.LastError, StringComparison.Ordinal);
        await used.StartAsync();
    });

    [Fact]
    public Task MemberInUseFrozen_AnotherIsTaken_AndNothingIsDoneTwiceWhenItWakes() => SurviveAsync(async () =>
    {
        EtcdMember used = Used();
        await used.FreezeAsync();
        await Stores.EventuallyAsync(() => _store.State.Endpoint is { } endpoint && endpoint != used.Endpoint, () => $"{_store.State}");
        await WritesGoOnAsync();
        await used.ThawAsync();
    });

    [Fact]
    public Task MajorityFrozen_EtcdIsAway_AndAllGoesOnAfterwards() => SurviveAsync(async () =>
    {
        EtcdMember used = Used();
        EtcdMember[] others = [.. _members.Where(member => member != used)];
        foreach (EtcdMember other in others)
        {
            await other.FreezeAsync();
        }

        await Stores.EventuallyAsync(() => _store.State.Endpoint is null, () => $"{_store.State}");
        StoreException e = await Assert.ThrowsAsync<StoreException>(async () => await _store.GetAsync("k0"));
        Assert.Contains("etcd does not answer", e.Message, StringComparison.Ordinal);
        foreach (EtcdMember other in others)
        {
            await other.ThawAsync();
        }
    });

    /// <summary>Lets one write and one watch while something happens: all that was written is told once, in order.</summary>
    private async Task SurviveAsync(Func<Task> happens)
    {
        await using IAsyncEnumerator<RevisionChanges> watch = _store.WatchAsync("", 2).GetAsyncEnumerator();
        bool stops = false;
        Task<int> writes = Task.Run(async () =>
        {
            int i = 0;
            for (; !Volatile.Read(ref stops); i++)
            {
                string key = $"k{i}";
                await Stores.InsistAsync(async () =>
                {
                    try
                    {
                        return await _store.CommitAsync(new Transaction().IfAbsent(key).Put(key, $"{i}"));
                    }
                    catch (OutcomeUnknownException e)
                    {
                        throw new StoreException("again", e);
                    }
                });
                await Task.Delay(5);
            }

            return i;
        });
        Assert.Equal("2: k0=0<", await watch.ChangeTextAsync());
        await happens();
        await WritesGoOnAsync();
        Volatile.Write(ref stops, true);
        int count = await writes;
        for (int i = 1; i < count; i++)
        {
            Assert.EndsWith($": k{i}={i}<", await watch.ChangeTextAsync(), StringComparison.Ordinal);
        }
    }

    private async Task WritesGoOnAsync()
    {
        int before = (await Stores.InsistAsync(async () => await _store.ListAsync(""))).Records.Count;
        await Stores.EventuallyAsync(async () => (await Stores.InsistAsync(async () => await _store.ListAsync(""))).Records.Count > before + 5, () => $"nothing is written: {_store.State}");
    }

    private EtcdMember Used() => _members.Single(member => member.Endpoint == _store.State.Endpoint);

    private async Task<EtcdMember> LeaderAsync()
    {
        foreach (EtcdMember member in _members)
        {
            using var status = JsonDocument.Parse(await member.ControlAsync("endpoint", "status", "--write-out", "json"));
            JsonElement told = status.RootElement[0].GetProperty("Status");
            if (told.GetProperty("leader").GetUInt64() == told.GetProperty("header").GetProperty("member_id").GetUInt64())
            {
                return member;
            }
        }

        throw new InvalidOperationException("nobody leads");
    }
}
