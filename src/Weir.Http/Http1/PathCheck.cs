// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using System.Text;

namespace Weir.Http.Http1;

/// <summary>
/// What no honest client writes in a path, and some server reads as something else: dot segments in disguise, UTF-8
/// that is longer than it must be, ends of lines that could end a request, NUL. What has honest uses passes, to be
/// judged as <see cref="PathReadings"/> reads it.
/// </summary>
internal static class PathCheck
{
    private const int MostRounds = 8; // of escapes in escapes

    /// <param name="path">Without a query.</param>
    /// <param name="why">The fault, as the beginning of a sentence that ends with the target.</param>
    internal static RequestFault Check(ReadOnlySpan<byte> path, out string why)
    {
        if (path.Contains((byte)'\\'))
        {
            why = "a backslash in the path: ";
            return RequestFault.Target;
        }

        if (!path.Contains((byte)'%') && path.IndexOf("/."u8) < 0 && !path.ContainsAnyInRange<byte>(0x80, 0xff))
        {
            why = "";
            return RequestFault.None;
        }

        var rented = ArrayPool<byte>.Shared.Rent(path.Length);
        try
        {
            HidePlainDots(path, rented);
            return CheckDecoded(rented.AsSpan(0, path.Length), out why);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    /// <summary>"/./" and "/../" as they are mean one thing to all who resolve them, and are judged resolved as well.</summary>
    private static void HidePlainDots(ReadOnlySpan<byte> path, Span<byte> copy)
    {
        path.CopyTo(copy);
        for (var start = 0; start < path.Length;)
        {
            var length = path[start..].IndexOf((byte)'/');
            var segment = length < 0 ? path[start..] : path.Slice(start, length);
            if (IsDots(segment))
            {
                copy.Slice(start, segment.Length).Fill((byte)'x');
            }

            start += segment.Length + 1;
        }
    }

    private static RequestFault CheckDecoded(Span<byte> path, out string why)
    {
        for (var round = 0; ; round++)
        {
            var fault = CheckRound(path, round, out why);
            if (fault != RequestFault.None)
            {
                return fault;
            }

            var length = Decode(path, out var isBad);
            if (isBad && round == 0)
            {
                why = "an escape without two hexadecimal digits: ";
                return RequestFault.Target;
            }

            if (length == path.Length)
            {
                return RequestFault.None;
            }

            if (round == MostRounds)
            {
                why = "escapes within escapes: ";
                return RequestFault.Target;
            }

            path = path[..length];
        }
    }

    private static RequestFault CheckRound(ReadOnlySpan<byte> path, int round, out string why)
    {
        why = path.Contains((byte)0) ? "NUL in the path: "
            : round > 0 && EndsARequest(path) ? "an escaped end of a request: "
            : IsOverlong(path) ? "UTF-8 that is longer than it must be: "
            : "";
        if (why.Length > 0)
        {
            return RequestFault.Target;
        }

        why = HasDotSegment(path) ? "a dot segment in disguise: " : "";
        return why.Length > 0 ? RequestFault.DotSegment : RequestFault.None;
    }

    /// <summary>Decodes all escapes in place.</summary>
    /// <param name="isBad">There is an escape that is none, which stays.</param>
    /// <returns>The length.</returns>
    private static int Decode(Span<byte> path, out bool isBad)
    {
        var length = 0;
        isBad = false;
        for (var i = 0; i < path.Length; i++)
        {
            var value = path[i];
            if (value == '%')
            {
                var decoded = Bytes.Escaped(path, i);
                isBad |= decoded < 0;
                if (decoded >= 0)
                {
                    value = (byte)decoded;
                    i += 2;
                }
            }

            path[length++] = value;
        }

        return length;
    }

    /// <summary>Keys of object stores have ends of lines. A server that passes the decoded path on makes of them
    /// a second header or a second request only with these.</summary>
    private static bool EndsARequest(ReadOnlySpan<byte> path)
    {
        if (path.IndexOf("\r\n"u8) >= 0)
        {
            return true;
        }

        if (path.IndexOfAny((byte)'\r', (byte)'\n') < 0)
        {
            return false;
        }

        for (var i = 0; i + 5 <= path.Length; i++)
        {
            if (Ascii.EqualsIgnoreCase(path.Slice(i, 5), "http/"u8))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Careless decoders take "%c0%ae" for a dot (RFC 3629 §10).</summary>
    private static bool IsOverlong(ReadOnlySpan<byte> path)
    {
        for (var i = 0; i + 1 < path.Length; i++)
        {
            var next = path[i + 1];
            var isOverlong = path[i] switch
            {
                0xc0 or 0xc1 => next is >= 0x80 and < 0xc0,
                0xe0 => next is >= 0x80 and < 0xa0,
                0xf0 => next is >= 0x80 and < 0x90,
                0xf8 => next is >= 0x80 and < 0x88,
                0xfc => next is >= 0x80 and < 0x84,
                _ => false,
            };
            if (isOverlong)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether a segment is "." or "..", also between backslashes, with a parameter behind it ("..;x"), with what
    /// ends a path for one who parses it again ("..?"), or with blanks that Windows leaves out.</summary>
    private static bool HasDotSegment(ReadOnlySpan<byte> path)
    {
        while (!path.IsEmpty)
        {
            var end = path.IndexOfAny((byte)'/', (byte)'\\');
            var segment = end < 0 ? path : path[..end];
            var behind = segment.IndexOfAny((byte)';', (byte)'?', (byte)'#');
            segment = behind < 0 ? segment : segment[..behind];
            if (IsDots(segment.TrimEnd(" \t\r\n"u8)))
            {
                return true;
            }

            path = end < 0 ? default : path[(end + 1)..];
        }

        return false;
    }

    private static bool IsDots(ReadOnlySpan<byte> segment) => segment.SequenceEqual("."u8) || segment.SequenceEqual(".."u8);
}
