// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Weir.Agent;

/// <summary>Where Prometheus finds the agent's metrics, and who may ask there.</summary>
internal sealed record MetricsOptions
{
    /// <summary>Null: nowhere.</summary>
    internal IPEndPoint? Address { get; init; }

    internal string? CertFile { get; init; }

    internal string? KeyFile { get; init; }

    /// <summary>Whoever asks has to say it ("Authorization: Bearer ..."); null: nothing.</summary>
    internal string? Token { get; init; }

    /// <summary>What is wrong with them together.</summary>
    internal IEnumerable<string> Problems()
    {
        if (Address is null)
        {
            yield break;
        }

        if ((CertFile is null) != (KeyFile is null))
        {
            yield return "metrics-cert, metrics-key: one needs the other";
        }
        else if (CertFile is not null && WhyUnreadable() is { } why)
        {
            yield return $"metrics-cert: {CertFile} and {KeyFile} are no certificate with its key: {why}";
        }

        if (!IPAddress.IsLoopback(Address.Address) && (CertFile is null || Token is null))
        {
            yield return $"metrics-address: {Address} is reached from other hosts: set metrics-cert, metrics-key and metrics-token-file, or write 127.0.0.1:{Address.Port}";
        }
    }

    /// <summary>Null: what is said there is not encrypted.</summary>
    /// <exception cref="CryptographicException">The files hold none.</exception>
    internal X509Certificate2? Certificate() => CertFile is null ? null : X509Certificate2.CreateFromPemFile(CertFile, KeyFile);

    private string? WhyUnreadable()
    {
        try
        {
            using X509Certificate2? certificate = Certificate();
            return null;
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            return e.Message;
        }
    }
}
