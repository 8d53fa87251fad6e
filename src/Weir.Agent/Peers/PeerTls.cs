// SPDX-License-Identifier: Apache-2.0

using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace Weir.Agent.Peers;

/// <summary>How two agents make sure of one another: each shows its certificate, and takes exactly the one that it expects.
/// Names, dates and who signed it say nothing.</summary>
internal static class PeerTls
{
    internal static SslServerAuthenticationOptions Server(X509Certificate2 own, Predicate<string> isExpected) => new()
    {
        ServerCertificateContext = Context(own),
        ClientCertificateRequired = true,
        EnabledSslProtocols = SslProtocols.Tls13,
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        RemoteCertificateValidationCallback = Check(isExpected),
        AllowRenegotiation = false,
        AllowTlsResume = false, // each connection shows who it is
    };

    internal static SslClientAuthenticationOptions Client(X509Certificate2 own, string expected) => new()
    {
        TargetHost = "weir",
        ClientCertificateContext = Context(own),
        EnabledSslProtocols = SslProtocols.Tls13,
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        RemoteCertificateValidationCallback = Check(hash => hash == expected),
        AllowTlsResume = false,
    };

    private static SslStreamCertificateContext Context(X509Certificate2 own) => SslStreamCertificateContext.Create(own, null, offline: true);

    private static RemoteCertificateValidationCallback Check(Predicate<string> isExpected) =>
        (_, certificate, _, _) => certificate is not null && isExpected(PeerIdentity.HashOf(certificate));
}
