// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Weir.Agent.Hubble;

/// <summary>Where Hubble's clients reach the agent, and who may ask there.</summary>
internal sealed record HubbleOptions
{
    /// <summary>Null: beside the agent's own; empty: none.</summary>
    internal string? Socket { get; init; }

    /// <summary>Null: not by TCP.</summary>
    internal IPEndPoint? Address { get; init; }

    internal string? CertFile { get; init; }

    internal string? KeyFile { get; init; }

    /// <summary>Who asks shows a certificate of one of these; null: nothing.</summary>
    internal string? ClientCaFile { get; init; }

    /// <summary>What is wrong with them together.</summary>
    internal IEnumerable<string> Problems()
    {
        if (Address is null)
        {
            yield break;
        }

        if ((CertFile is null) != (KeyFile is null))
        {
            yield return "hubble-cert, hubble-key: one needs the other";
        }
        else if (CertFile is not null && WhyUnreadable(() => Certificate()?.Dispose()) is { } why)
        {
            yield return $"hubble-cert: {CertFile} and {KeyFile} are no certificate with its key: {why}";
        }

        if (ClientCaFile is not null && CertFile is null)
        {
            yield return "hubble-client-ca: needs hubble-cert and hubble-key: certificates are shown in TLS";
        }
        else if (ClientCaFile is not null && WhyUnreadable(() => ClientAuthorities()) is { } unreadable)
        {
            yield return $"hubble-client-ca: {ClientCaFile} holds no certificates: {unreadable}";
        }

        if (!IPAddress.IsLoopback(Address.Address) && (CertFile is null || ClientCaFile is null))
        {
            yield return $"hubble-address: {Address} is reached from other hosts: set hubble-cert, hubble-key and hubble-client-ca, or write 127.0.0.1:{Address.Port}";
        }
    }

    /// <summary>Null: what is said there is not encrypted.</summary>
    /// <exception cref="CryptographicException">The files hold none.</exception>
    internal X509Certificate2? Certificate() => CertFile is null ? null : X509Certificate2.CreateFromPemFile(CertFile, KeyFile);

    /// <exception cref="CryptographicException">The file holds none.</exception>
    internal X509Certificate2Collection ClientAuthorities()
    {
        var authorities = new X509Certificate2Collection();
        authorities.ImportFromPemFile(ClientCaFile!);
        return authorities.Count > 0 ? authorities : throw new CryptographicException("there is none in it");
    }

    private static string? WhyUnreadable(Action read)
    {
        try
        {
            read();
            return null;
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            return e.Message;
        }
    }
}
