// SPDX-License-Identifier: Apache-2.0
using System.Text;

namespace Weir.Http.Http2;

/// <summary>Writes header blocks (RFC 7541) without the dynamic table: the reader's stays as it is, so that blocks
/// can be left out and put in between.</summary>
public static class HpackEncoder
{
    private const byte Indexed = 0x80;
    private const byte Literal = 0x00;
    private const byte NeverIndexed = 0x10;
    private const int MostNumberBytes = 4;

    /// <summary>Bytes that a list needs at most.</summary>
    public static int Room(HeaderList headers)
    {
        ArgumentNullException.ThrowIfNull(headers);
        return headers.Bytes + (headers.Count * (1 + (2 * MostNumberBytes)));
    }

    /// <param name="output">Has the <see cref="Room"/>.</param>
    /// <returns>Bytes written.</returns>
    public static int Encode(HeaderList headers, Span<byte> output)
    {
        ArgumentNullException.ThrowIfNull(headers);
        var at = 0;
        for (var i = 0; i < headers.Count; i++)
        {
            int known = headers.StaticName(i);
            if (known != 0 && !headers.IsSecret(i) && headers.Value(i).SequenceEqual(HpackStaticTable.Entries[known - 1].Value) && headers.Value(i).Length > 0)
            {
                at += WriteNumber(output[at..], Indexed, 7, known);
                continue;
            }

            at += WriteNumber(output[at..], headers.IsSecret(i) ? NeverIndexed : Literal, 4, known);
            if (known == 0)
            {
                at += WriteText(output[at..], headers.Name(i));
            }

            at += WriteText(output[at..], headers.Value(i));
        }

        return at;
    }

    /// <summary>A few headers by name and value.</summary>
    public static byte[] Encode(params IEnumerable<(string Name, string Value)> headers)
    {
        ArgumentNullException.ThrowIfNull(headers);
        var list = new HeaderList(1024);
        foreach (var (name, value) in headers)
        {
            list.Add(Encoding.ASCII.GetBytes(name), Encoding.UTF8.GetBytes(value));
        }

        var output = new byte[Room(list)];
        return output[..Encode(list, output)];
    }

    /// <summary>A string without Huffman coding: its length, then its bytes (§5.2).</summary>
    private static int WriteText(Span<byte> output, ReadOnlySpan<byte> text)
    {
        var at = WriteNumber(output, 0, 7, text.Length);
        text.CopyTo(output[at..]);
        return at + text.Length;
    }

    /// <summary>§5.1.</summary>
    private static int WriteNumber(Span<byte> output, byte kind, int prefix, int number)
    {
        var mask = (1 << prefix) - 1;
        if (number < mask)
        {
            output[0] = (byte)(kind | number);
            return 1;
        }

        output[0] = (byte)(kind | mask);
        var at = 1;
        for (number -= mask; number >= 0x80; number >>= 7)
        {
            output[at++] = (byte)(number | 0x80);
        }

        output[at++] = (byte)number;
        return at;
    }
}
