// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Http1;

/// <summary>Why a request is answered with 400 and its connection closed: what two readers could read
/// differently is not passed on.</summary>
public enum RequestFault
{
    None,

    /// <summary>Its first bytes are no method: something other than HTTP, closed without an answer.</summary>
    NotHttp,

    /// <summary>The request line is not "method SP target SP version CRLF".</summary>
    RequestLine,

    /// <summary>Neither HTTP/1.0 nor HTTP/1.1.</summary>
    Version,

    /// <summary>A line ends with LF alone, or CR stands inside one.</summary>
    LineEnd,

    /// <summary>A header line begins with white space (obs-fold, RFC 9112 §5.2).</summary>
    Folded,

    /// <summary>A header's name is no token, or white space stands before its colon.</summary>
    HeaderName,

    /// <summary>A header's value has control characters.</summary>
    HeaderValue,

    /// <summary>More headers or bytes than a head may have.</summary>
    TooLarge,

    /// <summary>Content-Length is no single plain number.</summary>
    ContentLength,

    /// <summary>Transfer-Encoding is not exactly "chunked" of HTTP/1.1, or stands beside Content-Length.</summary>
    TransferEncoding,

    /// <summary>Host is missing, there twice, malformed, or not the target's.</summary>
    Host,

    /// <summary>The target has characters or escapes that servers read differently.</summary>
    Target,

    /// <summary>The target climbs: "." or ".." as a segment, however written.</summary>
    DotSegment,

    /// <summary>Connection names a header that frames or routes the message.</summary>
    Connection,

    /// <summary>A chunk's size, end or extension, or a trailer is malformed.</summary>
    Chunk,

    /// <summary>The rules allow the target as sent, but not what a server may make of it.</summary>
    Ambiguous,

    /// <summary>The request did not arrive whole in time.</summary>
    Timeout,

    /// <summary>Expect is not exactly "100-continue" (RFC 9110 §10.1.1), or there twice.</summary>
    Expect,

    /// <summary>A frame of HTTP/2 that is malformed or must not be where it is (RFC 9113 §5.4.1).</summary>
    Frame,

    /// <summary>More frames of HTTP/2 than what is asked for needs.</summary>
    Flood,
}
