// SPDX-License-Identifier: Apache-2.0
using System.Text;

namespace Weir.Http.Http1;

/// <summary>
/// Follows a chunked body (RFC 9112 §7.1) byte by byte, to know where it ends. Strict for requests: extensions to
/// the letter, no bare LF, no trailer that frames or routes. Lenient for answers: only their end matters.
/// </summary>
public struct ChunkedBody(bool lenient)
{
    private const int MostSizeDigits = 15;
    private const int MostTrailerBytes = 8192;
    private const int MostExtensionBytes = 1024; // of one chunk

    private State _state;
    private State _wentBadIn;
    private int _digits;
    private int _extensionBytes;
    private int _trailerBytes;
    private int _lineLength;
    private int _nameLength;
    private NameBuffer _name;
    private long _size;

    private enum State
    {
        Size,
        Extension,
        ExtensionName,
        ExtensionValue,
        ExtensionQuoted,
        ExtensionEnd,
        SizeEnd,
        Data,
        DataReturn,
        DataEnd,
        TrailerName,
        TrailerValue,
        TrailerEnd,
        LastEnd,
        Done,
        Bad,
    }

    public readonly bool IsDone => _state == State.Done;

    public readonly bool IsBad => _state == State.Bad;

    /// <summary>Where it went bad, in words.</summary>
    public readonly string Why => _wentBadIn switch
    {
        State.Size => "malformed chunk size",
        State.Extension or State.ExtensionName or State.ExtensionValue or State.ExtensionQuoted or State.ExtensionEnd => "malformed or too long chunk extension",
        State.SizeEnd => "a chunk's size does not end with CR LF",
        State.DataReturn or State.DataEnd => "a chunk is longer than its size",
        State.TrailerName or State.TrailerValue or State.TrailerEnd => "malformed trailer, or one that frames or routes the message",
        _ => "malformed end of the chunks",
    };

    /// <summary>Follows what has arrived.</summary>
    /// <returns>How much of it belongs to the body; less than all only at its end or at a fault.</returns>
    public int Advance(ReadOnlySpan<byte> data)
    {
        var at = 0;
        while (at < data.Length && _state is not (State.Done or State.Bad))
        {
            at += Take(data[at..]);
        }

        return at;
    }

    /// <summary>Follows what has arrived, as far as it is all of trailers or has none.</summary>
    /// <param name="isTrailer">The bytes are lines of trailers.</param>
    public int Advance(ReadOnlySpan<byte> data, out bool isTrailer)
    {
        isTrailer = !data.IsEmpty && IsTrailer(data[0]);
        var at = 0;
        while (at < data.Length && _state is not (State.Done or State.Bad) && IsTrailer(data[at]) == isTrailer)
        {
            at += Take(data[at..]);
        }

        return at;
    }

    private readonly bool IsTrailer(byte next) =>
        _state is State.TrailerValue or State.TrailerEnd || (_state == State.TrailerName && (_lineLength > 0 || next != '\r'));

    private int Take(ReadOnlySpan<byte> data)
    {
        if (_state != State.Data)
        {
            var before = _state;
            Step(data[0]);
            _wentBadIn = _state == State.Bad ? before : _wentBadIn;
            return 1;
        }

        var taken = (int)Math.Min(_size, data.Length);
        _size -= taken;
        if (_size == 0)
        {
            _state = State.DataReturn;
        }

        return taken;
    }

    private void Step(byte value)
    {
        switch (_state)
        {
            case State.Size:
                StepSize(value);
                break;
            case State.Extension:
                _state = value == '\r' ? State.SizeEnd : value == '\n' ? AfterSize() : CountExtension() ? State.Extension : State.Bad;
                break;
            case State.ExtensionName or State.ExtensionValue or State.ExtensionQuoted or State.ExtensionEnd:
                _state = CountExtension() ? StepExtension(value) : State.Bad;
                break;
            case State.SizeEnd:
                _state = value == '\n' ? AfterSize() : State.Bad;
                break;
            case State.DataReturn:
                _state = value == '\r' ? State.DataEnd : value == '\n' && lenient ? State.Size : State.Bad;
                break;
            case State.DataEnd:
                _state = value == '\n' ? State.Size : State.Bad;
                break;
            default:
                StepTrailer(value);
                break;
        }
    }

    private void StepSize(byte value)
    {
        var digit = Bytes.HexDigit(value);
        if (digit >= 0)
        {
            _size = (_digits == 0 ? 0 : _size << 4) | (uint)digit;
            _state = ++_digits > MostSizeDigits ? State.Bad : State.Size;
            return;
        }

        _state = _digits == 0 ? State.Bad
            : value == '\r' ? State.SizeEnd
            : !lenient ? (value == ';' ? State.ExtensionName : State.Bad)
            : value == '\n' ? AfterSize()
            : value is (byte)';' or (byte)' ' or (byte)'\t' ? State.Extension
            : State.Bad;
    }

    /// <summary>One name, or a name and a value, without blanks: RFC 9112 §7.1.1 allows those for the sake of old ones.</summary>
    private State StepExtension(byte value)
    {
        switch (_state)
        {
            case State.ExtensionQuoted:
                return value == '"' ? State.ExtensionEnd : value is >= 0x20 and < 0x7f and not (byte)'\\' ? State.ExtensionQuoted : State.Bad;
            case State.ExtensionValue when value == '"' && _nameLength == 0:
                return State.ExtensionQuoted;
            case State.ExtensionName or State.ExtensionValue when Bytes.Token.Contains(value):
                _nameLength = 1;
                return _state;
            case State.ExtensionName when value == '=' && _nameLength > 0:
                _nameLength = 0;
                return State.ExtensionValue;
        }

        if (_nameLength == 0 && _state != State.ExtensionEnd)
        {
            return State.Bad;
        }

        _nameLength = 0;
        return value == ';' ? State.ExtensionName : value == '\r' ? State.SizeEnd : State.Bad;
    }

    private State AfterSize()
    {
        _digits = 0;
        _extensionBytes = 0;
        _lineLength = 0;
        _nameLength = 0;
        return _size == 0 ? State.TrailerName : State.Data;
    }

    private void StepTrailer(byte value)
    {
        if (!CountTrailer())
        {
            _state = State.Bad;
            return;
        }

        switch (_state)
        {
            case State.TrailerName when _lineLength == 0 && value == '\r':
                _state = State.LastEnd;
                break;
            case State.TrailerName when _lineLength == 0 && value == '\n' && lenient:
                _state = State.Done;
                break;
            case State.TrailerName when value == ':' && _lineLength > 0:
                _state = !lenient && IsForbidden() ? State.Bad : State.TrailerValue;
                break;
            case State.TrailerName:
                _state = TakeName(value);
                break;
            case State.TrailerValue:
                _state = value == '\r' ? State.TrailerEnd
                    : value == '\n' && lenient ? NextTrailer()
                    : (value < 0x20 && value != '\t') || value == 0x7f ? State.Bad
                    : State.TrailerValue;
                break;
            case State.TrailerEnd:
                _state = value == '\n' ? NextTrailer() : State.Bad;
                break;
            default:
                _state = value == '\n' ? State.Done : State.Bad;
                break;
        }
    }

    private State TakeName(byte value)
    {
        if (!Bytes.Token.Contains(value))
        {
            return State.Bad;
        }

        _lineLength++;
        if (_nameLength < NameBuffer.Length)
        {
            _name[_nameLength++] = value;
        }

        return State.TrailerName;
    }

    private State NextTrailer()
    {
        _lineLength = 0;
        _nameLength = 0;
        return State.TrailerName;
    }

    private bool CountExtension() => ++_extensionBytes <= MostExtensionBytes;

    private bool CountTrailer() => ++_trailerBytes <= MostTrailerBytes;

    private bool IsForbidden()
    {
        ReadOnlySpan<byte> name = ((ReadOnlySpan<byte>)_name)[.._nameLength];
        return Ascii.EqualsIgnoreCase(name, "content-length"u8)
            || Ascii.EqualsIgnoreCase(name, "transfer-encoding"u8)
            || Ascii.EqualsIgnoreCase(name, "host"u8)
            || Ascii.EqualsIgnoreCase(name, "connection"u8);
    }

    [System.Runtime.CompilerServices.InlineArray(Length)]
    private struct NameBuffer
    {
        internal const int Length = 18;
        private byte _first;
    }
}
