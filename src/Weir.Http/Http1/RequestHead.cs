// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Http.Rules;

namespace Weir.Http.Http1;

/// <summary>
/// The head of a request, read strictly (RFC 9112): what two readers could read differently is a fault,
/// so that the server sees the very request that was judged. One object serves a worker for all requests.
/// </summary>
public sealed class RequestHead
{
    private const int MostHeaders = 1000;
    private HeaderField[] _headers = new HeaderField[64];
    private int _methodLength;
    private int _targetLength;
    private int _pathStart;
    private (int Start, int Length) _authority;
    private int _host;
    private int _length;
    private bool _hasTransferEncoding;

    /// <summary>Number of headers.</summary>
    public int HeaderCount { get; private set; }

    /// <summary>HTTP/1.1; false: HTTP/1.0.</summary>
    public bool IsHttp11 { get; private set; }

    public BodyKind Body { get; private set; }

    /// <summary>Bytes of a body of known length.</summary>
    public long ContentLength { get; private set; }

    /// <summary>The client means to send more requests on the connection.</summary>
    public bool KeepAlive { get; private set; }

    /// <summary>The protocol that the client asks for.</summary>
    public UpgradeKind Upgrade { get; private set; }

    /// <summary>The client waits for "100 Continue" before it sends the body.</summary>
    public bool ExpectsContinue { get; private set; }

    /// <summary>The connection preface of HTTP/2 (RFC 9113 §3.4) begins as a request does.</summary>
    public bool IsHttp2Preface { get; private set; }

    /// <summary>What the fault was, in the sender's words; empty: there was none.</summary>
    public string Why { get; private set; } = "";

    /// <summary>Where a header stands.</summary>
    internal HeaderField Header(int index) => _headers[index];

    public ReadOnlySpan<byte> Method(ReadOnlySpan<byte> head) => head[.._methodLength];

    /// <summary>The target as it was sent.</summary>
    public ReadOnlySpan<byte> Target(ReadOnlySpan<byte> head) => head.Slice(_methodLength + 1, _targetLength);

    /// <summary>What rules call the path: the target with its query, without scheme and host if it has them.</summary>
    public ReadOnlySpan<byte> Path(ReadOnlySpan<byte> head) => Target(head)[_pathStart..];

    /// <summary>The server's name as the target says it, else the Host header's value (RFC 9112 §3.3); empty: nobody says it.</summary>
    public ReadOnlySpan<byte> Host(ReadOnlySpan<byte> head) => _authority.Length > 0 ? Target(head).Slice(_authority.Start, _authority.Length)
        : _host < 0 ? default
        : Value(head, _host);

    /// <summary>The headers, for rules.</summary>
    public RequestHeaders HeadersOf(ReadOnlySpan<byte> head) => new(this, head);

    /// <summary>Reads a head.</summary>
    /// <param name="head">From the first byte to the empty line, which <see cref="HeadScanner"/> found.</param>
    public RequestFault Parse(ReadOnlySpan<byte> head)
    {
        HeaderCount = 0;
        _host = -1;
        _authority = default;
        Why = "";
        _hasTransferEncoding = false;
        Body = BodyKind.None;
        ContentLength = -1;
        Upgrade = UpgradeKind.None;
        ExpectsContinue = false;
        IsHttp2Preface = false;
        var lineEnd = head.IndexOf((byte)'\r');
        if (head[lineEnd + 1] != '\n')
        {
            return Fail(RequestFault.LineEnd, "CR without LF in the request line: ", head[..lineEnd]);
        }

        var fault = ParseRequestLine(head[..lineEnd]);
        if (fault != RequestFault.None)
        {
            return Fail(fault, fault == RequestFault.Version ? "neither HTTP/1.0 nor HTTP/1.1: " : "malformed request line: ", head[..lineEnd]);
        }

        KeepAlive = IsHttp11;
        fault = ParseHeaders(head, lineEnd + 2);
        return fault != RequestFault.None ? fault : Conclude(head);
    }

    /// <summary>Whether the first bytes of a connection can become a request at all.</summary>
    /// <param name="data">At least one byte.</param>
    public static bool LooksLikeHttp(ReadOnlySpan<byte> data)
    {
        const int LongestMethod = 32;
        var end = data.IndexOfAnyExcept(Bytes.Token);
        return end < 0 ? data.Length <= LongestMethod : end is > 0 and <= LongestMethod && data[end] == ' ';
    }

    private RequestFault ParseRequestLine(ReadOnlySpan<byte> line)
    {
        _methodLength = line.IndexOf((byte)' ');
        if (_methodLength <= 0 || !Bytes.IsToken(line[.._methodLength]))
        {
            return RequestFault.RequestLine;
        }

        var rest = line[(_methodLength + 1)..];
        _targetLength = rest.IndexOf((byte)' ');
        if (_targetLength <= 0)
        {
            return RequestFault.RequestLine;
        }

        var version = rest[(_targetLength + 1)..];
        IsHttp11 = version.SequenceEqual("HTTP/1.1"u8);
        if (version.SequenceEqual("HTTP/2.0"u8) && line.SequenceEqual("PRI * HTTP/2.0"u8))
        {
            IsHttp2Preface = true;
            return RequestFault.None;
        }

        return IsHttp11 || version.SequenceEqual("HTTP/1.0"u8) ? RequestFault.None
            : version.StartsWith("HTTP/"u8) && !version.Contains((byte)' ') ? RequestFault.Version
            : RequestFault.RequestLine;
    }

    private RequestFault ParseHeaders(ReadOnlySpan<byte> head, int start)
    {
        while (true)
        {
            var length = head[start..].IndexOf((byte)'\r');
            var line = head.Slice(start, length);
            if (head[start + length + 1] != '\n')
            {
                return Fail(RequestFault.LineEnd, "CR without LF in a header: ", line);
            }

            if (length == 0)
            {
                return RequestFault.None;
            }

            if (line[0] is (byte)' ' or (byte)'\t')
            {
                return Fail(RequestFault.Folded, "a header continues on a second line: ", line);
            }

            var colon = line.IndexOf((byte)':');
            if (colon <= 0 || !Bytes.IsToken(line[..colon]))
            {
                return Fail(RequestFault.HeaderName, "malformed header name: ", colon < 0 ? line : line[..colon]);
            }

            var value = line[(colon + 1)..];
            if (value.ContainsAny(Bytes.Control))
            {
                return Fail(RequestFault.HeaderValue, "control characters in a header: ", line);
            }

            if (HeaderCount == MostHeaders)
            {
                return Fail(RequestFault.TooLarge, $"more than {MostHeaders} headers, from ", line);
            }

            if (HeaderCount == _headers.Length)
            {
                Array.Resize(ref _headers, Math.Min(MostHeaders, 2 * HeaderCount));
            }

            var before = value.Length - value.TrimStart(" \t"u8).Length;
            _headers[HeaderCount] = new HeaderField(start, colon, start + colon + 1 + before, Bytes.Trim(value).Length);
            var fault = Understand(head, HeaderCount++);
            if (fault != RequestFault.None)
            {
                return fault;
            }

            start += length + 2;
        }
    }

    /// <summary>Takes note of the headers that frame, route and end messages.</summary>
    private RequestFault Understand(ReadOnlySpan<byte> head, int index)
    {
        var name = Name(head, index);
        var value = Value(head, index);
        switch (name.Length)
        {
            case 4 when Is(name, "host"u8):
                if (_host >= 0)
                {
                    return Fail(RequestFault.Host, "Host is there twice: ", Value(head, _host), value);
                }

                _host = index;
                return RequestFault.None;
            case 14 when Is(name, "content-length"u8):
                return UnderstandLength(head, index);
            case 17 when Is(name, "transfer-encoding"u8):
                if (_hasTransferEncoding || !Is(value, "chunked"u8))
                {
                    return Fail(RequestFault.TransferEncoding, _hasTransferEncoding ? "Transfer-Encoding is there twice, then " : "Transfer-Encoding is not exactly chunked: ", value);
                }

                _hasTransferEncoding = true;
                return RequestFault.None;
            case 10 when Is(name, "connection"u8):
                return UnderstandConnection(value);
            case 7 when Is(name, "upgrade"u8):
                Upgrade = Upgrade != UpgradeKind.None ? UpgradeKind.Other
                    : Is(value, "websocket"u8) ? UpgradeKind.WebSocket
                    : Is(value, "h2c"u8) ? UpgradeKind.Http2
                    : Is(value, "tcp"u8) ? UpgradeKind.Tcp
                    : UpgradeKind.Other;
                return RequestFault.None;
            case 6 when Is(name, "expect"u8):
                if (ExpectsContinue || !Is(value, "100-continue"u8))
                {
                    return Fail(RequestFault.Expect, ExpectsContinue ? "Expect is there twice, then " : "Expect is not exactly 100-continue: ", value);
                }

                ExpectsContinue = true;
                return RequestFault.None;
            case 14 when Is(name, "content_length"u8):
            case 17 when Is(name, "transfer_encoding"u8):
                // Servers that make variables of headers take the one sign for the other.
                return Fail(RequestFault.HeaderName, "some servers take '_' for '-' in the header name ", name);
            default:
                return RequestFault.None;
        }
    }

    /// <summary>A leading zero makes a number octal for some; it is there once.</summary>
    private RequestFault UnderstandLength(ReadOnlySpan<byte> head, int index)
    {
        var value = Value(head, index);
        if (ContentLength >= 0)
        {
            return Fail(RequestFault.ContentLength, "Content-Length is there twice: ", Value(head, _length), value);
        }

        if (Bytes.Number(value) is not { } length || (value.Length > 1 && value[0] == '0'))
        {
            return Fail(RequestFault.ContentLength, "Content-Length is not one plain number: ", value);
        }

        _length = index;
        ContentLength = length;
        return RequestFault.None;
    }

    private RequestFault UnderstandConnection(ReadOnlySpan<byte> value)
    {
        foreach (var range in value.Split((byte)','))
        {
            var option = Bytes.Trim(value[range]);
            if (Is(option, "close"u8))
            {
                KeepAlive = false;
            }
            else if (Is(option, "keep-alive"u8))
            {
                KeepAlive = true;
            }
            else if (Is(option, "host"u8) || Is(option, "content-length"u8) || Is(option, "transfer-encoding"u8))
            {
                return Fail(RequestFault.Connection, "Connection names a header that frames or routes the message: ", option);
            }
        }

        return RequestFault.None;
    }

    /// <summary>What can be said only of the head as a whole.</summary>
    private RequestFault Conclude(ReadOnlySpan<byte> head)
    {
        if (IsHttp2Preface)
        {
            return HeaderCount == 0 ? RequestFault.None : RequestFault.RequestLine;
        }

        if (_hasTransferEncoding)
        {
            if (!IsHttp11 || ContentLength >= 0)
            {
                Why = IsHttp11 ? "Transfer-Encoding stands beside Content-Length" : "Transfer-Encoding in HTTP/1.0";
                return RequestFault.TransferEncoding;
            }

            Body = BodyKind.Chunked;
        }
        else if (ContentLength > 0)
        {
            Body = BodyKind.Length;
        }

        ContentLength = Math.Max(ContentLength, 0);
        var host = _host < 0 ? default : Value(head, _host);
        if ((_host < 0 && IsHttp11) || host.ContainsAnyExcept(Bytes.Host))
        {
            return _host < 0 ? Fail(RequestFault.Host, "there is no Host in HTTP/1.1 for ", Target(head)) : Fail(RequestFault.Host, "malformed Host: ", host);
        }

        var target = Target(head);
        var fault = RequestTarget.Parse(Method(head), target, out _pathStart, out var authority, out var why);
        if (fault != RequestFault.None)
        {
            return Fail(fault, why, target);
        }

        _authority = authority;
        // Two names for one server: only one of them was judged.
        return authority.Length == 0 || _host < 0 || Authority.AreSame(host, target.Slice(authority.Start, authority.Length), Authority.PortOf(Method(head), target))
            ? RequestFault.None
            : Fail(RequestFault.Host, "Host is not the target's: ", host, target);
    }

    private RequestFault Fail(RequestFault fault, string words, ReadOnlySpan<byte> culprit)
    {
        Why = words + Bytes.Quote(culprit);
        return fault;
    }

    private RequestFault Fail(RequestFault fault, string words, ReadOnlySpan<byte> one, ReadOnlySpan<byte> other)
    {
        Why = $"{words}{Bytes.Quote(one)} and {Bytes.Quote(other)}";
        return fault;
    }

    private static bool Is(ReadOnlySpan<byte> text, ReadOnlySpan<byte> word) => Ascii.EqualsIgnoreCase(text, word);

    internal ReadOnlySpan<byte> Name(ReadOnlySpan<byte> head, int index) => head.Slice(_headers[index].NameStart, _headers[index].NameLength);

    internal ReadOnlySpan<byte> Value(ReadOnlySpan<byte> head, int index) => head.Slice(_headers[index].ValueStart, _headers[index].ValueLength);
}
