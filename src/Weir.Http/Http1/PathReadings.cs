// SPDX-License-Identifier: Apache-2.0
using System.Buffers;

namespace Weir.Http.Http1;

/// <summary>
/// What servers may make of a path: they decode what needs no escape, once or again, take "%2f" and "%5c" for slashes,
/// several slashes for one, resolve dot segments, or take full-width characters for those of ASCII, in any order. What
/// rules allow they must allow in every reading.
/// </summary>
public static class PathReadings
{
    private const int Most = 16;
    private static readonly Reading[] _all = [Decode, Merge, Resolve, Narrow];

    /// <summary>Writes a path otherwise.</summary>
    /// <returns>Its length; -1: it stays as it is.</returns>
    private delegate int Reading(ReadOnlySpan<byte> path, Span<byte> output);

    /// <summary>Whether there can be a reading other than the path itself.</summary>
    public static bool MayDiffer(ReadOnlySpan<byte> path)
    {
        path = path[..EndOf(path)];
        return path.Contains((byte)'%') || path.IndexOf("//"u8) >= 0 || path.IndexOf("/."u8) >= 0 || path.ContainsAnyInRange<byte>(0x80, 0xff);
    }

    /// <summary>The readings other than the path itself, with its query behind each.</summary>
    /// <returns>Null: there are too many to be honest.</returns>
    public static IReadOnlyList<byte[]>? Of(ReadOnlySpan<byte> path)
    {
        var end = EndOf(path);
        var plain = path[..end];
        var query = path[end..];
        List<byte[]>? readings = null; // mostly there is none
        var buffer = ArrayPool<byte>.Shared.Rent(Math.Max(1, end));
        try
        {
            for (var next = -1; next < (readings?.Count ?? 0); next++)
            {
                var from = next < 0 ? plain : readings![next].AsSpan(0, readings[next].Length - query.Length);
                foreach (var reading in _all)
                {
                    var length = reading(from, buffer);
                    if (length < 0 || IsKnown(buffer.AsSpan(0, length), plain, readings, query.Length))
                    {
                        continue;
                    }

                    readings ??= [];
                    if (readings.Count == Most)
                    {
                        return null;
                    }

                    readings.Add([.. buffer.AsSpan(0, length), .. query]);
                }
            }

            return readings ?? (IReadOnlyList<byte[]>)[];
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static int EndOf(ReadOnlySpan<byte> path) => path.IndexOf((byte)'?') is var query and >= 0 ? query : path.Length;

    private static bool IsKnown(ReadOnlySpan<byte> reading, ReadOnlySpan<byte> plain, List<byte[]>? readings, int query)
    {
        if (reading.SequenceEqual(plain))
        {
            return true;
        }

        for (var i = 0; i < (readings?.Count ?? 0); i++)
        {
            if (reading.SequenceEqual(readings![i].AsSpan(0, readings[i].Length - query)))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>One round. What has a meaning of its own in a target stays escaped; a percent sign does if no escape stands behind it.</summary>
    private static int Decode(ReadOnlySpan<byte> path, Span<byte> output)
    {
        var length = 0;
        for (var i = 0; i < path.Length; i++)
        {
            var value = path[i];
            if (value == '%' && Bytes.Escaped(path, i) is var decoded and >= 0
                && (IsReadAlike((byte)decoded) || (decoded == '%' && i + 4 < path.Length && IsHex(path[i + 3]) && IsHex(path[i + 4]))))
            {
                value = ToSlash((byte)decoded);
                i += 2;
            }

            output[length++] = value;
        }

        return length == path.Length ? -1 : length;
    }

    /// <summary>Several slashes are one.</summary>
    private static int Merge(ReadOnlySpan<byte> path, Span<byte> output)
    {
        if (path.IndexOf("//"u8) < 0)
        {
            return -1;
        }

        var length = 0;
        foreach (var value in path)
        {
            if (value != '/' || length == 0 || output[length - 1] != '/')
            {
                output[length++] = value;
            }
        }

        return length;
    }

    /// <summary>RFC 3986 §5.2.4.</summary>
    private static int Resolve(ReadOnlySpan<byte> path, Span<byte> output)
    {
        if (path.IndexOf("/."u8) < 0)
        {
            return -1;
        }

        var length = 0;
        for (var start = 0; start < path.Length;)
        {
            // Each piece is a slash and what is before the next one.
            var next = path[(start + 1)..].IndexOf((byte)'/');
            var piece = next < 0 ? path[start..] : path.Slice(start, next + 1);
            start += piece.Length;
            var isDot = piece.SequenceEqual("/."u8);
            if (!isDot && !piece.SequenceEqual("/.."u8))
            {
                piece.CopyTo(output[length..]);
                length += piece.Length;
                continue;
            }

            length = isDot ? length : Math.Max(0, output[..length].LastIndexOf((byte)'/'));
            if (next < 0)
            {
                output[length++] = (byte)'/';
            }
        }

        return length;
    }

    /// <summary>The full-width forms U+FF01 to U+FF5E, escaped or not, and other dots and slashes that some map to ASCII.</summary>
    private static int Narrow(ReadOnlySpan<byte> path, Span<byte> output)
    {
        var length = 0;
        for (var i = 0; i < path.Length;)
        {
            var (first, at) = Unit(path, i);
            if (first is 0xe2 or 0xef && at < path.Length)
            {
                var (second, behind) = Unit(path, at);
                var (third, end) = behind < path.Length ? Unit(path, behind) : (-1, behind);
                var code = third < 0 ? 0 : ((first & 0xf) << 12) | ((second & 0x3f) << 6) | (third & 0x3f);
                if (ToAscii(code) is var narrow and > 0 && IsReadAlike((byte)narrow))
                {
                    output[length++] = ToSlash((byte)narrow);
                    if (code == 0x2025)
                    {
                        output[length++] = (byte)'.';
                    }

                    i = end;
                    continue;
                }
            }

            path[i..at].CopyTo(output[length..]);
            length += at - i;
            i = at;
        }

        return length == path.Length ? -1 : length;
    }

    private static int ToAscii(int code) => code switch
    {
        >= 0xff01 and <= 0xff5e => code - 0xfee0,
        0x2024 or 0x2025 or 0xfe52 => '.',
        0x2044 or 0x2215 => '/',
        0xfe68 => '\\',
        _ => 0,
    };

    /// <summary>A byte, escaped or not, and where the next begins.</summary>
    private static (int Value, int End) Unit(ReadOnlySpan<byte> path, int at) =>
        path[at] == '%' && Bytes.Escaped(path, at) is var decoded and >= 0 ? (decoded, at + 3) : (path[at], at + 1);

    private static bool IsHex(byte value) => Bytes.HexDigit(value) >= 0;

    private static byte ToSlash(byte value) => value == '\\' ? (byte)'/' : value;

    private static bool IsReadAlike(byte value) =>
        value is (byte)'/' or (byte)'\\' or (byte)'-' or (byte)'.' or (byte)'_' or (byte)'~' || char.IsAsciiLetterOrDigit((char)value);
}
