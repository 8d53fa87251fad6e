// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Http.Http1;
using Xunit;

namespace Weir.Http.Tests;

public sealed class RequestHeadTests
{
    public static TheoryData<string, RequestFault> Heads() => new()
    {
        { "GET / HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.None },
        { "GET /a?b=/../c HTTP/1.1\r\nhost:a\r\n\r\n", RequestFault.None },
        { "GET / HTTP/1.0\r\n\r\n", RequestFault.None },
        { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", RequestFault.None },
        { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n", RequestFault.None },
        { "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.None },
        { "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", RequestFault.None },
        { "GET http://A:80/x HTTP/1.1\r\nHost: a:80\r\n\r\n", RequestFault.None },
        { "PRI * HTTP/2.0\r\n\r\n", RequestFault.None },
        { "GET /a%2fb%20c HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.None },
        { "GET /.well-known/x HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.None },
        { "GET / HTTP/1.1\r\nHost: [::1]:80\r\nX: \t v \t \r\n\r\n", RequestFault.None },
        { "GET / HTTP/1.1\r\nHost: a\r\n" + string.Concat(Enumerable.Repeat("X: y\r\n", 999)) + "\r\n", RequestFault.None },

        // What people send, and means one thing to all who read it.
        { "GET /a?b=\"<>\\{|}^` HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.None },
        { "GET /a\"b<c> HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.None },
        { "GET /caf\xc3\xa9?q=\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.None }, // UTF-8
        { "GET /caf\xe9?q=\xe9 HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.None }, // Latin-1
        { "GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.None },
        { "GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.None },
        { "GET /a/./b HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.None },
        { "GET /a/.. HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.None },
        { "GET /a/. HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.None },
        { "GET http://a/x/../y HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.None },
        { "GET /a%0Ab%09c%7Fd%0d HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.None },
        { "GET http://a:80/ HTTP/1.1\r\nHost: A\r\n\r\n", RequestFault.None },
        { "GET http://a/ HTTP/1.1\r\nHost: a:80\r\n\r\n", RequestFault.None },
        { "GET https://a/ HTTP/1.1\r\nHost: a:443\r\n\r\n", RequestFault.None },
        { "GET http://a/ HTTP/1.0\r\n\r\n", RequestFault.None },
        { "CONNECT a:443 HTTP/1.0\r\n\r\n", RequestFault.None },
        { "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.None },
        { "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]\r\n\r\n", RequestFault.None },

        { " GET / HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.RequestLine },
        { "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.RequestLine },
        { "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.RequestLine },
        { "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", RequestFault.RequestLine },
        { "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.RequestLine },
        { "GET /\r\n\r\n", RequestFault.RequestLine },
        { "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.RequestLine },
        { "GET / HTTP/1.1\rHost: a\r\n\r\n", RequestFault.LineEnd },
        { "G@T / HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.RequestLine },
        { "GET / HTTP/1.2\r\nHost: a\r\n\r\n", RequestFault.Version },
        { "GET / HTTP/2.0\r\nHost: a\r\n\r\n", RequestFault.Version },
        { "GET / http/1.1\r\nHost: a\r\n\r\n", RequestFault.RequestLine },
        { "PRI * HTTP/2.0\r\nHost: a\r\n\r\n", RequestFault.RequestLine },

        { "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", RequestFault.LineEnd },
        { "GET / HTTP/1.1\r\nHost: a\r\n X: b\r\n\r\n", RequestFault.Folded },
        { "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n\tb\r\n\r\n", RequestFault.Folded },
        { "GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n", RequestFault.HeaderName },
        { "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", RequestFault.HeaderName },
        { "GET / HTTP/1.1\r\nHost: a\r\nNo colon\r\n\r\n", RequestFault.HeaderName },
        { "GET / HTTP/1.1\r\nHost: a\r\nContent-Length\0: 5\r\n\r\n", RequestFault.HeaderName },
        { "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", RequestFault.HeaderValue },
        { "GET / HTTP/1.1\r\nHost: a\r\nX: a\x0b\r\n\r\n", RequestFault.HeaderValue },

        { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", RequestFault.ContentLength },
        { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\ncontent-length: 6\r\n\r\n", RequestFault.ContentLength },
        { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n", RequestFault.ContentLength },
        { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n", RequestFault.ContentLength },
        { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n", RequestFault.ContentLength },
        { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n", RequestFault.ContentLength },
        { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5 5\r\n\r\n", RequestFault.ContentLength },
        { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", RequestFault.ContentLength },
        { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", RequestFault.ContentLength },
        { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", RequestFault.TransferEncoding },
        { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", RequestFault.TransferEncoding },
        { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", RequestFault.TransferEncoding },
        { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n", RequestFault.TransferEncoding },
        { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", RequestFault.TransferEncoding },
        { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", RequestFault.TransferEncoding },
        { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n", RequestFault.TransferEncoding },
        { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0b" + "chunked\r\n\r\n", RequestFault.HeaderValue },
        { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n", RequestFault.TransferEncoding },
        { "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", RequestFault.TransferEncoding },

        { "GET / HTTP/1.1\r\n\r\n", RequestFault.Host },
        { "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", RequestFault.Host },
        { "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", RequestFault.Host },
        { "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", RequestFault.Host },
        { "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", RequestFault.Host },
        { "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", RequestFault.Host },
        { "GET http://a:81/ HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.Host },
        { "GET http://a:80/ HTTP/1.1\r\nHost: a:81\r\n\r\n", RequestFault.Host },
        { "GET https://a/ HTTP/1.1\r\nHost: a:80\r\n\r\n", RequestFault.Host },
        { "GET http://a:x/ HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.Host },
        { "GET http://a:80/ HTTP/1.1\r\nHost: b\r\n\r\n", RequestFault.Host },
        { "GET http://a/ HTTP/1.1\r\n\r\n", RequestFault.Host },
        { "CONNECT a:443 HTTP/1.1\r\n\r\n", RequestFault.Host },
        { "CONNECT a:8443 HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.Host },
        { "CONNECT a:443 HTTP/1.1\r\nHost: b:443\r\n\r\n", RequestFault.Host },
        { "GET http://a@b/ HTTP/1.1\r\nHost: a@b\r\n\r\n", RequestFault.Host },
        { "GET http://a@b/ HTTP/1.1\r\nHost: b\r\n\r\n", RequestFault.Target },
        { "GET http://a?/x HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.Target },
        { "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.Target },
        { "GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.Target },
        { "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.Target },
        { "GET public HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.Target },
        { "GET * HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.Target },
        { "CONNECT /x HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.Target },
        { "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.Target },
        { "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.Target },
        { "GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.Target },
        { "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.Target },
        { "GET /% HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.Target },
        { "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.Target },
        { "GET /a%0d%0aX:y HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.Target },
        { "GET /a%0ab%20HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.Target },
        { "GET /a%0db%20http/1.1 HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.Target },
        { "GET /a%250d%250ab HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.Target },
        { "GET /a%2500b HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.Target },
        { "GET /%20%zz HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.Target },
        { "GET /%u002e%u002e/b HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.Target },
        { "GET /a/%c0%ae%c0%ae/b HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.Target },
        { "GET /a/\xc0\xae\xc0\xae/b HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.Target },
        { "GET /a%c0%afb HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.Target },
        { "GET /a%c1%9cb HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.Target },
        { "GET /a/%e0%80%ae%e0%80%ae/b HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.Target },
        { "GET /a/%f0%80%80%ae/b HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.Target },
        { "GET /a/%25c0%25ae%25c0%25ae/b HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.Target },
        { "GET /%25252525252525252541 HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.Target },
        { "GET /a/..%20/b HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.DotSegment },
        { "GET /a/..%3f/b HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.DotSegment },
        { "GET /a/..%23/b HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.DotSegment },
        { "GET /a/..%2520/b HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.DotSegment },
        { "GET /a/..%3bx/b HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.DotSegment },
        { "GET /a/..%252f../b HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.DotSegment },
        { "GET /a/%25252e%25252e/b HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.DotSegment },
        { "GET /a/%2525252e./b HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.DotSegment },
        { "GET /a/..;x/b HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.DotSegment },
        { "GET /a/%2e%2e/b HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.DotSegment },
        { "GET /a/.%2E/b HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.DotSegment },
        { "GET /a%2f..%2fb HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.DotSegment },
        { "GET /a%5c..%5cb HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.DotSegment },
        { "GET /a/%252e%252e/b HTTP/1.1\r\nHost: a\r\n\r\n", RequestFault.DotSegment },
        { "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, Content-Length\r\n\r\n", RequestFault.Connection },
        { "GET / HTTP/1.1\r\nHost: a\r\n" + string.Concat(Enumerable.Repeat("X: y\r\n", 1000)) + "\r\n", RequestFault.TooLarge },
    };

    [Theory]
    [MemberData(nameof(Heads))]
    public void Head_IsReadStrictly(string text, RequestFault expected)
    {
        var head = Encoding.Latin1.GetBytes(text);
        Assert.Equal(expected, new RequestHead().Parse(head));
        if (expected is RequestFault.None)
        {
            Assert.Equal(head.Length, new HeadScanner(false).Scan(head));
        }
    }

    [Fact]
    public void Parts_AreWhatWasSent()
    {
        var head = "POST http://api:8080/a/b?c=d HTTP/1.1\r\nHost: api:8080\r\nX-One:  1\t\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nExpect: 100-continue\r\nContent-Length: 12\r\n\r\n"u8;
        var request = new RequestHead();
        Assert.Equal(RequestFault.None, request.Parse(head));
        Assert.Equal("POST", Encoding.ASCII.GetString(request.Method(head)));
        Assert.Equal("http://api:8080/a/b?c=d", Encoding.ASCII.GetString(request.Target(head)));
        Assert.Equal("/a/b?c=d", Encoding.ASCII.GetString(request.Path(head)));
        Assert.Equal("api:8080", Encoding.ASCII.GetString(request.Host(head)));
        Assert.Equal("1", Encoding.ASCII.GetString(request.HeadersOf(head).Value(1)));
        Assert.Equal((BodyKind.Length, 12), (request.Body, request.ContentLength));
        Assert.True(request is { KeepAlive: true, Upgrade: UpgradeKind.WebSocket, ExpectsContinue: true, IsHttp11: true });
    }

    [Theory]
    [InlineData("GET / HTTP/1.0\r\n\r\n", false)]
    [InlineData("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true)]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false)]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true)]
    public void KeepAlive_FollowsVersionAndConnection(string text, bool expected)
    {
        var request = new RequestHead();
        request.Parse(Encoding.ASCII.GetBytes(text));
        Assert.Equal(expected, request.KeepAlive);
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: a\n\r\n", -1)]
    [InlineData("GET / HTTP/1.1\nHost: a\r\n\r\n", -1)]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\n\n", -1)]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\n", 0)]
    public void Scanner_WantsCrLf(string text, int expected) =>
        Assert.Equal(expected, new HeadScanner(false).Scan(Encoding.ASCII.GetBytes(text)));

    [Fact]
    public void Scanner_CutAtEveryByte_FindsTheSameEnd()
    {
        var head = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n\r\n"u8;
        var end = new HeadScanner(false).Scan(head);
        for (var cut = 0; cut < end; cut++)
        {
            var scanner = new HeadScanner(false);
            Assert.Equal(0, scanner.Scan(head[..cut]));
            Assert.Equal(end, scanner.Scan(head));
        }

        var grown = new HeadScanner(false);
        for (var length = 0; length < end; length++)
        {
            Assert.Equal(0, grown.Scan(head[..length]));
        }

        Assert.Equal(end, grown.Scan(head[..end]));
    }

    [Theory]
    [InlineData("GET /", true)]
    [InlineData("GE", true)]
    [InlineData("\x16\x03\x01", false)]
    [InlineData("SSH-2.0-OpenSSH\r\n", false)]
    [InlineData("\r\n", false)]
    [InlineData("abcdefghijklmnopqrstuvwxyzabcdefghij", false)]
    public void FirstBytes_TellWhetherItIsHttp(string text, bool expected) =>
        Assert.Equal(expected, RequestHead.LooksLikeHttp(Encoding.Latin1.GetBytes(text)));
}
