// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Http.Http2;

namespace Weir.Http.Tests;

/// <summary>HPACK's code as a plain encoder writes it, from the lengths alone: it is canonical.</summary>
internal static class HuffmanCode
{
    private static readonly string[] _codes = MakeCodes();

    public static byte[] Encode(ReadOnlySpan<byte> text)
    {
        var bits = new StringBuilder();
        foreach (var value in text)
        {
            bits.Append(_codes[value]);
        }

        return ToBytes(bits.ToString());
    }

    private static string[] MakeCodes()
    {
        var lengths = Huffman.Lengths.ToArray();
        var codes = new string[lengths.Length];
        var (code, length) = (0L, 0);
        foreach (var symbol in Enumerable.Range(0, lengths.Length).OrderBy(symbol => lengths[symbol]).ThenBy(symbol => symbol))
        {
            code <<= lengths[symbol] - length;
            length = lengths[symbol];
            codes[symbol] = Convert.ToString(code++, 2).PadLeft(length, '0');
        }

        return codes;
    }

    private static byte[] ToBytes(string bits)
    {
        bits = bits.PadRight((bits.Length + 7) / 8 * 8, '1');
        return [.. Enumerable.Range(0, bits.Length / 8).Select(i => Convert.ToByte(bits.Substring(8 * i, 8), 2))];
    }
}
