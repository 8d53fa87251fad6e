// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Http1;

/// <summary>Cuts what a client sends into heads and bodies, however it arrives.</summary>
public struct RequestReader
{
    /// <summary>Bytes of one head.</summary>
    public const int MostHeadBytes = 64 * 1024;

    private HeadScanner _scanner;
    private ChunkedBody _chunks;
    private BodyKind _body;
    private long _left;
    private string? _why;

    /// <summary>No request is under way.</summary>
    public readonly bool IsBetween => _body == BodyKind.None;

    /// <summary>What the last fault was, in the sender's words.</summary>
    public readonly string Why => _why ?? "";

    /// <summary>Reads the next part of what has arrived.</summary>
    /// <param name="data">Not empty. What an earlier call left over stands at its beginning.</param>
    /// <param name="head">Filled in for <see cref="RequestPart.Head"/>; for the preface of HTTP/2 the caller takes over.</param>
    /// <param name="length">Bytes of that part.</param>
    public RequestPart Read(ReadOnlySpan<byte> data, RequestHead head, out int length, out RequestFault fault)
    {
        fault = RequestFault.None;
        if (_body != BodyKind.None)
        {
            return ReadBody(data, out length, out fault);
        }

        length = 0;
        fault = FindHead(data, head, out var end);
        if (fault != RequestFault.None)
        {
            return RequestPart.Fault;
        }

        if (end == 0)
        {
            return RequestPart.More;
        }

        length = end;
        _body = head.Body;
        _left = head.ContentLength;
        _chunks = new ChunkedBody(lenient: false);
        return RequestPart.Head;
    }

    /// <param name="end">0: more must arrive.</param>
    private RequestFault FindHead(ReadOnlySpan<byte> data, RequestHead head, out int end)
    {
        end = 0;
        if (!RequestHead.LooksLikeHttp(data))
        {
            _why = data[0] is (byte)'\r' or (byte)'\n' ? "an empty line before the request line" : "malformed request line: it begins with a blank";
            return data[0] is (byte)'\r' or (byte)'\n' or (byte)' ' ? RequestFault.RequestLine : RequestFault.NotHttp;
        }

        end = _scanner.Scan(data);
        if (end < 0)
        {
            var line = data[_scanner.Line..];
            _why = $"a line ends with LF alone: {Bytes.Quote(line[..line.IndexOf((byte)'\n')])}";
            return RequestFault.LineEnd;
        }

        if ((end == 0 ? data.Length : end) > MostHeadBytes)
        {
            _why = $"a head of more than {MostHeadBytes} bytes";
            return RequestFault.TooLarge;
        }

        if (end == 0)
        {
            return RequestFault.None;
        }

        _scanner = default;
        var fault = head.Parse(data[..end]);
        _why = head.Why;
        return fault;
    }

    private RequestPart ReadBody(ReadOnlySpan<byte> data, out int length, out RequestFault fault)
    {
        fault = RequestFault.None;
        if (_body == BodyKind.Length)
        {
            length = (int)Math.Min(_left, data.Length);
            _left -= length;
            _body = _left == 0 ? BodyKind.None : _body;
            return RequestPart.Body;
        }

        length = _chunks.Advance(data, out var isTrailer);
        if (_chunks.IsBad)
        {
            length = 0;
            fault = RequestFault.Chunk;
            _why = _chunks.Why;
            return RequestPart.Fault;
        }

        _body = _chunks.IsDone ? BodyKind.None : _body;
        return isTrailer ? RequestPart.Trailer : RequestPart.Body;
    }
}
