// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Http.Http1;
using Weir.Http.Patterns;
using Weir.Http.Rules;

namespace Weir.Http.Heads;

/// <summary>
/// Which heads are plainly understood, byte by byte, and what rules say to them. Narrower than <see cref="RequestHead"/>:
/// what it gives up may still be a good request. What it accepts, that one accepts, and reads the same out of it.
/// </summary>
internal sealed class HeadGrammar
{
    private const int MostNameStates = 4096;

    /// <summary>What these say changes how a request ends or what follows it: nobody reads it here.</summary>
    private static readonly string[] _givenUp = ["transfer-encoding", "transfer_encoding", "content_length", "upgrade", "expect"];

    private static readonly string[] _understood = ["host", "content-length", "connection"];
    private static readonly byte[] _connect = [.. "CONNECT"u8];
    private static readonly byte[] _version = [.. "HTTP/1."u8];

    private readonly (Dfa Dfa, ulong[][] Masks) _methods;
    private readonly (Dfa Dfa, ulong[][] Masks) _paths;
    private readonly (Dfa Dfa, ulong[][] Masks) _hosts;
    private readonly Dfa _names;
    private readonly Dfa _connection = Words([Literal("keep-alive", ignoreCase: true), Literal("close", ignoreCase: true)])!;
    private readonly Dfa[] _values;
    private readonly HeadConditions _conditions;
    private readonly HeadMasks _masks;

    /// <exception cref="NotSupportedException">Such rules cannot be judged so. The message says what is in the way.</exception>
    public HeadGrammar(HttpRuleSet rules, HeadConditions conditions, HeadMasks masks)
    {
        _conditions = conditions;
        _masks = masks;
        _methods = Single(rules.Methods, "methods");
        _paths = Single(rules.Paths, "paths");
        _hosts = Single(rules.Hosts, "hosts");
        if (conditions.Names.FirstOrDefault(name => _understood.Contains(name) || _givenUp.Contains(name)) is { } known)
        {
            throw new NotSupportedException($"a rule looks at the header {known}");
        }

        _names = Words([.. _understood.Concat(_givenUp).Concat(conditions.Names).Select(name => Literal(name, ignoreCase: true))])
            ?? throw new NotSupportedException("rules look at too many headers");
        _values = [.. conditions.ValuesOf.Select(values => Words([.. values.Select(WithBlanks)])
            ?? throw new NotSupportedException("rules look for too many values of a header"))];
    }

    public static HeadState Start { get; } = new(HeadPart.Method, Dfa.Start);

    /// <summary>The mask of rules that a request to no host fulfils, as one of HTTP/1.0 may be.</summary>
    public int NoHost => Mask(_hosts, Dfa.Start);

    /// <summary>What one more byte leads to.</summary>
    public HeadMove Step(HeadState from, byte value) => from.Part switch
    {
        HeadPart.Ignored => value == '\r' ? Go(HeadPart.LineFeed) : IsInValue(value) ? Go(HeadPart.Ignored) : GiveUp,
        HeadPart.Method => InMethod(from, value),
        HeadPart.Target => value == '/' ? Go(HeadPart.PathSlash, _paths.Dfa.Next(Dfa.Start, value)) : GiveUp,
        HeadPart.Path or HeadPart.PathSlash or HeadPart.PathDot => InPath(from, value),
        HeadPart.Query => value == ' ' ? PathEnd(from) : Bytes.Target.Contains(value) ? Go(HeadPart.Query, _paths.Dfa.Next(from.A, value)) : GiveUp,
        HeadPart.Version => InVersion(from, value),
        HeadPart.VersionReturn => value == '\r' ? Go(HeadPart.VersionEnd, from.A) : GiveUp,
        HeadPart.VersionEnd => value == '\n' ? new(HeadAction.Version, from.A, new(HeadPart.Line)) : GiveUp,
        HeadPart.Line => value == '\r' ? Go(HeadPart.End) : InName(new(HeadPart.Name, Dfa.Start), value, isFirst: true),
        HeadPart.End => value == '\n' ? new(HeadAction.End, 0, new(HeadPart.Ignored)) : GiveUp,
        HeadPart.Name => InName(from, value, isFirst: false),
        HeadPart.LineFeed => value == '\n' ? Go(HeadPart.Line) : GiveUp,
        HeadPart.HostBlank => IsBlank(value) ? Go(HeadPart.HostBlank) : InHost(new(HeadPart.Host, Dfa.Start), value),
        HeadPart.Host => InHost(from, value),
        HeadPart.LengthBlank => IsBlank(value) ? Go(HeadPart.LengthBlank) : value == '0' ? Go(HeadPart.LengthZero) : InLength(value),
        HeadPart.LengthZero => value == '\r' ? Go(HeadPart.LineFeed) : GiveUp,
        HeadPart.Length => value == '\r' ? Go(HeadPart.LineFeed) : InLength(value),
        HeadPart.ConnectionBlank => IsBlank(value) ? Go(HeadPart.ConnectionBlank) : InConnection(new(HeadPart.Connection, Dfa.Start), value),
        HeadPart.Connection => InConnection(from, value),
        HeadPart.ValueBlank => IsBlank(value) ? Go(HeadPart.ValueBlank, 0, from.B) : InValue(new(HeadPart.Value, Dfa.Start, from.B), value),
        _ => InValue(from, value),
    };

    private static HeadMove GiveUp => new(HeadAction.GiveUp, 0, new(HeadPart.Ignored));

    private static HeadMove Go(HeadPart part, int a = 0, int b = 0) => new(HeadAction.None, 0, new(part, a, b));

    private static bool IsBlank(byte value) => value is (byte)' ' or (byte)'\t';

    private static bool IsInValue(byte value) => !Bytes.Control.Contains(value);

    /// <summary>CONNECT is for a host and a port, not for a path.</summary>
    private HeadMove InMethod(HeadState from, byte value)
    {
        if (value == ' ')
        {
            return from == Start || from.B == _connect.Length ? GiveUp : new(HeadAction.Method, Mask(_methods, from.A), new(HeadPart.Target));
        }

        var connect = from.B >= 0 && from.B < _connect.Length && value == _connect[from.B] ? from.B + 1 : -1;
        return Bytes.Token.Contains(value) ? Go(HeadPart.Method, _methods.Dfa.Next(from.A, value), connect) : GiveUp;
    }

    /// <summary>Nothing in it can be read otherwise (<see cref="PathReadings"/>): no escapes, no empty or dot segments, no bytes beyond ASCII.
    /// A dot may begin a segment that has a letter or digit behind it.</summary>
    private HeadMove InPath(HeadState from, byte value)
    {
        var next = _paths.Dfa.Next(from.A, value);
        if (value is <= (byte)' ' or >= 0x7f or (byte)'%' or (byte)'\\' or (byte)'#')
        {
            return value == ' ' && from.Part != HeadPart.PathDot ? PathEnd(from) : GiveUp;
        }

        return (from.Part, value) switch
        {
            (HeadPart.PathDot, _) => char.IsAsciiLetterOrDigit((char)value) ? Go(HeadPart.Path, next) : GiveUp,
            (HeadPart.PathSlash, (byte)'/') => GiveUp,
            (HeadPart.PathSlash, (byte)'.') => Go(HeadPart.PathDot, next),
            (_, (byte)'/') => Go(HeadPart.PathSlash, next),
            (_, (byte)'?') => Go(HeadPart.Query, next),
            _ => Go(HeadPart.Path, next),
        };
    }

    private HeadMove PathEnd(HeadState from) => new(HeadAction.Path, Mask(_paths, from.A), new(HeadPart.Version));

    private static HeadMove InVersion(HeadState from, byte value) => from.A < _version.Length
        ? value == _version[from.A] ? Go(HeadPart.Version, from.A + 1) : GiveUp
        : value is (byte)'0' or (byte)'1' ? Go(HeadPart.VersionReturn, value - '0') : GiveUp;

    private HeadMove InName(HeadState from, byte value, bool isFirst)
    {
        if (value != ':' || isFirst)
        {
            return Bytes.Token.Contains(value) ? Go(HeadPart.Name, _names.Next(from.A, value)) : GiveUp;
        }

        return _names.AcceptSets[_names.AcceptOf(from.A)] switch
        {
            [] => Go(HeadPart.Ignored),
            [0] => new(HeadAction.Host, 0, new(HeadPart.HostBlank)),
            [1] => new(HeadAction.Length, 0, new(HeadPart.LengthBlank)),
            [2] => Go(HeadPart.ConnectionBlank),
            [var other] when other < _understood.Length + _givenUp.Length => GiveUp,
            [var other] => Go(HeadPart.ValueBlank, 0, other - _understood.Length - _givenUp.Length),
            _ => throw new InvalidOperationException("two names are one"),
        };
    }

    private HeadMove InHost(HeadState from, byte value)
    {
        if (value == '\r')
        {
            return new(HeadAction.HostEnd, Mask(_hosts, from.A), new(HeadPart.LineFeed));
        }

        var next = new HeadState(HeadPart.Host, _hosts.Dfa.Next(from.A, value));
        return !Bytes.Host.Contains(value) ? GiveUp
            : value == ':' ? new(HeadAction.HostPort, Mask(_hosts, from.A), next)
            : value == ']' ? new(HeadAction.HostBracket, 0, next)
            : new(HeadAction.None, 0, next);
    }

    private static HeadMove InLength(byte value) =>
        char.IsAsciiDigit((char)value) ? new(HeadAction.LengthDigit, 0, new(HeadPart.Length)) : GiveUp;

    private HeadMove InConnection(HeadState from, byte value)
    {
        if (value == '\r')
        {
            return _connection.AcceptSets[_connection.AcceptOf(from.A)] is [var option] ? new(HeadAction.Connection, option, new(HeadPart.LineFeed)) : GiveUp;
        }

        return _connection.Next(from.A, value) is var next and not Dfa.Dead ? Go(HeadPart.Connection, next) : GiveUp;
    }

    private HeadMove InValue(HeadState from, byte value)
    {
        var values = _values[from.B];
        return value == '\r' ? new(HeadAction.Value, _conditions.Fulfilled(from.B, values.AcceptSets[values.AcceptOf(from.A)]), new(HeadPart.LineFeed))
            : IsInValue(value) ? Go(HeadPart.Value, values.Next(from.A, value), from.B)
            : GiveUp;
    }

    private int Mask((Dfa Dfa, ulong[][] Masks) patterns, int state) => _masks.Number(patterns.Masks[patterns.Dfa.AcceptOf(state)]);

    private static (Dfa Dfa, ulong[][] Masks) Single(PatternSet patterns, string what) =>
        patterns.Single ?? throw new NotSupportedException($"its {what} need several automata");

    /// <returns>Null: too many.</returns>
    private static Dfa? Words(IReadOnlyList<PatternNode> words) => words.Count == 0 ? Dfa.Nothing : DfaBuilder.Build(new Nfa(words), MostNameStates);

    private static PatternNode.Sequence Literal(string text, bool ignoreCase) => new(
        [.. Encoding.UTF8.GetBytes(text).Select(value => new PatternNode.One(ignoreCase ? ByteSet.Of(value).IgnoreCase() : ByteSet.Of(value)))]);

    /// <summary>White space behind a value does not belong to it.</summary>
    private static PatternNode.Sequence WithBlanks(string value) => new(
        [Literal(value, ignoreCase: false), new PatternNode.Repeat(new PatternNode.One(ByteSet.Of((byte)' ') | ByteSet.Of((byte)'\t')), 0, null)]);
}
