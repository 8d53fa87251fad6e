// SPDX-License-Identifier: Apache-2.0
using System.Text;

namespace Weir.Http.Http2;

/// <summary>Writes header blocks (RFC 7541) of literals alone: the reader's table stays as it is, so that blocks
/// can be left out and put in between.</summary>
public static class HpackEncoder
{
    private const byte Literal = 0x00;
    private const byte NeverIndexed = 0x10;

    public static byte[] Encode(HeaderList headers)
    {
        ArgumentNullException.ThrowIfNull(headers);
        var output = new List<byte>(256);
        for (var i = 0; i < headers.Count; i++)
        {
            output.Add(headers.IsSecret(i) ? NeverIndexed : Literal);
            Add(output, headers.Name(i));
            Add(output, headers.Value(i));
        }

        return [.. output];
    }

    /// <summary>A few headers by name and value.</summary>
    public static byte[] Encode(params IEnumerable<(string Name, string Value)> headers)
    {
        ArgumentNullException.ThrowIfNull(headers);
        var output = new List<byte>(128);
        foreach (var (name, value) in headers)
        {
            output.Add(Literal);
            Add(output, Encoding.ASCII.GetBytes(name));
            Add(output, Encoding.UTF8.GetBytes(value));
        }

        return [.. output];
    }

    /// <summary>A string without Huffman coding: its length in 7 bits and more (§5.1), then its bytes.</summary>
    private static void Add(List<byte> output, ReadOnlySpan<byte> text)
    {
        const int Prefix = 0x7F;
        if (text.Length < Prefix)
        {
            output.Add((byte)text.Length);
        }
        else
        {
            output.Add(Prefix);
            var rest = text.Length - Prefix;
            for (; rest >= 0x80; rest >>= 7)
            {
                output.Add((byte)(rest | 0x80));
            }

            output.Add((byte)rest);
        }

        output.AddRange(text);
    }
}
