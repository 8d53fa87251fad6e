// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Http1;

/// <summary>Cuts what a server sends into answers. What it cannot read it takes for a body that ends with
/// the connection: answers are passed on, not judged.</summary>
public struct ResponseReader
{
    private const int MostHeadBytes = 64 * 1024;

    private HeadScanner _scanner = new(lenient: true);
    private ChunkedBody _chunks;
    private BodyKind _body;
    private long _left;

    public ResponseReader()
    {
    }

    /// <summary>No answer is under way.</summary>
    public readonly bool IsBetween => _body == BodyKind.None;

    /// <summary>The answer under way ends with the connection.</summary>
    public readonly bool IsUntilClose => _body == BodyKind.UntilClose;

    /// <summary>The answer under way contradicts itself on where it ends.</summary>
    public bool IsDoubtful { get; private set; }

    /// <summary>Reads the next part of what has arrived.</summary>
    /// <param name="data">Not empty. What an earlier call left over stands at its beginning.</param>
    /// <param name="toHead">The request answered next is HEAD.</param>
    /// <param name="toConnect">It is CONNECT.</param>
    /// <param name="head">Set when the part is a head.</param>
    /// <returns>Bytes of the part; 0: more must arrive.</returns>
    public int Read(ReadOnlySpan<byte> data, bool toHead, bool toConnect, out ResponseHead? head)
    {
        head = null;
        switch (_body)
        {
            case BodyKind.UntilClose:
                return data.Length;
            case BodyKind.Length:
                var length = (int)Math.Min(_left, data.Length);
                _left -= length;
                _body = _left == 0 ? BodyKind.None : _body;
                return length;
            case BodyKind.Chunked:
                length = _chunks.Advance(data);
                _body = _chunks.IsBad ? BodyKind.UntilClose : _chunks.IsDone ? BodyKind.None : _body;
                IsDoubtful = _chunks.IsBad;
                return _chunks.IsBad ? data.Length : length;
            default:
                return ReadHead(data, toHead, toConnect, out head);
        }
    }

    private int ReadHead(ReadOnlySpan<byte> data, bool toHead, bool toConnect, out ResponseHead? head)
    {
        var end = _scanner.Scan(data);
        if (end <= 0 && data.Length <= MostHeadBytes)
        {
            head = null;
            return 0;
        }

        _scanner = new HeadScanner(lenient: true);
        var parsed = ResponseHead.Parse(end <= 0 ? data : data[..end], toHead, toConnect);
        head = parsed;
        _body = end <= 0 ? BodyKind.UntilClose : parsed.Body;
        IsDoubtful = end <= 0 || parsed.IsDoubtful;
        _left = parsed.ContentLength;
        _chunks = new ChunkedBody(lenient: true);
        return end <= 0 ? data.Length : end;
    }
}
