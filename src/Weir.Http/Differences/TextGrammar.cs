// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using Weir.Http.Http1;

namespace Weir.Http.Differences;

/// <summary>Which texts a part of a request can be, read byte by byte in phases.</summary>
internal abstract class TextGrammar
{
    /// <summary>No text goes on like that.</summary>
    public const int Never = -1;

    /// <summary>What a method other than CONNECT can be.</summary>
    public static TextGrammar Method { get; } = new TokenGrammar();

    /// <summary>Paths that every server reads alike.</summary>
    public static TextGrammar PlainPath { get; } = new PathGrammar(isPlain: true);

    /// <summary>Every path.</summary>
    public static TextGrammar Path { get; } = new PathGrammar(isPlain: false);

    /// <summary>A host with or without port.</summary>
    public static TextGrammar Host { get; } = new HostGrammar(isConnect: false);

    /// <summary>What CONNECT asks for, a host and a port.</summary>
    public static TextGrammar Authority { get; } = new HostGrammar(isConnect: true);

    /// <summary>The phase before the first byte.</summary>
    public virtual int First => 0;

    public abstract bool IsWhole(int phase);

    public abstract int Next(int phase, byte value);

    /// <summary>The phase where this byte is the colon before the port, <see cref="Never"/> where it cannot be.</summary>
    public virtual int NextAsPort(int phase, byte value) => Never;

    /// <summary>Phases are how much of CONNECT is read, and 8: it is another word.</summary>
    private sealed class TokenGrammar : TextGrammar
    {
        private const string Connect = "CONNECT";
        private const int Other = 8;

        public override bool IsWhole(int phase) => phase > 0 && phase != Connect.Length;

        public override int Next(int phase, byte value) => !Bytes.Token.Contains(value) ? Never
            : phase < Connect.Length && Connect[phase] == value ? phase + 1
            : Other;
    }

    private sealed class PathGrammar(bool isPlain) : TextGrammar
    {
        private const int Begin = 0;
        private const int Slash = 1;
        private const int Inside = 2;
        private const int Query = 3;

        public override bool IsWhole(int phase) => phase != Begin;

        public override int Next(int phase, byte value)
        {
            if (!Bytes.Target.Contains(value) || (phase == Begin && value != '/'))
            {
                return Never;
            }

            if (phase == Query || value == '?')
            {
                return isPlain && value >= 0x80 ? Never : Query;
            }

            var isOdd = value is (byte)'%' or (byte)'\\' or >= 0x80 || (phase == Slash && value is (byte)'/' or (byte)'.');
            return isPlain && isOdd && phase != Begin ? Never : value == '/' ? Slash : Inside;
        }
    }

    private sealed class HostGrammar(bool isConnect) : TextGrammar
    {
        private const int Name = 0;
        private const int Port = 1;
        private const int AfterColon = 2;
        private const int Digits = 3;
        private const int Nothing = 4;

        private static readonly SearchValues<byte> _digits = SearchValues.Create("0123456789"u8);

        public override int First => isConnect ? Nothing : Name;

        public override bool IsWhole(int phase) => isConnect ? phase == Digits : phase is Name or Port;

        public override int Next(int phase, byte value)
        {
            if (!Bytes.Host.Contains(value))
            {
                return Never;
            }

            return phase switch
            {
                Port or Digits when isConnect => _digits.Contains(value) ? Digits : Never,
                Port => value is (byte)':' or (byte)']' ? Never : Port,
                _ when value == ':' => AfterColon, // and another one, or a bracket, behind it
                AfterColon when value != ']' => AfterColon,
                _ => Name,
            };
        }

        public override int NextAsPort(int phase, byte value) => value == ':' && phase is Name or AfterColon ? Port : Never;
    }
}
