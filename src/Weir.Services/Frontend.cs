// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using Weir.Net;
using Weir.Services.Reading;

namespace Weir.Services;

/// <summary>Where clients reach a service. The protocol is TCP or UDP.</summary>
public sealed record Frontend(IPAddress Address, ushort Port, IpProtocol Protocol) : IComparable<Frontend>
{
    internal const string Example = "203.0.113.10:80/tcp or [2001:db8::1]:53/udp";

    /// <summary>Whether the family is IPv6.</summary>
    public bool IsIpv6 => Address.AddressFamily == AddressFamily.InterNetworkV6;

    /// <summary>Reads "203.0.113.10:80/tcp" or "[2001:db8::1]:53/udp"; without a protocol it is TCP.</summary>
    /// <exception cref="FormatException">The text is no frontend; the message says why.</exception>
    public static Frontend Parse(string text) =>
        TryParse(text, out var frontend, out var error) ? frontend : throw new FormatException(error);

    /// <summary>As <see cref="Parse"/>, without an exception.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out Frontend? frontend, out string error)
    {
        ArgumentNullException.ThrowIfNull(text);
        frontend = null;
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        var protocol = IpProtocol.Tcp;
        error = "";
        if (slash >= 0 && !TryParseProtocol(text[(slash + 1)..], out protocol))
        {
            error = $"{Quoted.Of(text)}: the protocol is tcp or udp, not {Quoted.Of(text[(slash + 1)..])}; write for example {Example}";
            return false;
        }

        if (!AddressAndPort.TryRead(slash < 0 ? text : text[..slash], out var address, out var port, out var fault))
        {
            error = $"{Quoted.Of(text)}: {fault}; write for example {Example}";
            return false;
        }

        frontend = new Frontend(address, port, protocol);
        return true;
    }

    /// <summary>IPv4 before IPv6, then by address, port and protocol.</summary>
    public int CompareTo(Frontend? other)
    {
        if (other is null)
        {
            return 1;
        }

        var order = IpPrefix.Compare(Address, other.Address);
        order = order != 0 ? order : Port.CompareTo(other.Port);
        return order != 0 ? order : Protocol.CompareTo(other.Protocol);
    }

    public static bool operator <(Frontend left, Frontend right) => left.CompareTo(right) < 0;

    public static bool operator >(Frontend left, Frontend right) => left.CompareTo(right) > 0;

    public static bool operator <=(Frontend left, Frontend right) => left.CompareTo(right) <= 0;

    public static bool operator >=(Frontend left, Frontend right) => left.CompareTo(right) >= 0;

    /// <summary>"203.0.113.10:80/tcp", "[2001:db8::1]:53/udp".</summary>
    public override string ToString() => $"{new IPEndPoint(Address, Port)}/{Protocol.Name()}";

    private static bool TryParseProtocol(string text, out IpProtocol protocol)
    {
        protocol = text.Equals("udp", StringComparison.OrdinalIgnoreCase) ? IpProtocol.Udp : IpProtocol.Tcp;
        return protocol == IpProtocol.Udp || text.Equals("tcp", StringComparison.OrdinalIgnoreCase);
    }
}
