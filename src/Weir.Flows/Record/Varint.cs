// SPDX-License-Identifier: Apache-2.0

using System.Buffers;

namespace Weir.Flows;

/// <summary>Numbers in as few bytes as they need, seven bits in each, the lowest first.</summary>
internal static class Varint
{
    internal static void Write(ArrayBufferWriter<byte> to, ulong number)
    {
        const int Longest = 10;
        Span<byte> bytes = to.GetSpan(Longest);
        int length = 0;
        for (; number > 0x7f; number >>= 7)
        {
            bytes[length++] = (byte)(number | 0x80);
        }

        bytes[length++] = (byte)number;
        to.Advance(length);
    }

    /// <summary>One that may be negative, and is short where it is near zero.</summary>
    internal static void WriteSigned(ArrayBufferWriter<byte> to, long number) => Write(to, (ulong)((number << 1) ^ (number >> 63)));
}

/// <summary>Reads what <see cref="Varint"/> wrote.</summary>
/// <exception cref="InvalidDataException">There are fewer bytes than there must be.</exception>
internal ref struct VarintReader(ReadOnlySpan<byte> bytes)
{
    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private int _at;

    internal readonly bool IsAtEnd => _at == _bytes.Length;

    /// <summary>Where the next is.</summary>
    internal readonly int At => _at;

    internal ulong Read()
    {
        ulong number = 0;
        for (int shift = 0; _at < _bytes.Length && shift < 64; shift += 7)
        {
            byte next = _bytes[_at++];
            number |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
            {
                return number;
            }
        }

        throw new InvalidDataException("a number has no end");
    }

    internal long ReadSigned()
    {
        ulong number = Read();
        return (long)(number >> 1) ^ -(long)(number & 1);
    }

    /// <summary>A number that is at most so large: of what is there, or of what can be held.</summary>
    internal int ReadUpTo(int most) => Read() is var number && number <= (ulong)most ? (int)number : throw new InvalidDataException($"{number} is more than {most}");

    internal ReadOnlySpan<byte> ReadBytes(int length)
    {
        if (length > _bytes.Length - _at)
        {
            throw new InvalidDataException("bytes are missing");
        }

        _at += length;
        return _bytes.Slice(_at - length, length);
    }
}
