// SPDX-License-Identifier: Apache-2.0
using System.Text;

namespace Weir.Http.Http1;

/// <summary>What must be known of an answer's head to pass the answer on: its status and where it ends. An
/// answer that is not understood ends with its connection.</summary>
public readonly struct ResponseHead
{
    private ResponseHead(int status, BodyKind body, long contentLength, bool keepAlive, bool isDoubtful = false)
    {
        Status = status;
        Body = body;
        ContentLength = contentLength;
        KeepAlive = keepAlive;
        IsDoubtful = isDoubtful;
    }

    /// <summary>0: it is no answer of HTTP/1.</summary>
    public int Status { get; }

    public BodyKind Body { get; }

    public long ContentLength { get; }

    /// <summary>The server means to answer more requests on the connection.</summary>
    public bool KeepAlive { get; }

    /// <summary>It contradicts itself on where it ends, or is no answer at all.</summary>
    public bool IsDoubtful { get; }

    /// <summary>An answer that another one follows (RFC 9110 §15.2); 101 ends HTTP.</summary>
    public bool IsInterim => Status is >= 100 and < 200 and not 101;

    /// <param name="head">Up to the empty line.</param>
    /// <param name="toHead">The request's method was HEAD.</param>
    /// <param name="toConnect">It was CONNECT.</param>
    public static ResponseHead Parse(ReadOnlySpan<byte> head, bool toHead, bool toConnect)
    {
        if (head.Length < 13 || !head.StartsWith("HTTP/1."u8) || head[7] is not ((byte)'0' or (byte)'1') || head[8] != ' '
            || Bytes.Number(head.Slice(9, 3)) is not (>= 100 and var status) || head[12] is not ((byte)' ' or (byte)'\r' or (byte)'\n'))
        {
            return new ResponseHead(0, BodyKind.UntilClose, 0, false, isDoubtful: true);
        }

        var keepAlive = head[7] == '1';
        var framing = new Framing();
        var rest = head[(head.IndexOf((byte)'\n') + 1)..];
        while (rest.IndexOf((byte)'\n') is var end and > 0)
        {
            var line = rest[..end];
            rest = rest[(end + 1)..];
            var colon = line.IndexOf((byte)':');
            if (colon <= 0)
            {
                continue;
            }

            var name = Bytes.Trim(line[..colon]);
            var value = line[(colon + 1)..].Trim(" \t\r"u8);
            if (Is(name, "content-length"u8))
            {
                framing.AddLengths(value);
            }
            else if (Is(name, "transfer-encoding"u8))
            {
                framing.AddCodings(value);
            }
            else if (Is(name, "connection"u8))
            {
                keepAlive = Has(value, "keep-alive"u8) || (keepAlive && !Has(value, "close"u8));
            }
        }

        if (toHead || status is < 200 or 204 or 304 || (toConnect && status < 300))
        {
            return new ResponseHead((int)status, BodyKind.None, 0, keepAlive);
        }

        var body = framing.Body;
        var isOpen = body == BodyKind.UntilClose;
        return new ResponseHead((int)status, body, body == BodyKind.Length ? framing.Length : 0, keepAlive && !isOpen, framing.IsDoubtful);
    }

    private static bool Is(ReadOnlySpan<byte> text, ReadOnlySpan<byte> word) => Ascii.EqualsIgnoreCase(text, word);

    private static bool Has(ReadOnlySpan<byte> list, ReadOnlySpan<byte> word)
    {
        foreach (var range in list.Split((byte)','))
        {
            if (Is(Bytes.Trim(list[range]), word))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>What an answer says of its end. Application servers repeat what their framework has said, or name codings
    /// that are not there: what every client reads alike is taken as they take it (RFC 9112 §6.3).</summary>
    private ref struct Framing
    {
        private bool _hasCoding;
        private bool _isChunked;
        private bool _hasLength;
        private bool _lengthsDiffer;

        public long Length { get; private set; }

        /// <summary>It says something, and does not say where it ends.</summary>
        public readonly bool IsDoubtful => Body == BodyKind.UntilClose && (_hasLength || _hasCoding);

        /// <summary>The last coding is chunked: the chunks' end is the answer's, whatever length is said beside.</summary>
        public readonly BodyKind Body => _isChunked ? BodyKind.Chunked
            : _hasCoding || _lengthsDiffer || !_hasLength ? BodyKind.UntilClose
            : Length > 0 ? BodyKind.Length
            : BodyKind.None;

        /// <summary>"2", and "2, 2" of two who both said it.</summary>
        public void AddLengths(ReadOnlySpan<byte> value)
        {
            foreach (var range in value.Split((byte)','))
            {
                var number = Bytes.Number(Bytes.Trim(value[range]));
                _lengthsDiffer |= number is null || (_hasLength && Length != number);
                Length = number ?? 0;
                _hasLength = true;
            }
        }

        public void AddCodings(ReadOnlySpan<byte> value)
        {
            foreach (var range in value.Split((byte)','))
            {
                var coding = Bytes.Trim(value[range]);
                if (coding.IsEmpty || Is(coding, "identity"u8))
                {
                    continue;
                }

                _hasCoding = true;
                _isChunked = Is(coding, "chunked"u8);
            }
        }
    }
}
