// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using Weir.Net;
using Weir.Services.Reading;

namespace Weir.Services;

/// <summary>Where a backend listens; the protocol is its frontend's.</summary>
public sealed record BackendAddress(IPAddress Address, ushort Port) : IComparable<BackendAddress>
{
    internal const string Example = "10.11.0.5:8080 or [2001:db8::5]:8080";

    /// <summary>Whether the family is IPv6.</summary>
    public bool IsIpv6 => Address.AddressFamily == AddressFamily.InterNetworkV6;

    /// <summary>Reads "10.11.0.5:8080" or "[2001:db8::5]:8080".</summary>
    /// <exception cref="FormatException">The text is no address with a port; the message says why.</exception>
    public static BackendAddress Parse(string text) =>
        TryParse(text, out var backend, out var error) ? backend : throw new FormatException(error);

    /// <summary>As <see cref="Parse"/>, without an exception.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out BackendAddress? backend, out string error)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (!AddressAndPort.TryRead(text, out var address, out var port, out var fault))
        {
            backend = null;
            error = $"{Quoted.Of(text)}: {fault}; write for example {Example}";
            return false;
        }

        backend = new BackendAddress(address, port);
        error = "";
        return true;
    }

    /// <summary>IPv4 before IPv6, then by address and port.</summary>
    public int CompareTo(BackendAddress? other)
    {
        if (other is null)
        {
            return 1;
        }

        var order = IpPrefix.Compare(Address, other.Address);
        return order != 0 ? order : Port.CompareTo(other.Port);
    }

    public static bool operator <(BackendAddress left, BackendAddress right) => left.CompareTo(right) < 0;

    public static bool operator >(BackendAddress left, BackendAddress right) => left.CompareTo(right) > 0;

    public static bool operator <=(BackendAddress left, BackendAddress right) => left.CompareTo(right) <= 0;

    public static bool operator >=(BackendAddress left, BackendAddress right) => left.CompareTo(right) >= 0;

    /// <summary>"10.11.0.5:8080", "[2001:db8::5]:8080".</summary>
    public override string ToString() => new IPEndPoint(Address, Port).ToString();
}
