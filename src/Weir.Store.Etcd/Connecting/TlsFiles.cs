// SPDX-License-Identifier: Apache-2.0

using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Weir.Net;

namespace Weir.Store.Etcd.Connecting;

/// <summary>The certificates of a connection, as its files are when it is made.</summary>
internal sealed class TlsFiles : IDisposable
{
    private readonly List<X509Certificate2> _certificates = [];

    private TlsFiles()
    {
    }

    internal SslClientAuthenticationOptions Options { get; } = new();

    /// <exception cref="StoreException">A file cannot be used.</exception>
    internal static TlsFiles Read(EtcdOptions options)
    {
        var files = new TlsFiles();
        try
        {
            if (options.CaFile is { } ca)
            {
                files.Options.CertificateChainPolicy = ReadFile(ca, () => files.Trust(ca));
            }

            if (options.CertFile is { } cert && options.KeyFile is { } key)
            {
                files.Options.ClientCertificateContext = ReadFile(cert, () => files.Own(cert, key));
            }

            return files;
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    /// <summary>Another text when a file is another: whoever renews certificates writes them in place or renames.</summary>
    internal static string Stamp(EtcdOptions options) => string.Join(
        ' ',
        new[] { options.CaFile, options.CertFile, options.KeyFile }.OfType<string>().Select(file => new FileInfo(file) is { Exists: true } info ? $"{info.LastWriteTimeUtc.Ticks}-{info.Length}" : "none"));

    public void Dispose() => _certificates.ForEach(certificate => certificate.Dispose());

    private static T ReadFile<T>(string file, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException || (WeirException.IsExpected(e) && e is not StoreException))
        {
            throw new StoreException($"read the certificate {file}: {e.Message}", e);
        }
    }

    private X509ChainPolicy Trust(string file)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.ImportFromPemFile(file);
        _certificates.AddRange(policy.CustomTrustStore);
        return policy.CustomTrustStore.Count > 0 ? policy : throw new CryptographicException("it has no certificate in it");
    }

    private SslStreamCertificateContext Own(string file, string keyFile)
    {
        X509Certificate2 own = X509Certificate2.CreateFromPemFile(file, keyFile);
        _certificates.Add(own);
        var between = new X509Certificate2Collection();
        between.ImportFromPemFile(file);
        _certificates.AddRange(between);
        between.RemoveAt(0);
        return SslStreamCertificateContext.Create(own, between, offline: true);
    }
}
