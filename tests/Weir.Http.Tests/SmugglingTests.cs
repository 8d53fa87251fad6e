// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text;
using Weir.Http.Http1;
using Xunit;

namespace Weir.Http.Tests;

/// <summary>
/// Requests by which others' proxies and servers were led to disagree, from the public collections of such
/// requests: each is refused, and "/smuggled" never comes out as a request of its own.
/// </summary>
public sealed class SmugglingTests
{
    private const string Post = "POST /x HTTP/1.1\r\nHost: a\r\n";
    private const string Chunked = Post + "Transfer-Encoding: chunked\r\n\r\n";
    private const string Next = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

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

    [Theory]
    [MemberData(nameof(PortSwigger))]
    [MemberData(nameof(HttpGarden))]
    [MemberData(nameof(LlhttpAndDesyncGuardian))]
    public void KnownForm_IsRefused_HoweverItArrives(string text)
    {
        var bytes = Encoding.Latin1.GetBytes(text);
        foreach (var step in (int[])[bytes.Length, 1, 3])
        {
            var (targets, fault) = Read(bytes, step);
            Assert.NotEqual(RequestFault.None, fault);
            Assert.DoesNotContain("/smuggled", targets);
        }
    }

    /// <summary>
    /// The mutations of defparam's "smuggler" (configs/default.py): a byte at every place around a
    /// Transfer-Encoding beside Content-Length. What is not refused must have no Transfer-Encoding in it
    /// even for the most careless of servers.
    /// </summary>
    [Fact]
    public void MutatedTransferEncoding_IsRefused_UnlessNobodyCouldTakeItForOne()
    {
        string[] places =
        [
            "Transfer-Encoding:{0}chunked", "Transfer-Encoding{0}: chunked", "{0}Transfer-Encoding: chunked", "Transfer-Encoding: chunked{0}",
            "X: X{0}Transfer-Encoding: chunked", "Transfer-Encoding: chunked{0}X: X", "X: X\r{0}Transfer-Encoding: chunked",
            "X: X{0}\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r{0}X: X", "Transfer-Encoding: chunked{0}\nX: X",
        ];
        var (refused, passed) = (0, 0);
        foreach (var place in places)
        {
            for (var value = 0; value < 256; value++)
            {
                var header = string.Format(CultureInfo.InvariantCulture, place, (char)value);
                var head = $"{Post}{header}\r\nContent-Length: 35\r\n\r\n";
                var (targets, fault) = Read(Encoding.Latin1.GetBytes(head + Next), int.MaxValue);
                refused += fault == RequestFault.None ? 0 : 1;
                passed += fault == RequestFault.None ? 1 : 0;
                Assert.DoesNotContain("/smuggled", targets);
                Assert.True(fault != RequestFault.None || !CarelessNames(head).Contains("transfer-encoding"), header);
            }
        }

        // Some must pass, such as "X: XyTransfer-Encoding: chunked", or this would be no test of mutations.
        Assert.True(refused > passed && passed > 100, $"{refused} refused, {passed} passed");
    }

    /// <summary>What is right by the letter passes: a server that does not read bodies as it must is beyond a proxy's help.</summary>
    [Theory]
    [InlineData("GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 35\r\n\r\n" + Next)] // CL.0
    [InlineData("GET /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n23\r\n" + Next + "\r\n0\r\n\r\n")]
    [InlineData(Chunked + "0\r\nX:POST / HTTP/1.1\r\n\r\n")]
    public void RequestInsideABody_StaysABody(string text)
    {
        var (targets, fault) = Read(Encoding.Latin1.GetBytes(text), 1);
        Assert.Equal(RequestFault.None, fault);
        Assert.Equal(["/x"], targets);
    }

    private static (List<string> Targets, RequestFault Fault) Read(byte[] bytes, int step)
    {
        var reader = new RequestReader();
        var head = new RequestHead();
        List<string> targets = [];
        var (start, end) = (0, 0);
        while (end < bytes.Length)
        {
            end = (int)Math.Min(bytes.Length, (long)end + step);
            while (start < end)
            {
                var data = bytes.AsSpan(start, end - start);
                var part = reader.Read(data, head, out var length, out var fault);
                if (part == RequestPart.Fault)
                {
                    return (targets, fault);
                }

                if (part == RequestPart.More)
                {
                    break;
                }

                if (part == RequestPart.Head)
                {
                    targets.Add(Encoding.Latin1.GetString(head.Target(data[..length])));
                }

                start += length;
            }
        }

        return (targets, start < bytes.Length ? RequestFault.Timeout : RequestFault.None);
    }

    /// <summary>Header names as a server might see them that ends lines at any control character but the tab, and overlooks what no name may have.</summary>
    private static IEnumerable<string> CarelessNames(string head) => head
        .Split([.. Enumerable.Range(0, 32).Select(value => (char)value).Except(['\t'])])
        .Where(line => line.Contains(':'))
        .Select(line => string.Concat(line[..line.IndexOf(':')].Where(sign => char.IsAsciiLetterOrDigit(sign) || "!#$%&'*+-.^_`|~".Contains(sign))).ToLowerInvariant());
}
