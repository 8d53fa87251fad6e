// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Http.Rules;

namespace Weir.Proxy.Tests;

/// <summary>Rules and requests at random, of few words, so that they often meet; and requests with a fault or two.</summary>
internal sealed class RandomHeads(Random random)
{
    private static readonly string?[] _methods = [null, "GET", "GET|HEAD", "P.*", "[A-Z]+", "GE?T", "C.*", "OPTIONS"];

    private static readonly string?[] _paths =
    [
        null, "/", "/public(/.*)?", "/a/[0-9]+", "/a/.*", ".*", "/[^?]*", "/a\\?x=[0-9]+(&y=.*)?", "/a/b|/b/a", "/.*\\.html", "/\\.git/.*", "/a|/ab|/abc|/abcd.*", "(/[a-z0-9]+)+", "(/[^/]*){3}", "/a/[^/]*/b",
    ];

    private static readonly string?[] _hosts = [null, "a", "a:80", "api\\.example", ".*\\.example", "[a-z]+", "", "\\[fd00::1\\]", ".*:80"];

    private static readonly HeaderRule[] _headers =
    [
        new("X-Key", null), new("X-Key", "secret"), new("x-key", "other"), new("X-Two", "a b"), new("X-Two", "a"), new("Accept", "*/*"), new("X-Empty", ""), new("X-Word", "ü"),
    ];

    private static readonly string[] _methodsAsked = ["GET", "GET", "GET", "HEAD", "POST", "PUT", "OPTIONS", "CONNECT", "CONNEC", "CONNECTS", "get", "G", "PROPFIND", "M-SEARCH"];

    private static readonly string[] _pieces =
    [
        "/", "/a", "/b", "/public", "/12", "/a/b", "/abcd", "?x=1", "&y=2", "?", "/index.html", "//", "/.", "/..", "/.git", "/...", "%2f", "%41", "%", "\\", "#", ";v=1", "\u00fc", "*", "http://a/",
        "http://api.example:80/a", "a:80", "+", "~", "'", "\"", "<", "/.;x", "/.a;x", ".", "..",
    ];

    private static readonly string[] _lines =
    [
        "X-Key: secret", "X-Key:secret", "x-key:\tsecret \t", "X-Key: other", "X-KEY: Secret", "X-Key:", "X-Key: secret, secret", "X-Two: a b", "X-Two: a", "X-Two: a ", "X-Two:  a  b", "X-Empty:", "X-Empty: \t",
        "Accept: */*", "Accept: */*;q=1", "User-Agent: curl/8.14.1 (a long one, with much in it that nobody reads)", "Cookie: a=b; c=d\u00fc", "X-Word: \u00c3\u00bc", "Referer: http://a/b?c", "Content-Type: text/plain",
        "Connection: close", "Connection: keep-alive", "Connection: Keep-Alive", "connection:close", "Connection: close, keep-alive", "Connection: Upgrade", "Connection:", "Connection: close ",
        "Content-Length: 0", "Content-Length: 5", "Content-Length: 12345678", "Content-Length: 999999999999999999", "Content-Length: 9999999999999999999", "Content-Length: 05", "Content-Length: 5 ",
        "content-length:\t17", "Content-Length: +5", "Content-Length:", "Content_Length: 5", "Content-Lengths: 5", "Content-Lengt: 5", "Transfer-Encoding: chunked", "Transfer_Encoding: x", "TE: trailers",
        "Upgrade: websocket", "Upgrade: h2c", "Expect: 100-continue", "Expected: no", "Host: b", "Hos: b", "Hosts: b", ": x", "X", "X : y", "\tX: y", " X: y", "X: \u0001", "X: \u007f", "X:\u0000",
        "X: y\rz", "X: y\nz", "A:", "a: \u00ff\u00fe", "Trailer: x", "Keep-Alive: timeout=5", "Proxy-Connection: close", "Max-Forwards: 1",
    ];

    private static readonly string[] _hostLines =
    [
        "Host: a", "Host: a", "Host: a:80", "Host: a:8080", "host:a", "HOST:\ta", "Host: A", "Host: api.example", "Host: api.example:80", "Host: x.api.example", "Host: [fd00::1]", "Host: [fd00::1]:80", "Host:",
        "Host: a b", "Host: a ", "Host: a@b", "Host: a:b:80", "Host: a]:80", "Host: a:80]", "Host: \u00fc", "Host: a/b", "Host: a:",
    ];

    private static readonly string[] _ends = ["\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r", "\r\r\n", " \r\n"];

    private static readonly string[] _tokens =
        ["\r\n", "\n", "\r", " ", "\t", "\0", ":", ";", ",", "\r\n\r\n", "\r\n ", "Content-Length: 5\r\n", "Host: b\r\n", "/../", "%2e", "\\", "//", "HTTP/1.0", "HTTP/2.0", "PRI * HTTP/2.0\r\n\r\n", "\x7f", "\xff", "#", "?", "@", "0", "9"];

    /// <summary>All that one peer may ask.</summary>
    internal HttpPolicy Policy()
    {
        var count = random.Next(10) == 0 ? random.Next(60, 256) : random.Next(1, 6);
        return new HttpPolicy([.. Enumerable.Range(1, count).Select(id => new HttpAllowance((uint)id, random.Next(10) == 0 ? null : Rule()))]);
    }

    /// <summary>One request's head, mostly a good one, with what may follow it.</summary>
    internal byte[] Head()
    {
        var text = new StringBuilder();
        text.Append(Of(_methodsAsked)).Append(Often() ? " " : Of([" ", "  ", "\t", ""]));
        for (var pieces = random.Next(1, 5); pieces > 0; pieces--)
        {
            text.Append(Often() ? _pieces[random.Next(1, 11)] : Of(_pieces));
        }

        text.Append(Often() ? " " : Of([" ", "  ", "\t", ""])).Append(Often() ? "HTTP/1.1" : Of(["HTTP/1.0", "HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "HTTP/1.", "http/1.1", "HTTP/1.1 ", ""])).Append(End());
        List<string> lines = random.Next(12) == 0 ? [] : [Of(_hostLines)];
        for (var others = random.Next(8); others > 0; others--)
        {
            lines.Insert(random.Next(lines.Count + 1), Often() ? _lines[random.Next(20)] : Of(_lines));
        }

        lines.ForEach(line => text.Append(line).Append(End()));
        var bytes = Encoding.Latin1.GetBytes(text.Append(End()).Append(Of(["", "", "hello", "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"])).ToString());
        return random.Next(6) == 0 ? Mutate(bytes) : bytes;
    }

    private HttpRule Rule() => new(Of(_methods), Of(_paths), random.Next(2) == 0 ? null : Of(_hosts), [.. Enumerable.Range(0, Math.Max(0, random.Next(5) - 2)).Select(_ => Of(_headers))]);

    private byte[] Mutate(byte[] bytes)
    {
        var list = bytes.ToList();
        for (var times = random.Next(1, 3); times > 0 && list.Count > 1; times--)
        {
            var at = random.Next(list.Count);
            switch (random.Next(4))
            {
                case 0:
                    list[at] = (byte)random.Next(256);
                    break;
                case 1:
                    list.RemoveRange(at, Math.Min(random.Next(1, 4), list.Count - at));
                    break;
                case 2:
                    list.InsertRange(at, Encoding.Latin1.GetBytes(Of(_tokens)));
                    break;
                default:
                    list.InsertRange(at, list.GetRange(at, Math.Min(random.Next(1, 30), list.Count - at)));
                    break;
            }
        }

        return [.. list];
    }

    private bool Often() => random.Next(16) > 0;

    private string End() => random.Next(100) > 0 ? "\r\n" : Of(_ends);

    private T Of<T>(T[] words) => words[random.Next(words.Length)];
}
