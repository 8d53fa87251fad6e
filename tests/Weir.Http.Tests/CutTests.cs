// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Http.Http1;
using Weir.Http.Http2;
using Xunit;

namespace Weir.Http.Tests;

/// <summary>What arrives in two pieces, cut anywhere, or byte by byte, is read as what arrives at once.</summary>
public sealed class CutTests
{
    [Theory]
    [InlineData("GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.0\r\n\r\n")]
    [InlineData("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /b HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n00a\r\n0123456789\r\n0\r\nX-T: y\r\nZ:\r\n\r\nPUT /b HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX:\r\n\r\nCONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n")]
    [InlineData("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello")]
    [InlineData("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nx\r\n")]
    [InlineData("GET /a HTTP/1.1\r\nHost: a\nX: y\r\n\r\n")]
    [InlineData("\x16\x03\x01\x02")]
    public void Requests(string text)
    {
        var bytes = Encoding.Latin1.GetBytes(text);
        EveryCut(bytes, ends => ReadRequests(bytes, ends));
    }

    [Theory]
    [InlineData("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 204 No\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nT: u\r\n\r\nHTTP/1.1 304 Not\r\nContent-Length: 7\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\nContent-Length: 2\n\nokHTTP/1.0 200 OK\r\n\r\nuntil close")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nanything HTTP/1.1")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot chunks")]
    [InlineData("ICY 200 OK\r\n\r\nmusic")]
    public void Answers(string text)
    {
        var bytes = Encoding.Latin1.GetBytes(text);
        EveryCut(bytes, ends => ReadAnswers(bytes, ends));
    }

    /// <summary>RFC 7541, C.4 and C.6. A block is decoded whole: less of it is fewer headers or none, never others.</summary>
    [Theory]
    [InlineData("828684418cf1e3c2e5f23a6ba0ab90f4ff")]
    [InlineData("400a637573746f6d2d6b65790d637573746f6d2d686561646572040c2f73616d706c652f70617468")]
    [InlineData("3fe101488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3")]
    public void HeaderBlocks(string hex)
    {
        var block = Convert.FromHexString(hex);
        for (var cut = 0; cut < block.Length; cut++)
        {
            var whole = new HeaderList();
            var decoder = new HpackDecoder();
            decoder.Decode([0x40, 1, (byte)'a', 1, (byte)'b'], whole);
            var part = new HeaderList();
            var another = new HpackDecoder();
            another.Decode([0x40, 1, (byte)'a', 1, (byte)'b'], part);
            Assert.True(decoder.Decode(block, whole));
            another.Decode(block.AsSpan(0, cut), part);
            Assert.True(part.Count < whole.Count || cut == block.Length);
            for (var i = 0; i < part.Count; i++)
            {
                Assert.Equal(Encoding.Latin1.GetString(whole.Name(i)), Encoding.Latin1.GetString(part.Name(i)));
                Assert.Equal(Encoding.Latin1.GetString(whole.Value(i)), Encoding.Latin1.GetString(part.Value(i)));
            }
        }
    }

    /// <summary>In two pieces at each place, and in as many pieces as there are bytes.</summary>
    private static void EveryCut(byte[] bytes, Func<int[], string> read)
    {
        var expected = read([bytes.Length]);
        for (var cut = 1; cut < bytes.Length; cut++)
        {
            Assert.Equal(expected, read([cut, bytes.Length]));
        }

        Assert.Equal(expected, read([.. Enumerable.Range(1, bytes.Length)]));
    }

    private static string ReadRequests(byte[] bytes, int[] ends)
    {
        var reader = new RequestReader();
        var head = new RequestHead();
        List<string> log = [];
        var body = 0;
        var start = 0;
        foreach (var end in ends)
        {
            while (start < end)
            {
                var data = bytes.AsSpan(start, end - start);
                var part = reader.Read(data, head, out var length, out var fault);
                if (part == RequestPart.Fault)
                {
                    // A fault in a body shows with the piece it is in; how much of it came before is no matter.
                    log.Add(fault.ToString());
                    return string.Join(' ', log);
                }

                if (part == RequestPart.More)
                {
                    break;
                }

                if (part == RequestPart.Head)
                {
                    log.Add($"{body} {Encoding.Latin1.GetString(head.Target(data[..length]))} at {start}");
                    body = 0;
                }
                else
                {
                    body += length;
                }

                start += length;
            }
        }

        return string.Join(' ', log) + $" {body} {start}";
    }

    private static string ReadAnswers(byte[] bytes, int[] ends)
    {
        var reader = new ResponseReader();
        List<string> log = [];
        var body = 0;
        var start = 0;
        foreach (var end in ends)
        {
            while (start < end)
            {
                var length = reader.Read(bytes.AsSpan(start, end - start), toHead: false, toConnect: false, out var head);
                if (length == 0)
                {
                    break;
                }

                if (head is { } answer)
                {
                    log.Add($"{body} {answer.Status} {answer.Body} at {start}");
                    body = 0;
                }
                else
                {
                    body += length;
                }

                start += length;
            }
        }

        return string.Join(' ', log) + $" {body} {start} {reader.IsBetween} {reader.IsUntilClose}";
    }
}
