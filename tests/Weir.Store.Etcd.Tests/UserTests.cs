// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using Microsoft.Extensions.Logging.Abstractions;
using Weir.Store.Etcd.Tests.Running;
using Weir.Store.Tests;
using Xunit;

namespace Weir.Store.Etcd.Tests;

/// <summary>An etcd that asks for user and password, with tokens that are good for a second.</summary>
public sealed class UserTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("weir-users-").FullName;
    private EtcdMember _etcd = null!;
    private EtcdOptions _options = null!;

    public async Task InitializeAsync()
    {
        using var key = RSA.Create(2048);
        (string pub, string priv) = (Path.Combine(_folder, "pub"), Path.Combine(_folder, "priv"));
        await File.WriteAllTextAsync(pub, key.ExportSubjectPublicKeyInfoPem());
        await File.WriteAllTextAsync(priv, key.ExportRSAPrivateKeyPem());
        _etcd = await EtcdMember.StartAsync("--auth-token", $"jwt,pub-key={pub},priv-key={priv},sign-method=RS256,ttl=1s", "--bcrypt-cost", "4");
        foreach (string line in (string[])["user add root:secret", "role add weir", "role grant-permission weir --prefix=true readwrite /weir/", "user add weir:word", "user grant-role weir weir", "user grant-role root root", "auth enable"])
        {
            await _etcd.ControlAsync(line.Split(' '));
        }

        _options = Stores.HastyOptions(_etcd.Endpoint) with { User = "weir", Password = "word" };
    }

    public async Task DisposeAsync()
    {
        await _etcd.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task TokensThatAreOver_AreRenewed()
    {
        await using EtcdKeyValues store = await Stores.ConnectAsync(_options with { RequestTimeout = TimeSpan.FromSeconds(20) });
        await using IAsyncEnumerator<RevisionChanges> watch = store.WatchAsync("", 2).GetAsyncEnumerator();
        for (int i = 0; i < 3; i++)
        {
            await store.CommitAsync(new Transaction().Put("a", $"{i}"));
            Assert.Equal($"{i}", (await watch.ChangeAsync()).Changes[0].Record!.Text());
            await Task.Delay(1200);
        }

        Assert.Null(store.State.LastError);
    }

    [Fact]
    public async Task RightsThatAreTakenAway_AreSaid_AndAllGoesOnWhenTheyAreBack()
    {
        await using EtcdKeyValues store = await Stores.ConnectAsync(_options);
        await store.PutAsync("a", "1");
        await using IAsyncEnumerator<RevisionChanges> watch = store.WatchAsync("", 2).GetAsyncEnumerator();
        Assert.Equal("2: a=1<", await watch.ChangeTextAsync());
        await RootAsync("user revoke-role weir weir");
        await SaidAsync(store, "permission denied");
        await RootAsync("user grant-role weir weir");
        await store.PutAsync("a", "2");
        Assert.Equal("3: a=2<1", await watch.ChangeTextAsync());

        await RootAsync("user delete weir");
        await SaidAsync(store, "authentication failed, invalid user ID or password");
        await RootAsync("user add weir:word");
        await RootAsync("user grant-role weir weir");
        await store.PutAsync("a", "3");
        Assert.Equal("4: a=3<2", await watch.ChangeTextAsync());
    }

    [Fact]
    public async Task WhoIsNobody_IsToldWhatToGive()
    {
        await using EtcdKeyValues nobody = await EtcdKeyValues.ConnectAsync(_options with { User = null, Password = null }, NullLogger.Instance);
        await SaidAsync(nobody, "etcd wants a user and password");
        await using EtcdKeyValues elsewhere = await EtcdKeyValues.ConnectAsync(_options with { Prefix = "/other/" }, NullLogger.Instance);
        await SaidAsync(elsewhere, "permission denied; look at the user's password and roles");
    }

    [Fact]
    public async Task EtcdThatAsksNobody_IsUsedAllTheSame()
    {
        await RootAsync("auth disable");
        await using EtcdKeyValues store = await Stores.ConnectAsync(_options);
        await store.PutAsync("a", "1");
    }

    private static async Task SaidAsync(EtcdKeyValues store, string why)
    {
        await Stores.EventuallyAsync(() => store.State.Endpoint is null, () => $"{store.State}");
        await store.RefusesAsync(why);
    }

    private Task<string> RootAsync(string line) => _etcd.ControlAsync(["--user", "root:secret", .. line.Split(' ')]);
}
