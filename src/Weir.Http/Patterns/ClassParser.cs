// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Patterns;

/// <summary>Reads "[a-z]" and escapes that stand for one byte.</summary>
internal sealed class ClassParser(string text, int at)
{
    private static readonly ByteSet _digits = ByteSet.Range((byte)'0', (byte)'9');
    private static readonly ByteSet _lower = ByteSet.Range((byte)'a', (byte)'z');
    private static readonly ByteSet _upper = ByteSet.Range((byte)'A', (byte)'Z');
    private static readonly ByteSet _word = _digits | _lower | _upper | ByteSet.Of((byte)'_');
    private static readonly ByteSet _space = ByteSet.Range(9, 13) | ByteSet.Of((byte)' ');

    private static readonly Dictionary<string, ByteSet> _named = new(StringComparer.Ordinal)
    {
        ["alnum"] = _digits | _lower | _upper,
        ["alpha"] = _lower | _upper,
        ["ascii"] = ByteSet.Range(0, 127),
        ["blank"] = ByteSet.Of((byte)' ') | ByteSet.Of((byte)'\t'),
        ["cntrl"] = ByteSet.Range(0, 31) | ByteSet.Of(127),
        ["digit"] = _digits,
        ["graph"] = ByteSet.Range(33, 126),
        ["lower"] = _lower,
        ["print"] = ByteSet.Range(32, 126),
        ["punct"] = ByteSet.Range(33, 47) | ByteSet.Range(58, 64) | ByteSet.Range(91, 96) | ByteSet.Range(123, 126),
        ["space"] = _space,
        ["upper"] = _upper,
        ["word"] = _word,
        ["xdigit"] = _digits | ByteSet.Range((byte)'a', (byte)'f') | ByteSet.Range((byte)'A', (byte)'F'),
    };

    private int _at = at;

    /// <summary>Reads what is behind "[".</summary>
    public ByteSet Parse(out int end)
    {
        var set = default(ByteSet);
        var negated = Take('^');
        var first = true;
        while (first || Peek() != ']')
        {
            first = false;
            set |= Member();
        }

        end = _at + 1;
        return negated ? ~set : set;
    }

    /// <summary>The byte or the class an escape stands for; <paramref name="at"/> is behind the backslash.</summary>
    public static ByteSet Escape(string text, ref int at)
    {
        var c = text[at++];
        return c switch
        {
            'd' => _digits,
            'D' => ~_digits,
            'w' => _word,
            'W' => ~_word,
            's' => _space,
            'S' => ~_space,
            't' => ByteSet.Of((byte)'\t'),
            'n' => ByteSet.Of((byte)'\n'),
            'r' => ByteSet.Of((byte)'\r'),
            'f' => ByteSet.Of((byte)'\f'),
            'v' => ByteSet.Of((byte)'\v'),
            'x' => Hex(text, ref at),
            _ when char.IsAsciiLetterOrDigit(c) || c >= 0x80 => throw new PatternException($"has the escape '\\{c}', which is not supported"),
            _ => ByteSet.Of((byte)c),
        };
    }

    private static ByteSet Hex(string text, ref int at)
    {
        if (at + 2 > text.Length || !byte.TryParse(text.AsSpan(at, 2), System.Globalization.NumberStyles.AllowHexSpecifier, null, out var value))
        {
            throw new PatternException("has '\\x' without two hexadecimal digits behind it");
        }

        at += 2;
        return ByteSet.Of(value);
    }

    private ByteSet Member()
    {
        if (Peek() == '[' && _at + 1 < text.Length && text[_at + 1] == ':')
        {
            return Named();
        }

        var start = _at;
        var set = Single();
        if (Peek() != '-' || _at + 1 >= text.Length || text[_at + 1] == ']')
        {
            return set;
        }

        _at++;
        var end = Single();
        return ByteOf(set) is { } low && ByteOf(end) is { } high && low <= high
            ? ByteSet.Range(low, high)
            : throw new PatternException($"has a range '{text[start.._at]}' that goes from nothing to nothing");
    }

    private ByteSet Named()
    {
        var close = text.IndexOf(":]", _at, StringComparison.Ordinal);
        var name = close < 0 ? "" : text[(_at + 2)..close];
        var negated = name.StartsWith('^');
        if (!_named.TryGetValue(negated ? name[1..] : name, out var set))
        {
            throw new PatternException($"has a class '[:{name}:]' that is not known; known are {string.Join(", ", _named.Keys)}");
        }

        _at = close + 2;
        return negated ? ~set : set;
    }

    private ByteSet Single()
    {
        var c = Peek();
        if (c >= 0x80)
        {
            throw new PatternException($"has '{c}' in a class: classes are of bytes; write the alternatives as (a|b)");
        }

        _at++;
        if (c != '\\')
        {
            return ByteSet.Of((byte)c);
        }

        Peek();
        return Escape(text, ref _at);
    }

    private static byte? ByteOf(ByteSet set)
    {
        for (var value = 0; value < 256; value++)
        {
            if (set[value])
            {
                return set == ByteSet.Of((byte)value) ? (byte)value : null;
            }
        }

        return null;
    }

    private char Peek() => _at < text.Length ? text[_at] : throw new PatternException("has a '[' that is not closed; a literal one is '\\['");

    private bool Take(char c)
    {
        if (Peek() == c)
        {
            _at++;
            return true;
        }

        return false;
    }
}
