// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Http.Http1;
using Xunit;

namespace Weir.Http.Tests;

public sealed class BodyTests
{
    [Theory]
    [InlineData("0\r\n\r\n")]
    [InlineData("5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("5;a\r\nhello\r\n0;b=c\r\n\r\n")]
    [InlineData("5;a=b;c=\"d; e\";f\r\nhello\r\n0\r\nX: y\r\n\r\n")]
    [InlineData("00000a\r\n0123456789\r\n0\r\nX-Trailer: y\r\nZ:\r\n\r\n")]
    public void ChunkedBody_CutAtEveryByte_EndsAtTheSamePlace(string body)
    {
        var bytes = Encoding.ASCII.GetBytes(body + "GET / HTTP/1.1");
        for (var cut = 0; cut <= body.Length; cut++)
        {
            var chunked = new ChunkedBody(false);
            var taken = chunked.Advance(bytes.AsSpan(0, cut));
            Assert.Equal(cut, taken);
            taken += chunked.Advance(bytes.AsSpan(cut));
            Assert.Equal(body.Length, taken);
            Assert.True(chunked.IsDone);
        }
    }

    [Theory]
    [InlineData("\r\n")]
    [InlineData("g\r\n")]
    [InlineData("-1\r\n")]
    [InlineData("+1\r\n")]
    [InlineData("0x1\r\n")]
    [InlineData(" 1\r\n")]
    [InlineData("1 \r\n")]
    [InlineData("1;\r\n")]
    [InlineData("1 ;ext\r\n")]
    [InlineData("1; ext\r\n")]
    [InlineData("1;ext \r\n")]
    [InlineData("1;ext=\r\n")]
    [InlineData("1;ext=a=b\r\n")]
    [InlineData("1;=a\r\n")]
    [InlineData("1;ext\n")]
    [InlineData("1;ext\r;\n")]
    [InlineData("1;ext=\"a\r\n")]
    [InlineData("1;ext=\"a\\\"\r\n")]
    [InlineData("1;ext=\"a\"b\r\n")]
    [InlineData("1;ext=\"\n\"\r\n")]
    [InlineData("1;ext=\n\r\n")]
    [InlineData("1\n")]
    [InlineData("1\r\r\n")]
    [InlineData("1\r\nab\r\n")]
    [InlineData("1\r\na\n")]
    [InlineData("1\r\na\rb")]
    [InlineData("10000000000000000\r\n")]
    [InlineData("0\r\n\n")]
    [InlineData("0\r\nno colon\r\n")]
    [InlineData("0\r\n X: y\r\n")]
    [InlineData("0\r\n: y\r\n")]
    [InlineData("0\r\nX : y\r\n")]
    [InlineData("0\r\nX: y\n")]
    [InlineData("0\r\nX: y\rz")]
    [InlineData("0\r\nContent-Length: 5\r\n")]
    [InlineData("0\r\ntransfer-encoding: chunked\r\n")]
    [InlineData("0\r\nHost: a\r\n")]
    public void BadChunks_AreFaults(string body)
    {
        var chunked = new ChunkedBody(false);
        chunked.Advance(Encoding.ASCII.GetBytes(body));
        Assert.True(chunked.IsBad);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Extensions_OfManyChunks_AreNoFault_AndAnEndlessOneIs(bool lenient)
    {
        var chunked = new ChunkedBody(lenient);
        for (var i = 0; i < 1000; i++)
        {
            chunked.Advance("1;chunk-signature=0123456789abcdef0123456789abcdef\r\nx\r\n"u8);
        }

        Assert.False(chunked.IsBad);
        chunked.Advance("1;"u8);
        chunked.Advance(Encoding.ASCII.GetBytes(new string('a', 2000)));
        Assert.True(chunked.IsBad);
    }

    [Theory]
    [InlineData("0\r\n\r\n", "0\r\n\r\n")]
    [InlineData("1\r\nx\r\n0\r\nX: y\r\nZ:\r\n\r\n", "1\r\nx\r\n0\r\n\r\n")]
    [InlineData("0\r\nX:GET /private HTTP/1.1\r\n\r\n", "0\r\n\r\n")]
    public void Trailers_AreTold_HoweverTheyAreCut(string body, string without)
    {
        for (var size = 1; size <= body.Length; size++)
        {
            var chunked = new ChunkedBody(false);
            var left = new StringBuilder();
            foreach (var piece in body.Chunk(size))
            {
                for (var start = 0; start < piece.Length;)
                {
                    var length = chunked.Advance(Encoding.ASCII.GetBytes(piece).AsSpan(start), out var isTrailer);
                    left.Append(isTrailer ? [] : piece.AsSpan(start, length));
                    start += length;
                }
            }

            Assert.True(chunked.IsDone);
            Assert.Equal(without, left.ToString());
        }
    }

    [Fact]
    public void EndlessTrailers_AreAFault()
    {
        var chunked = new ChunkedBody(false);
        chunked.Advance("0\r\n"u8);
        for (var i = 0; i < 1000 && !chunked.IsBad; i++)
        {
            chunked.Advance("X-Trailer: yyyyyyyy\r\n"u8);
        }

        Assert.True(chunked.IsBad);
    }

    [Theory]
    [InlineData("5 ; a=b\r\nhello\r\n0\r\n\r\n")]
    [InlineData("5\nhello\n0\n\n")]
    public void AnswersChunks_AreReadLeniently(string body)
    {
        var chunked = new ChunkedBody(lenient: true);
        Assert.Equal(body.Length, chunked.Advance(Encoding.ASCII.GetBytes(body + "more")));
        Assert.True(chunked.IsDone);
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, BodyKind.Length, true)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, BodyKind.None, true)]
    [InlineData("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n", 200, BodyKind.Chunked, true)]
    [InlineData("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\n", 200, BodyKind.Length, false)]
    [InlineData("HTTP/1.0 200 OK\r\n\r\n", 200, BodyKind.UntilClose, false)]
    [InlineData("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n", 200, BodyKind.Length, true)]
    [InlineData("HTTP/1.1 204 No\r\n\r\n", 204, BodyKind.None, true)]
    [InlineData("HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n", 304, BodyKind.None, true)]
    [InlineData("HTTP/1.1 100 Continue\r\n\r\n", 100, BodyKind.None, true)]
    [InlineData("HTTP/1.1 200 OK\nContent-Length: 5\n\n", 200, BodyKind.Length, true)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 200, BodyKind.UntilClose, false)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n", 200, BodyKind.UntilClose, false)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\n", 200, BodyKind.UntilClose, false)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n", 200, BodyKind.Length, true)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", 200, BodyKind.Length, true)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 200, BodyKind.Chunked, true)]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 200, BodyKind.Chunked, true)]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", 200, BodyKind.Chunked, true)]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 200, BodyKind.Chunked, true)]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", 200, BodyKind.UntilClose, false)]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n\r\n", 200, BodyKind.Length, true)]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", 200, BodyKind.UntilClose, false)]
    [InlineData("ICY 200 OK\r\n\r\n", 0, BodyKind.UntilClose, false)]
    public void Answer_TellsWhereItEnds(string text, int status, BodyKind body, bool keepAlive)
    {
        var head = Encoding.ASCII.GetBytes(text);
        Assert.Equal(head.Length, new HeadScanner(lenient: true).Scan(head));
        var response = ResponseHead.Parse(head, toHead: false, toConnect: false);
        Assert.Equal((status, body, keepAlive), (response.Status, response.Body, response.KeepAlive));
    }

    [Fact]
    public void AnswersToHeadAndConnect_HaveNoBody()
    {
        var head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"u8;
        Assert.Equal(BodyKind.None, ResponseHead.Parse(head, toHead: true, toConnect: false).Body);
        Assert.Equal(BodyKind.None, ResponseHead.Parse(head, toHead: false, toConnect: true).Body);
    }
}
