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

    /// <summary>No request is under way.</summary>
    public readonly bool IsBetween => _body == BodyKind.None;

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
        if (!RequestHead.LooksLikeHttp(data))
        {
            fault = data[0] is (byte)'\r' or (byte)'\n' or (byte)' ' ? RequestFault.RequestLine : RequestFault.NotHttp;
            return RequestPart.Fault;
        }

        var end = _scanner.Scan(data);
        if (end <= 0)
        {
            fault = end < 0 ? RequestFault.LineEnd : data.Length > MostHeadBytes ? RequestFault.TooLarge : RequestFault.None;
            return fault == RequestFault.None ? RequestPart.More : RequestPart.Fault;
        }

        _scanner = default;
        fault = end > MostHeadBytes ? RequestFault.TooLarge : head.Parse(data[..end]);
        if (fault != RequestFault.None)
        {
            return RequestPart.Fault;
        }

        length = end;
        _body = head.Body;
        _left = head.ContentLength;
        _chunks = new ChunkedBody(lenient: false);
        return RequestPart.Head;
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

        length = _chunks.Advance(data);
        if (_chunks.IsBad)
        {
            length = 0;
            fault = RequestFault.Chunk;
            return RequestPart.Fault;
        }

        _body = _chunks.IsDone ? BodyKind.None : _body;
        return RequestPart.Body;
    }
}
