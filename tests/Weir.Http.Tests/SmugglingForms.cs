// SPDX-License-Identifier: Apache-2.0
using Xunit;

namespace Weir.Http.Tests;

/// <summary>Requests by which others' proxies and servers were led to disagree, from the public collections of such requests.</summary>
public static class SmugglingForms
{
    internal const string Post = "POST /x HTTP/1.1\r\nHost: a\r\n";
    internal const string Chunked = Post + "Transfer-Encoding: chunked\r\n\r\n";
    internal const string Next = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

    /// <summary>PortSwigger, "HTTP request smuggling" and "HTTP desync attacks"; "HTTP/1.1 must die" (Expect).</summary>
    public static TheoryData<string> PortSwigger() =>
    [
        Post + "Content-Length: 13\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + Next, // CL.TE
        Post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n24\r\n" + Next + "0\r\n\r\n", // TE.CL
        Post + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n" + Next, // TE.TE
        Post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + Next,
        Post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + Next,
        Post + " Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + Next,
        Post + "X: X\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + Next,
        Post + "Transfer-Encoding\r\n: chunked\r\n\r\n0\r\n\r\n" + Next,
        Post + "Transfer-Encoding: chunked\r\nTransfer-encoding: cow\r\n\r\n0\r\n\r\n" + Next,
        Post + "Content-Length: 0\r\nContent-Length: 35\r\n\r\n" + Next, // CL.CL
        Post + "Expect: y 100-continue\r\nContent-Length: 35\r\n\r\n" + Next, // 0.CL by Expect
        Post + "Expect: 100-continue\r\nExpect: x\r\nContent-Length: 35\r\n\r\n" + Next,
        Post + "Connection: Content-Length\r\nContent-Length: 35\r\n\r\n" + Next, // hop-by-hop
        Post + "Content-Length: 35\r\nConnection: close, transfer-encoding\r\n\r\n" + Next,
    ];

    /// <summary>The HTTP Garden's list of bugs found (TROPHIES.md): servers and what their proxies let through.</summary>
    public static TheoryData<string> HttpGarden() =>
    [
        Chunked + "0_2e\r\n\r\n" + Next,
        Chunked + "0x5\r\nhello\r\n0\r\n\r\n" + Next,
        Chunked + "+5\r\nhello\r\n0\r\n\r\n" + Next,
        Chunked + "-0x0\r\n\r\n" + Next,
        Chunked + "  0\r\n\r\n" + Next,
        Chunked + "\r\n\r\n" + Next,
        Chunked + "1rest\r\nZ\r\n0\r\n\r\n" + Next,
        Chunked + "Z\r\nZZ\r\nZZZ\r\n\r\n" + Next,
        Chunked + "INVALID!!!\r\n" + Next,
        Chunked + "5\r\r;ABCD\r\n34\r\nE\r\n0\r\n\r\n" + Next,
        Chunked + "2;a=b\r\rXX\r\n0\r\n\r\n" + Next,
        Chunked + "a\r\n0123456789\n0\r\n\r\n" + Next,
        Chunked + "5\r\nhello0\r\n\r\n" + Next,
        Chunked + "1\r0\n" + Next,
        Post + "Header: v\0\ralue\r\n\r\n" + Next,
        Post + "Visible: :/\rContent-Length: 35\r\n\r\n" + Next,
        Post + "Content-Length : 34\r\n\r\n" + Next,
        "POST /x HTTP/1.1\r\n\tContent-Length: 35\r\nHost: a\r\n\r\n" + Next,
        "GET /x HTTP/1.32\r\nHost: a\r\n\r\n" + Next,
        "GET /x HTTP/4294967295.255\r\nHost: a\r\n\r\n" + Next,
        "GET /x HTTP/\r\r1.1\r\nHost: a\r\n\r\n" + Next,
        "G=\":<>(e),[T];?\" /x HTTP/1.1\r\nHost: a\r\n\r\n" + Next,
        "GET /x\nHTTP/1.1\r\nHost: a\r\n\r\n" + Next,
        Post + "\xef" + "foo: bar\r\n\r\n" + Next,
        Post + "Content-Length: +1_0\r\n\r\n0123456789" + Next,
        Post + "Content-Length: 1Z\r\n\r\nZ" + Next,
        Post + "Content-Length: -48\r\n\r\n" + Next,
        Post + "Content-Length: 0x10\r\n\r\nZ" + Next,
        Post + "Content-Length: 010\r\n\r\n01234567" + Next,
        Post + "Content-Length: \r\n\r\n" + Next,
        Post + "Content-Length: \r\nContent-Length: 35\r\n\r\n" + Next,
        Post + "Content-Length 34\r\n\r\n" + Next,
        Post + "Content-Length\x85: 34\r\n\r\n" + Next,
        Post + "Transfer-Encoding: \xa0" + "chunked\xa0\r\n\r\n0\r\n\r\n" + Next,
        Post + "Transfer-Encoding: ,chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + Next,
        Post + "Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n" + Next,
        Post + "Transfer-Encoding: blegh\r\n\r\n1\r\nZ\r\n0\r\n\r\n" + Next,
        Post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nZ\r\n0\r\n\r\n" + Next,
        Post + "Transfer-\r\nEncoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + Next,
        Post + ": ignored\r\n\r\n" + Next,
        Post + ":\r\nI: am chopped off\r\n\r\n" + Next,
        Post + "Useless:\n\n" + Next,
        Post + "a:b\r\nc\0\r\n\r\n" + Next,
        Post + "Te\nst: test\r\n\r\n" + Next,
        Post + "\rZGET /smuggled: HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: \xff" + "a\xff\r\n\r\n" + Next,
        "GET /x HTTP/1.1\r\nHost: google.com\0.example.org\r\n\r\n" + Next,
    ];

    /// <summary>llhttp's tests of what must not be read (test/request/*.md), and those of http-desync-guardian
    /// that it calls ambiguous or severe (tests/*.yaml).</summary>
    public static TheoryData<string> LlhttpAndDesyncGuardian() =>
    [
        "GET /x ICE/1.0\r\nHost: a\r\n\r\n" + Next,
        "GET /x IHTTP/1.0\r\nHost: a\r\n\r\n" + Next,
        "PUT /x RTSP/1.0\r\nHost: a\r\n\r\n" + Next,
        "GET /x HTTP/5.6\r\nHost: a\r\n\r\n" + Next,
        "GET /x\r\nHost: a\r\n\r\n" + Next, // HTTP/0.9 with headers
        "POST /x HTTP/0.9\r\nHost: a\r\nContent-Length: 35\r\n\r\n" + Next,
        "POST /x HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + Next,
        Post + "x:\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + Next,
        Post + "x:\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + Next,
        Post + "Dummy: x\nContent-Length: 35\r\n\r\n" + Next,
        Post + "Fo@: Failure\r\n\r\n" + Next,
        Post + "Foo\x01\test: Bar\r\n\r\n" + Next,
        Post + "name\r\n : value\r\n\r\n" + Next,
        Post + "Connection\r\x1b\x35\xd5" + "eep-Alive\r\n\r\n" + Next,
        Post + "Foo: bar\r\n Content-Length: 38\r\n\r\n" + Next,
        Post + "Content-Length: 1000000000000000000000\r\n\r\n" + Next,
        Post + "Content-Length: 42 Hello world\r\n\r\n" + Next,
        Post + "Content-Length: 1000,1000\r\n\r\n" + Next,
        Post + "Content-Length: 1000.1000\r\n\r\n" + Next,
        Post + "Content-Length: 18446744073709551616\r\n\r\n" + Next,
        Post + "Content-Length: 35\x11\r\n\r\n" + Next,
        Post + "Content-Length : 100\r\nContent-Length: 35\r\n\r\n" + Next,
        Post + "Content_Length: 34\r\n\r\n" + Next,
        Post + "Transfer_Encoding: chunked\r\n\r\n0\r\n\r\n" + Next,
        Post + "Transfer- Encoding: chunked\r\n\r\n0\r\n\r\n" + Next,
        Post + "Transfer-Encoding x: chunked\r\n\r\n0\r\n\r\n" + Next,
        Post + "Transfer-Encoding\x88: chunked\r\n\r\n0\r\n\r\n" + Next,
        Post + "\x01\x01Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + Next,
        Post + "Tran\xc5\xbf" + "fer-Encoding: chunked\r\n\r\n0\r\n\r\n" + Next, // long s
        Post + "Transfer\xe2\x80\x95" + "Encoding: chunked\r\n\r\n0\r\n\r\n" + Next, // horizontal bar
        Post + "Transfer-Encoding: chunked\x11\r\n\r\n0\r\n\r\n" + Next,
        Post + "Transfer-Encoding: chunked,chunked\r\n\r\n0\r\n\r\n" + Next,
        Post + "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n" + Next,
        Post + "Transfer-Encoding: gzip\r\nContent-Length: 35\r\n\r\n" + Next,
        Post + ":SomeHeader:Transfer-Encoding: chunked\r\nContent-Length: 35\r\n\r\n" + Next,
        Post + "   \t\t  : chunked\r\nContent-Length: 35\r\n\r\n" + Next,
        "bad_method\x01 /x HTTP/1.1\r\nHost: a\r\n\r\n" + Next,
        "POST /x HTTP/1.1\nTransfer-Encoding: chunked\nHost: a\n\n0\n\n" + Next,
    ];
}
