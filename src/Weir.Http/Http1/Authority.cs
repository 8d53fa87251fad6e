// SPDX-License-Identifier: Apache-2.0
using System.Text;

namespace Weir.Http.Http1;

/// <summary>Names of servers with or without port, as targets and Host say them.</summary>
internal static class Authority
{
    /// <summary>The port that a target means where it names none (RFC 9110 §4.2); a tunnel without one is for TLS.</summary>
    internal static int PortOf(ReadOnlySpan<byte> method, ReadOnlySpan<byte> target) =>
        method.SequenceEqual("CONNECT"u8) || Ascii.EqualsIgnoreCase(target[..Math.Min(8, target.Length)], "https://"u8) ? 443 : 80;

    /// <summary>Whether two names are one, in any case, the port left out where it is the usual one: Java's and Python's
    /// clients write "Host: api" beside "http://api:80/".</summary>
    internal static bool AreSame(ReadOnlySpan<byte> one, ReadOnlySpan<byte> other, int usual)
    {
        if (Ascii.EqualsIgnoreCase(one, other))
        {
            return true;
        }

        var (first, second) = (NameLength(one), NameLength(other));
        return Ascii.EqualsIgnoreCase(one[..first], other[..second]) && Port(one[first..], usual) is var port and >= 0 && port == Port(other[second..], usual);
    }

    /// <summary>Up to the colon before the port; an address of IPv6 has others, in brackets.</summary>
    private static int NameLength(ReadOnlySpan<byte> authority)
    {
        var colon = authority.LastIndexOf((byte)':');
        return colon < 0 || authority[colon..].Contains((byte)']') ? authority.Length : colon;
    }

    /// <returns>-1: it is none.</returns>
    private static long Port(ReadOnlySpan<byte> text, int usual) => text.IsEmpty ? usual : Bytes.Number(text[1..]) ?? -1;
}
