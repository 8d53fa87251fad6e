// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Http2;

/// <summary>The code of RFC 7541, Appendix B. It is canonical: codes of one length follow one another in the order
/// of their symbols, so that the lengths say everything.</summary>
internal static class Huffman
{
    private const int EndOfString = 256;
    private const int ShortestCode = 5;
    private const int LongestCode = 30;

    private static readonly byte[] _lengths =
    [
        13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
        28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
        5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7,
        7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
        15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7,
        7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
        24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21,
        23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
        26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24,
        21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
        26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
    ];

    /// <summary>Bits of each symbol's code.</summary>
    internal static ReadOnlySpan<byte> Lengths => _lengths;

    private static readonly short[] _symbols = [.. Enumerable.Range(0, _lengths.Length).OrderBy(symbol => _lengths[symbol]).ThenBy(symbol => symbol).Select(symbol => (short)symbol)];
    private static readonly (int First, int Count, int Index)[] _ranges = MakeRanges();

    // By the next eight bits: the symbol in the upper half, the length of its code in the lower; 0: it is longer.
    private static readonly ushort[] _short = MakeShort();

    /// <returns>Bytes written; -1: it is no text in this code, or does not fit.</returns>
    public static int Decode(ReadOnlySpan<byte> coded, Span<byte> output)
    {
        var (window, have, written) = (0UL, 0, 0);
        while (true)
        {
            while (have <= 32 && !coded.IsEmpty)
            {
                window = (window << 8) | coded[0];
                coded = coded[1..];
                have += 8;
            }

            if (have == 0)
            {
                return written;
            }

            // The next 32 bits; behind the end ones, as padding has to be.
            var next = have >= 32 ? (uint)(window >> (have - 32)) : (uint)(window << (32 - have)) | ((1u << (32 - have)) - 1);
            var (symbol, length) = Find(next);
            if (length > have)
            {
                // What is left is padding: fewer than eight ones (§5.2).
                return have < 8 && next == uint.MaxValue ? written : -1;
            }

            if (symbol == EndOfString || written == output.Length)
            {
                return -1;
            }

            output[written++] = (byte)symbol;
            have -= length;
        }
    }

    private static (int Symbol, int Length) Find(uint next)
    {
        var entry = _short[next >> 24];
        if (entry != 0)
        {
            return (entry >> 8, entry & 0xFF);
        }

        for (var length = 9; ; length++)
        {
            var (first, count, index) = _ranges[length];
            var code = (int)(next >> (32 - length)) - first;
            if (code >= 0 && code < count)
            {
                return (_symbols[index + code], length); // the last code is all ones: one is always found
            }
        }
    }

    private static ushort[] MakeShort()
    {
        var table = new ushort[256];
        for (var length = ShortestCode; length <= 8; length++)
        {
            var (first, count, index) = _ranges[length];
            for (var i = 0; i < count; i++)
            {
                Array.Fill(table, (ushort)((_symbols[index + i] << 8) | length), (first + i) << (8 - length), 1 << (8 - length));
            }
        }

        return table;
    }

    private static (int First, int Count, int Index)[] MakeRanges()
    {
        var ranges = new (int, int, int)[LongestCode + 1];
        var (code, index) = (0, 0);
        for (var length = 1; length <= LongestCode; length++)
        {
            code <<= 1;
            var count = _lengths.Count(own => own == length);
            ranges[length] = (code, count, index);
            code += count;
            index += count;
        }

        return ranges;
    }
}
