// SPDX-License-Identifier: Apache-2.0
using System.Text;

namespace Weir.Http.Http1;

/// <summary>The forms of a request's target (RFC 9112 §3.2).</summary>
public static class RequestTarget
{
    /// <inheritdoc cref="Parse(ReadOnlySpan{byte}, ReadOnlySpan{byte}, out int, out ValueTuple{int, int}, out string)"/>
    public static RequestFault Parse(ReadOnlySpan<byte> method, ReadOnlySpan<byte> target, out int pathStart, out (int Start, int Length) authority) =>
        Parse(method, target, out pathStart, out authority, out _);

    /// <summary>Checks a target and finds its path.</summary>
    /// <param name="pathStart">Where the path begins; for a form without one the target as a whole is it.</param>
    /// <param name="authority">Where the host stands in the absolute and the authority form.</param>
    /// <param name="why">The fault, as the beginning of a sentence that ends with the target.</param>
    public static RequestFault Parse(
        ReadOnlySpan<byte> method, ReadOnlySpan<byte> target, out int pathStart, out (int Start, int Length) authority, out string why)
    {
        pathStart = 0;
        authority = default;
        why = "";
        if (target.ContainsAnyExcept(Bytes.Target))
        {
            why = "control characters, blanks or '#' in the target: ";
            return RequestFault.Target;
        }

        if (method.SequenceEqual("CONNECT"u8))
        {
            var isAuthority = !target.ContainsAnyExcept(Bytes.Host) && target.LastIndexOf((byte)':') is var colon and > 0 && Bytes.Number(target[(colon + 1)..]) is <= ushort.MaxValue;
            authority = (0, target.Length);
            why = isAuthority ? "" : "CONNECT wants a host and a port: ";
            return isAuthority ? RequestFault.None : RequestFault.Target;
        }

        if (target.SequenceEqual("*"u8))
        {
            why = "only OPTIONS asks for ";
            return method.SequenceEqual("OPTIONS"u8) ? RequestFault.None : RequestFault.Target;
        }

        if (target[0] != '/')
        {
            var scheme = Ascii.EqualsIgnoreCase(target[..Math.Min(7, target.Length)], "http://"u8) ? 7
                : Ascii.EqualsIgnoreCase(target[..Math.Min(8, target.Length)], "https://"u8) ? 8
                : 0;
            var slash = scheme == 0 ? -1 : target[scheme..].IndexOf((byte)'/');
            // Without a path servers disagree on what it is; with "@" on whose host it is.
            if (slash <= 0 || target.Slice(scheme, slash).ContainsAnyExcept(Bytes.Host))
            {
                why = "the target is no path and no URL of http with a plain host and a path: ";
                return RequestFault.Target;
            }

            authority = (scheme, slash);
            pathStart = scheme + slash;
        }

        var query = target[pathStart..].IndexOf((byte)'?');
        return PathCheck.Check(query < 0 ? target[pathStart..] : target.Slice(pathStart, query), out why);
    }
}
