// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using System.Globalization;
using System.Text;

namespace Weir.Http.Http1;

/// <summary>The characters of HTTP (RFC 9110 §5.6.2, RFC 9112 §2).</summary>
internal static class Bytes
{
    /// <summary>tchar.</summary>
    internal static readonly SearchValues<byte> Token =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"u8);

    /// <summary>What a request target may be made of: all that is visible, in whatever coding, but "#", behind which
    /// some servers see no part of the target.</summary>
    internal static readonly SearchValues<byte> Target = SearchValues.Create(
        [.. Enumerable.Range(0x21, 0xff - 0x20).Where(value => value is not '#' and not 0x7f).Select(value => (byte)value)]);

    /// <summary>What a host with or without port is made of.</summary>
    internal static readonly SearchValues<byte> Host =
        SearchValues.Create("!$&'()*+,-.0123456789:;=ABCDEFGHIJKLMNOPQRSTUVWXYZ[]_abcdefghijklmnopqrstuvwxyz~"u8);

    /// <summary>What no header value may have: controls other than the tab.</summary>
    internal static readonly SearchValues<byte> Control = SearchValues.Create(
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 127]);

    internal static bool IsToken(ReadOnlySpan<byte> text) => !text.IsEmpty && !text.ContainsAnyExcept(Token);

    internal static ReadOnlySpan<byte> Trim(ReadOnlySpan<byte> text) => text.Trim(" \t"u8);

    /// <summary>A number of plain digits that fits; null: it is none.</summary>
    internal static long? Number(ReadOnlySpan<byte> text)
    {
        const int MostDigits = 18;
        if (text.IsEmpty || text.Length > MostDigits)
        {
            return null;
        }

        long value = 0;
        foreach (var digit in text)
        {
            if (digit is < (byte)'0' or > (byte)'9')
            {
                return null;
            }

            value = (value * 10) + (digit - '0');
        }

        return value;
    }

    /// <summary>For people: in quotation marks, what is not visible as escapes, and not too much of it.</summary>
    internal static string Quote(ReadOnlySpan<byte> text)
    {
        const int Most = 80;
        var quoted = new StringBuilder("\"");
        foreach (var value in text[..Math.Min(text.Length, Most)])
        {
            _ = value is >= 0x20 and < 0x7f ? quoted.Append((char)value) : quoted.Append(CultureInfo.InvariantCulture, $"\\x{value:x2}");
        }

        return quoted.Append(text.Length > Most ? "…\"" : "\"").ToString();
    }

    /// <summary>The byte that an escape stands for; -1: there is none.</summary>
    internal static int Escaped(ReadOnlySpan<byte> text, int at)
    {
        if (at + 2 >= text.Length)
        {
            return -1;
        }

        var (high, low) = (HexDigit(text[at + 1]), HexDigit(text[at + 2]));
        return high < 0 || low < 0 ? -1 : (high << 4) | low;
    }

    internal static int HexDigit(byte value) => value switch
    {
        >= (byte)'0' and <= (byte)'9' => value - '0',
        >= (byte)'a' and <= (byte)'f' => value - 'a' + 10,
        >= (byte)'A' and <= (byte)'F' => value - 'A' + 10,
        _ => -1,
    };
}
