// SPDX-License-Identifier: Apache-2.0
using System.Text;

namespace Weir.Http.Http1;

/// <summary>What must be known of an answer's head to pass the answer on: its status and where it ends. An
/// answer that is not understood ends with its connection.</summary>
public readonly struct ResponseHead
{
    private ResponseHead(int status, BodyKind body, long contentLength, bool keepAlive)
    {
        Status = status;
        Body = body;
        ContentLength = contentLength;
        KeepAlive = keepAlive;
    }

    /// <summary>0: it is no answer of HTTP/1.</summary>
    public int Status { get; }

    public BodyKind Body { get; }

    public long ContentLength { get; }

    /// <summary>The server means to answer more requests on the connection.</summary>
    public bool KeepAlive { get; }

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
            return new ResponseHead(0, BodyKind.UntilClose, 0, false);
        }

        var keepAlive = head[7] == '1';
        long length = -1;
        var (chunked, doubtful) = (false, false);
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
                var number = Bytes.Number(value);
                doubtful |= number is null || (length >= 0 && length != number);
                length = number ?? -1;
            }
            else if (Is(name, "transfer-encoding"u8))
            {
                doubtful |= chunked || !Is(value, "chunked"u8);
                chunked = true;
            }
            else if (Is(name, "connection"u8))
            {
                keepAlive = Has(value, "keep-alive"u8) || (keepAlive && !Has(value, "close"u8));
            }
        }

        var hasNoBody = toHead || status is < 200 or 204 or 304 || (toConnect && status < 300);
        doubtful |= chunked && length >= 0;
        return hasNoBody ? new ResponseHead((int)status, BodyKind.None, 0, keepAlive)
            : doubtful ? new ResponseHead((int)status, BodyKind.UntilClose, 0, false)
            : chunked ? new ResponseHead((int)status, BodyKind.Chunked, 0, keepAlive)
            : length > 0 ? new ResponseHead((int)status, BodyKind.Length, length, keepAlive)
            : length == 0 ? new ResponseHead((int)status, BodyKind.None, 0, keepAlive)
            : new ResponseHead((int)status, BodyKind.UntilClose, 0, false);
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
}
