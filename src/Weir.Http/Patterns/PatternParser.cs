// SPDX-License-Identifier: Apache-2.0
using System.Text;

namespace Weir.Http.Patterns;

/// <summary>
/// Reads regular expressions: those of RE2's syntax (https://github.com/google/re2/wiki/Syntax) that a
/// finite automaton decides, over bytes. What cannot be decided in linear time is refused.
/// </summary>
internal sealed class PatternParser
{
    private const int LongestPattern = 2048;
    private const int DeepestGroup = 64;
    private const int MostRepetitions = 1000;
    private static readonly PatternNode _empty = new PatternNode.Sequence([]);

    private readonly string _text;
    private int _at;
    private int _depth;
    private bool _ignoreCase;

    private PatternParser(string text, bool ignoreCase)
    {
        _text = text;
        _ignoreCase = ignoreCase;
    }

    /// <exception cref="PatternException">It is no pattern, or none that can be decided in linear time.</exception>
    public static PatternNode Parse(string text, bool ignoreCase)
    {
        if (text.Length > LongestPattern)
        {
            throw new PatternException($"is {text.Length} characters long; {LongestPattern} are allowed");
        }

        var parser = new PatternParser(text, ignoreCase);
        var node = parser.Alternatives();
        return parser._at == text.Length ? node : throw new PatternException("has a ')' that closes no group; a literal one is '\\)'");
    }

    private PatternNode Alternatives()
    {
        var parts = new List<PatternNode> { Sequence() };
        while (Take('|'))
        {
            parts.Add(Sequence());
        }

        return parts.Count == 1 ? parts[0] : new PatternNode.Choice(parts);
    }

    private PatternNode Sequence()
    {
        var parts = new List<PatternNode>();
        while (_at < _text.Length && _text[_at] is not ('|' or ')'))
        {
            var part = Atom();
            parts.Add(part is null ? _empty : Repeated(part));
        }

        return parts.Count == 1 ? parts[0] : new PatternNode.Sequence(parts);
    }

    private PatternNode Repeated(PatternNode part)
    {
        var repeated = false;
        while (_at < _text.Length && Repetition() is { } range)
        {
            if (repeated)
            {
                throw new PatternException($"repeats a repetition before '{_text[_at..]}'; put the first one in a group");
            }

            // "*?" asks for the shortest match: of a full match there is only one.
            Take('?');
            part = new PatternNode.Repeat(part, range.Least, range.Most);
            repeated = true;
        }

        return part;
    }

    private (int Least, int? Most)? Repetition()
    {
        switch (_text[_at])
        {
            case '*':
                _at++;
                return (0, null);
            case '+':
                _at++;
                return (1, null);
            case '?':
                _at++;
                return (0, 1);
            case '{':
                return Braces();
            default:
                return null;
        }
    }

    /// <summary>"{2}", "{2,}", "{2,5}"; anything else in braces stands for itself.</summary>
    private (int Least, int? Most)? Braces()
    {
        var close = _text.IndexOf('}', _at);
        if (close < 0)
        {
            return null;
        }

        var numbers = _text[(_at + 1)..close].Split(',');
        if (numbers.Length > 2
            || !numbers.All(number => number.All(char.IsAsciiDigit) && number.Length < 6)
            || numbers[0].Length == 0)
        {
            return null;
        }

        var least = int.Parse(numbers[0], null);
        int? most = numbers.Length == 1 ? least : numbers[1].Length == 0 ? null : int.Parse(numbers[1], null);
        if (least > MostRepetitions || most > MostRepetitions)
        {
            throw new PatternException($"repeats more than {MostRepetitions} times in '{_text[_at..(close + 1)]}'");
        }

        if (most < least)
        {
            throw new PatternException($"has '{_text[_at..(close + 1)]}', whose second number is below the first");
        }

        _at = close + 1;
        return (least, most);
    }

    /// <summary>Null: a group that only sets flags.</summary>
    private PatternNode? Atom()
    {
        var c = _text[_at++];
        switch (c)
        {
            case '.':
                return new PatternNode.One(ByteSet.All);
            case '^':
                return new PatternNode.Begin();
            case '$':
                return new PatternNode.End();
            case '[':
                return new PatternNode.One(Fold(new ClassParser(_text, _at).Parse(out _at)));
            case '(':
                return Group();
            case '\\':
                return Escape();
            case '*' or '+' or '?':
                throw new PatternException($"has '{c}' with nothing before it to repeat; this is a regular expression: any text is '.*'");
            default:
                return Literal(c);
        }
    }

    private PatternNode Literal(char c)
    {
        if (c < 0x80)
        {
            return new PatternNode.One(Fold(ByteSet.Of((byte)c)));
        }

        var text = char.IsHighSurrogate(c) && _at < _text.Length ? new string([c, _text[_at++]]) : c.ToString();
        return new PatternNode.Sequence([.. Encoding.UTF8.GetBytes(text).Select(value => new PatternNode.One(ByteSet.Of(value)))]);
    }

    private ByteSet Fold(ByteSet set) => _ignoreCase ? set.IgnoreCase() : set;

    private PatternNode? Group()
    {
        if (++_depth > DeepestGroup)
        {
            throw new PatternException($"nests groups more than {DeepestGroup} deep");
        }

        var outer = _ignoreCase;
        if (Take('?') && !Flags())
        {
            _depth--;
            return null;
        }

        var node = Alternatives();
        if (!Take(')'))
        {
            throw new PatternException("has a '(' that is not closed; a literal one is '\\('");
        }

        _ignoreCase = outer;
        _depth--;
        return node;
    }

    /// <summary>"(?:", "(?i:", "(?i)", "(?P&lt;name&gt;". False: flags for what follows, and no group.</summary>
    private bool Flags()
    {
        if (_at < _text.Length && (_text[_at] is '=' or '!' || (_text[_at] == '<' && _at + 1 < _text.Length && _text[_at + 1] is '=' or '!')))
        {
            throw new PatternException("looks ahead or behind, which no linear-time engine does");
        }

        if (_at < _text.Length && _text[_at] is 'P' or '<')
        {
            var close = _text.IndexOf('>', _at);
            _at = close < 0 ? throw new PatternException("has a group whose name is not closed by '>'") : close + 1;
            return true;
        }

        var on = true;
        while (_at < _text.Length)
        {
            var c = _text[_at++];
            switch (c)
            {
                case ':':
                    return true;
                case ')':
                    return false;
                case '-':
                    on = false;
                    break;
                case 'i':
                    _ignoreCase = on;
                    break;
                case 's': // "." is every byte anyway
                    break;
                default:
                    throw new PatternException($"has flag '{c}' in a group; known are i and s");
            }
        }

        throw new PatternException("has a '(' that is not closed; a literal one is '\\('");
    }

    private PatternNode Escape()
    {
        if (_at == _text.Length)
        {
            throw new PatternException("ends with '\\'; a literal one is '\\\\'");
        }

        switch (_text[_at])
        {
            case 'A':
                _at++;
                return new PatternNode.Begin();
            case 'z':
                _at++;
                return new PatternNode.End();
            case 'b' or 'B':
                throw new PatternException("has a word boundary, which is not supported; write the characters that may stand there");
            case >= '1' and <= '9':
                throw new PatternException("refers back to a group, which no linear-time engine does");
            default:
                return new PatternNode.One(Fold(ClassParser.Escape(_text, ref _at)));
        }
    }

    private bool Take(char c)
    {
        if (_at < _text.Length && _text[_at] == c)
        {
            _at++;
            return true;
        }

        return false;
    }
}
