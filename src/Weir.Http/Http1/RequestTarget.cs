// SPDX-License-Identifier: Apache-2.0
using System.Text;

namespace Weir.Http.Http1;

/// <summary>The forms of a request's target (RFC 9112 §3.2), and what a server may make of it.</summary>
public static class RequestTarget
{
    private const int MostRounds = 3; // a server that decodes more often than this has other problems

    /// <summary>Checks a target and finds its path.</summary>
    /// <param name="pathStart">Where the path begins; for a form without one the target as a whole is it.</param>
    /// <param name="authority">Where the host stands in the absolute and the authority form.</param>
    public static RequestFault Parse(ReadOnlySpan<byte> method, ReadOnlySpan<byte> target, out int pathStart, out (int Start, int Length) authority)
    {
        pathStart = 0;
        authority = default;
        if (target.ContainsAnyExcept(Bytes.Target))
        {
            return RequestFault.Target;
        }

        if (method.SequenceEqual("CONNECT"u8))
        {
            var isAuthority = !target.ContainsAnyExcept(Bytes.Host) && target.LastIndexOf((byte)':') is var colon and > 0 && Bytes.Number(target[(colon + 1)..]) is <= ushort.MaxValue;
            authority = (0, target.Length);
            return isAuthority ? RequestFault.None : RequestFault.Target;
        }

        if (target.SequenceEqual("*"u8))
        {
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
                return RequestFault.Target;
            }

            authority = (scheme, slash);
            pathStart = scheme + slash;
        }

        return CheckPath(target[pathStart..]);
    }

    /// <summary>
    /// The path as a server may read it that decodes what needs no escape, takes "%2f" and "%5c" for slashes
    /// and several slashes for one: what rules allow they must allow in both readings.
    /// </summary>
    /// <returns>False: there is no second reading.</returns>
    public static bool TryReadOtherwise(ReadOnlySpan<byte> path, Span<byte> buffer, out int length)
    {
        length = 0;
        var query = path.IndexOf((byte)'?');
        var end = query < 0 ? path.Length : query;
        if (path[..end].IndexOf((byte)'%') < 0 && path[..end].IndexOf("//"u8) < 0)
        {
            return false;
        }

        var changed = false;
        for (var i = 0; i < end; i++)
        {
            var value = path[i];
            if (value == '%' && Decoded(path, i) is var decoded and >= 0 && IsReadOtherwise((byte)decoded))
            {
                value = decoded == '\\' ? (byte)'/' : (byte)decoded;
                i += 2;
                changed = true;
            }

            if (value == '/' && length > 0 && buffer[length - 1] == '/')
            {
                changed = true;
                continue;
            }

            buffer[length++] = value;
        }

        path[end..].CopyTo(buffer[length..]);
        length += path.Length - end;
        return changed;
    }

    private static bool IsReadOtherwise(byte value) =>
        value is (byte)'/' or (byte)'\\' or (byte)'-' or (byte)'.' or (byte)'_' or (byte)'~' || char.IsAsciiLetterOrDigit((char)value);

    private static RequestFault CheckPath(ReadOnlySpan<byte> path)
    {
        var query = path.IndexOf((byte)'?');
        path = query < 0 ? path : path[..query];
        if (path.IndexOf((byte)'%') < 0)
        {
            return path.IndexOf("/."u8) >= 0 && HasDotSegment(path) ? RequestFault.DotSegment : RequestFault.None;
        }

        var rented = System.Buffers.ArrayPool<byte>.Shared.Rent(path.Length);
        try
        {
            path.CopyTo(rented);
            return CheckDecoded(rented.AsSpan(0, path.Length));
        }
        finally
        {
            System.Buffers.ArrayPool<byte>.Shared.Return(rented);
        }
    }

    private static RequestFault CheckDecoded(Span<byte> path)
    {
        for (var round = 0; round < MostRounds; round++)
        {
            var length = 0;
            var changed = false;
            for (var i = 0; i < path.Length; i++)
            {
                var value = path[i];
                if (value == '%')
                {
                    var decoded = Decoded(path, i);
                    if (decoded < 0 && round == 0)
                    {
                        return RequestFault.Target;
                    }

                    if (decoded is >= 0 and < 0x20 or 0x7f)
                    {
                        return RequestFault.Target;
                    }

                    if (decoded >= 0)
                    {
                        value = (byte)decoded;
                        i += 2;
                        changed = true;
                    }
                }

                path[length++] = value;
            }

            path = path[..length];
            if (HasDotSegment(path))
            {
                return RequestFault.DotSegment;
            }

            if (!changed)
            {
                break;
            }
        }

        return RequestFault.None;
    }

    /// <summary>Whether a segment is "." or "..", also with a parameter behind it ("..;x") or between backslashes.</summary>
    private static bool HasDotSegment(ReadOnlySpan<byte> path)
    {
        while (!path.IsEmpty)
        {
            var end = path.IndexOfAny((byte)'/', (byte)'\\');
            var segment = end < 0 ? path : path[..end];
            var parameter = segment.IndexOf((byte)';');
            segment = parameter < 0 ? segment : segment[..parameter];
            if (segment.SequenceEqual("."u8) || segment.SequenceEqual(".."u8))
            {
                return true;
            }

            path = end < 0 ? default : path[(end + 1)..];
        }

        return false;
    }

    private static int Decoded(ReadOnlySpan<byte> text, int at)
    {
        if (at + 2 >= text.Length)
        {
            return -1;
        }

        var (high, low) = (Bytes.HexDigit(text[at + 1]), Bytes.HexDigit(text[at + 2]));
        return high < 0 || low < 0 ? -1 : (high << 4) | low;
    }
}
