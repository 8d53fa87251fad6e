// SPDX-License-Identifier: Apache-2.0

using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Weir.Control;
using Weir.Linux;

namespace Weir.Agent.Peers;

/// <summary>The key by which other nodes know this one, and a certificate of it that nobody else signed: whose it is, the shared
/// store says.</summary>
internal sealed class PeerIdentity : IDisposable
{
    private const string FileName = "peer.pem";

    /// <summary>Only the hash is ever asked for; clocks may be wrong.</summary>
    private static readonly DateTimeOffset _from = new(2020, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset _until = new(2120, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private PeerIdentity(X509Certificate2 certificate) => Certificate = certificate;

    internal X509Certificate2 Certificate { get; }

    /// <summary>What a node's record says of its certificate.</summary>
    internal string Hash => HashOf(Certificate);

    internal static string HashOf(X509Certificate certificate) => Convert.ToHexStringLower(SHA256.HashData(certificate.GetRawCertData()));

    /// <summary>Takes what an agent before this one made, or makes it.</summary>
    /// <param name="folder">For nobody but root.</param>
    internal static PeerIdentity Open(string folder)
    {
        string file = Path.Combine(folder, FileName);
        if (!File.Exists(file))
        {
            Keep(file);
        }

        try
        {
            string text = File.ReadAllText(file);
            return new PeerIdentity(X509Certificate2.CreateFromPem(text, text));
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw new ControlException($"{file} cannot be used as this node's key: {e.Message}; remove it and restart the agent, which makes another");
        }
    }

    /// <summary>A key that nobody keeps.</summary>
    internal static PeerIdentity Make()
    {
        string text = Pem();
        return new PeerIdentity(X509Certificate2.CreateFromPem(text, text));
    }

    public void Dispose() => Certificate.Dispose();

    /// <summary>There whole, or not at all.</summary>
    private static void Keep(string file)
    {
        string part = file + ".new";
        File.Delete(part);
        using (CreationMask.OwnerOnly())
        {
            File.WriteAllText(part, Pem());
        }

        File.Move(part, file, overwrite: true);
    }

    private static string Pem()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=weir node", key, HashAlgorithmName.SHA256);
        using X509Certificate2 certificate = request.CreateSelfSigned(_from, _until);
        return certificate.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem() + "\n";
    }
}
