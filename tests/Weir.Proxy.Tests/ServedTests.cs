// SPDX-License-Identifier: Apache-2.0
using Weir.Api;
using Weir.Http.Rules;
using Weir.Proxy.Tests.Memory;
using Xunit;

namespace Weir.Proxy.Tests;

/// <summary>What people send goes on byte for byte; what rules do not allow in every reading does not.</summary>
public sealed class ServedTests
{
    private static readonly HttpRule _public = new("GET", "/public(/.*)?", null, []);

    [Theory]
    [InlineData("GET /public/?q=\"<a>\\b{c}|^` HTTP/1.1\r\nHost: h\r\n\r\n")]
    [InlineData("GET /public/caf\xc3\xa9?q=\xe9 HTTP/1.1\r\nHost: h\r\n\r\n")]
    [InlineData("GET /public/./Packages HTTP/1.1\r\nHost: h\r\n\r\n")] // a flat repository of APT
    [InlineData("GET /public/a/../b HTTP/1.1\r\nHost: h\r\n\r\n")]
    [InlineData("GET /public/. HTTP/1.1\r\nHost: h\r\n\r\n")]
    [InlineData("GET /public/a%0Ab%09c%7Fd HTTP/1.1\r\nHost: h\r\n\r\n")]
    [InlineData("GET /public/a%2Fb//c%252Fd HTTP/1.1\r\nHost: h\r\n\r\n")]
    [InlineData("GET http://h:80/public HTTP/1.1\r\nHost: h\r\n\r\n")]
    [InlineData("GET http://h:80/public HTTP/1.0\r\n\r\n")]
    [InlineData("GET /public HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"b c\"\r\nhello\r\n0\r\n\r\n")]
    public void Request_GoesOnAsItIs(string request)
    {
        foreach (int size in new[] { request.Length, 1, 7 })
        {
            var rig = new Rig(_public);
            foreach (char[] piece in request.Chunk(size))
            {
                rig.ClientSays(new string(piece));
            }

            Assert.Equal("", rig.Client.Received);
            Assert.Equal(request, rig.Server.Received);
        }
    }

    [Fact]
    public void ManyHeaders_Pass()
    {
        string request = "GET /public HTTP/1.1\r\nHost: h\r\n" + string.Concat(Enumerable.Range(0, 900).Select(i => $"X-{i}: y\r\n")) + "\r\n";
        Assert.Equal(request, new Rig(_public).ClientSays(request).Server.Received);
    }

    [Theory]
    [InlineData("/public/../private", "/private")]
    [InlineData("/public/./../../private", "/private")]
    [InlineData("/public/..", "/")]
    [InlineData("/public//../../private", "/private")]
    [InlineData("/public/x%2fy/../../private", "/public/private")] // or, without the escape, /private
    [InlineData("/public/\xef\xbc\x8e\xef\xbc\x8e/private", "/private")]
    [InlineData("/public/%ef%bc%8e%ef%bc%8e%ef%bc%8fprivate", "/private")]
    public void PathThatIsNotAllowedInAnotherReading_Is400_AndSaysWhich(string path, string reading)
    {
        var rig = new Rig(new HttpRule("GET", "/public/.+", null, [])).ClientSays($"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
        Assert.False(rig.HasServer);
        Assert.StartsWith("HTTP/1.1 400 ", rig.Client.Received, StringComparison.Ordinal);
        if (reading != "/public/private")
        {
            Assert.Contains($"as \"{reading}\", which is not allowed", Assert.Single(rig.Told).Detail, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "Content-Length is there twice: \"5\" and \"5\"")]
    [InlineData("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 05\r\n\r\nhello", "Content-Length is not one plain number: \"05\"")]
    [InlineData("GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", "Host is there twice: \"h\" and \"h\"")]
    [InlineData("GET / HTTP/1.1\r\n\r\n", "there is no Host in HTTP/1.1 for \"/\"")]
    [InlineData("GET http://a:81/ HTTP/1.1\r\nHost: a\r\n\r\n", "Host is not the target's: \"a\" and \"http://a:81/\"")]
    [InlineData("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "an empty line before the request line")]
    [InlineData("GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n  b\r\n\r\n", "a header continues on a second line: \"  b\"")]
    [InlineData("GET / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n", "a line ends with LF alone: \"Host: h\"")]
    [InlineData("GET / HTTP/1.1\r\nHost: h\r\nX : y\r\n\r\n", "malformed header name: \"X \"")]
    [InlineData("GET / HTTP/1.1\r\nHost: h\r\nX: \u0001\r\n\r\n", "control characters in a header: \"X: \\x01\"")]
    [InlineData("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "Transfer-Encoding is not exactly chunked: \"gzip, chunked\"")]
    [InlineData("GET /a\\b HTTP/1.1\r\nHost: h\r\n\r\n", "a backslash in the path: \"/a\\b\"")]
    [InlineData("GET /%c0%ae HTTP/1.1\r\nHost: h\r\n\r\n", "UTF-8 that is longer than it must be: \"/%c0%ae\"")]
    [InlineData("GET /a/..;x/b HTTP/1.1\r\nHost: h\r\n\r\n", "a dot segment in disguise: \"/a/..;x/b\"")]
    [InlineData("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\n", "malformed chunk size")]
    public void Refusal_SaysWhatItWas_InTheSendersWords(string request, string words)
    {
        var rig = new Rig().ClientSays(request);
        Assert.StartsWith("HTTP/1.1 400 ", rig.Client.Received, StringComparison.Ordinal);
        Assert.EndsWith($"\r\n\r\n{words}\n", rig.Client.Received, StringComparison.Ordinal);
        Assert.Equal((AccessVerdict.Invalid, words), (rig.Told[^1].Verdict, rig.Told[^1].Detail));
    }

    [Fact]
    public void Trailers_DoNotGoOn_HoweverTheyAreCut()
    {
        const string Head = "GET /public HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\nTrailer: X-Role\r\n\r\n";
        const string Request = Head + "1\r\nx\r\n0\r\nX-Role: admin\r\nX:GET /private HTTP/1.1\r\n\r\n";
        const string Next = "GET /public/next HTTP/1.1\r\nHost: h\r\n\r\n";
        for (int size = 1; size <= Request.Length; size++)
        {
            var rig = new Rig(_public);
            foreach (char[] piece in (Request + Next).Chunk(size))
            {
                rig.ClientSays(new string(piece));
            }

            Assert.Equal(Head + "1\r\nx\r\n0\r\n\r\n" + Next, rig.Server.Received);
        }
    }

    [Fact]
    public void Trailers_ThatFrameOrRoute_AreAFault()
    {
        var rig = new Rig().ClientSays("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n");
        Assert.Contains("malformed trailer, or one that frames or routes the message", rig.Client.Received, StringComparison.Ordinal);
        Assert.DoesNotContain("5", rig.Server.Received, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET http://good:80/public HTTP/1.1\r\nHost: good\r\n\r\n", true)]
    [InlineData("GET http://good/public HTTP/1.0\r\n\r\n", true)]
    [InlineData("GET http://bad/public HTTP/1.0\r\n\r\n", false)]
    [InlineData("GET http://bad/public HTTP/1.1\r\nHost: good\r\n\r\n", false)]
    public void AbsoluteTarget_IsJudgedByItsOwnHost(string request, bool allowed)
    {
        var rig = new Rig(new HttpRule(null, null, "good", [])).ClientSays(request);
        Assert.Equal(allowed, rig.HasServer);
    }

    [Fact]
    public void PathWhoseHeadersAnotherRuleMends_InAnotherReading_Is400()
    {
        var plain = new HttpRule(null, "/a%2fb", null, []);
        var mended = new HttpRule(null, "/a/b", null, [new HeaderRule("X-Role", "user", HeaderMismatch.Replace)]);
        const string Request = "GET /a%2fb HTTP/1.1\r\nHost: h\r\nX-Role: admin\r\n\r\n";
        var rig = new Rig(plain, mended).ClientSays(Request);
        Assert.False(rig.HasServer);
        Assert.Contains("as \"/a/b\", whose headers another rule mends", Assert.Single(rig.Told).Detail, StringComparison.Ordinal);
        Assert.Equal(Request, new Rig(plain, mended with { Headers = [] }).ClientSays(Request).Server.Received);
    }

    [Fact]
    public void Events_ShowTextAsText_AndNothingThatTerminalsObey()
    {
        var rig = new Rig().ClientSays("GET /caf\u00c3\u00a9/\u00e9/\u00c2\u009b31m\u00e2\u0080\u00ae HTTP/1.0\r\n\r\n").ServerSays("HTTP/1.1 204 No\r\n\r\n");
        Assert.Equal("/caf\u00e9/\\xe9/\\xc2\\x9b31m\\xe2\\x80\\xae", Assert.Single(rig.Told).Path);
    }
}
