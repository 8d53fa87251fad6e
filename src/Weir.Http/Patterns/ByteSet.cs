// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Patterns;

/// <summary>A set of bytes.</summary>
internal readonly record struct ByteSet(ulong W0, ulong W1, ulong W2, ulong W3)
{
    public static ByteSet All { get; } = new(ulong.MaxValue, ulong.MaxValue, ulong.MaxValue, ulong.MaxValue);

    public bool this[int value] => (Word(value >> 6) & (1UL << (value & 63))) != 0;

    public static ByteSet Of(byte value) => Range(value, value);

    public static ByteSet Range(byte first, byte last)
    {
        Span<ulong> words = stackalloc ulong[4];
        words.Clear();
        for (var value = (int)first; value <= last; value++)
        {
            words[value >> 6] |= 1UL << (value & 63);
        }

        return new ByteSet(words[0], words[1], words[2], words[3]);
    }

    public static ByteSet operator |(ByteSet a, ByteSet b) => new(a.W0 | b.W0, a.W1 | b.W1, a.W2 | b.W2, a.W3 | b.W3);

    public static ByteSet operator ~(ByteSet a) => new(~a.W0, ~a.W1, ~a.W2, ~a.W3);

    /// <summary>With both cases of every ASCII letter in it.</summary>
    public ByteSet IgnoreCase()
    {
        var result = this;
        for (var upper = (byte)'A'; upper <= 'Z'; upper++)
        {
            var lower = (byte)(upper | 0x20);
            if (this[upper] || this[lower])
            {
                result = result | Of(upper) | Of(lower);
            }
        }

        return result;
    }

    private ulong Word(int index) => index switch
    {
        0 => W0,
        1 => W1,
        2 => W2,
        _ => W3,
    };
}
