// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Weir.Store.Etcd.Tests.Running;

/// <summary>A signer of certificates, and the files of what it signed.</summary>
internal sealed class TestCertificates : IDisposable
{
    private readonly X509Certificate2 _signer;
    private readonly string _folder;
    private readonly string _name;

    internal static TestCertificates Make(string folder, string name) => new(folder, name);

    private TestCertificates(string folder, string name)
    {
        (_folder, _name) = (folder, name);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        _signer = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(30));
        File.WriteAllText(CaFile, _signer.ExportCertificatePem());
    }

    internal string CaFile => Path.Combine(_folder, $"{_name}.pem");

    /// <summary>Signs one for a server at an address, or for a client.</summary>
    internal (string CertFile, string KeyFile) Sign(string name, string? address = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1"), new Oid("1.3.6.1.5.5.7.3.2")], false));
        if (address is not null)
        {
            var names = new SubjectAlternativeNameBuilder();
            names.AddIpAddress(IPAddress.Parse(address));
            request.CertificateExtensions.Add(names.Build());
        }

        using X509Certificate2 signed = request.Create(_signer, DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(20), RandomNumberGenerator.GetBytes(8));
        (string cert, string keyFile) = (Path.Combine(_folder, $"{_name}-{name}.pem"), Path.Combine(_folder, $"{_name}-{name}.key"));
        File.WriteAllText(cert, signed.ExportCertificatePem());
        File.WriteAllText(keyFile, key.ExportPkcs8PrivateKeyPem());
        return (cert, keyFile);
    }

    public void Dispose() => _signer.Dispose();
}
