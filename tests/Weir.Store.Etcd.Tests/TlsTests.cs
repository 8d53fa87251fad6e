// SPDX-License-Identifier: Apache-2.0
using Microsoft.Extensions.Logging.Abstractions;
using Weir.Store.Etcd.Tests.Running;
using Xunit;

namespace Weir.Store.Etcd.Tests;

/// <summary>An etcd that speaks to nobody without a certificate.</summary>
public sealed class TlsTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("weir-tls-").FullName;
    private TestCertificates _signer = null!;
    private EtcdMember _etcd = null!;
    private EtcdOptions _options = null!;

    public async Task InitializeAsync()
    {
        _signer = TestCertificates.Make(_folder, "ca");
        _etcd = await EtcdMember.StartSecureAsync(address =>
        {
            (string cert, string key) = _signer.Sign("etcd", address);
            return ["--cert-file", cert, "--key-file", key, "--client-cert-auth", "--trusted-ca-file", _signer.CaFile];
        });
        (string own, string ownKey) = _signer.Sign("host1");
        _options = Stores.HastyOptions(_etcd.Endpoint) with { CaFile = _signer.CaFile, CertFile = own, KeyFile = ownKey };
    }

    public async Task DisposeAsync()
    {
        await _etcd.DisposeAsync();
        _signer.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task ClientWithItsCertificate_IsServed_AndRenewsIt()
    {
        await using EtcdKeyValues store = await Stores.ConnectAsync(_options);
        await store.PutAsync("a", "1");
        await using IAsyncEnumerator<RevisionChanges> watch = store.WatchAsync("", 2).GetAsyncEnumerator();
        Assert.Equal("2: a=1<", await watch.ChangeTextAsync());
        DateTimeOffset since = store.State.Since;
        _signer.Sign("host1");
        await Stores.EventuallyAsync(() => store.State is { Endpoint: not null } state && state.Since > since, () => $"{store.State}");
        Assert.Contains("there are other certificates now", store.State.LastError, StringComparison.Ordinal);
        await store.PutAsync("a", "2");
        Assert.Equal("3: a=2<1", await watch.ChangeTextAsync());
    }

    [Fact]
    public async Task EtcdOfAnotherSigner_IsNotBelieved()
    {
        using var other = TestCertificates.Make(_folder, "other");
        await RefusedAsync(_options with { CaFile = other.CaFile }, "TLS: The remote certificate is invalid");
    }

    [Fact]
    public Task ClientWithoutACertificate_IsRefused() => RefusedAsync(_options with { CertFile = null, KeyFile = null }, "certificate");

    [Fact]
    public async Task FilesThatAreNoCertificates_AreNamed_AndReadAgainLater()
    {
        string file = Path.Combine(_folder, "later.pem");
        await RefusedAsync(_options with { CaFile = file }, $"read the certificate {file}: ");
        await File.WriteAllTextAsync(file, "no certificate");
        await RefusedAsync(_options with { CaFile = file }, $"read the certificate {file}: it has no certificate in it");
        await using EtcdKeyValues store = await EtcdKeyValues.ConnectAsync(_options with { CaFile = file }, NullLogger.Instance);
        File.Copy(_signer.CaFile, file, overwrite: true);
        await store.PutAsync("a", "1");
    }

    private static async Task RefusedAsync(EtcdOptions options, string why)
    {
        await using EtcdKeyValues store = await EtcdKeyValues.ConnectAsync(options with { RequestTimeout = TimeSpan.FromSeconds(1) }, NullLogger.Instance);
        await store.RefusesAsync(why);
        Assert.Null(store.State.Endpoint);
    }
}
