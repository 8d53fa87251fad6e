// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Http.Http1;
using Xunit;
using Xunit.Abstractions;

namespace Weir.Http.Tests;

/// <summary>The readers of what a hostile client or server sends, on mutated messages cut anywhere. WEIR_SEED
/// and WEIR_CASES repeat and enlarge a run.</summary>
public sealed class RequestFuzzTests(ITestOutputHelper output)
{
    private static readonly string[] _corpus =
    [
        "GET /a?b=c HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://a/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
    ];

    private static readonly string[] _tokens =
    [
        "\r\n", "\n", "\r", " ", "\t", "\0", ":", ";", ",", "\r\n\r\n", "\r\n ", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "Host: b\r\n",
        "0\r\n\r\n", "/../", "%2e%2e/", "%2f", "\\", "//", "HTTP/1.0", "chunked", "ffffffffffffffff", "\x0b", "\xff", "#", "?", "@",
    ];

    [Fact]
    public void Requests_CutAnywhere_AreReadAlike_AndNothingDoubtfulPasses()
    {
        var seed = int.Parse(Environment.GetEnvironmentVariable("WEIR_SEED") ?? $"{Random.Shared.Next()}", null);
        var cases = int.Parse(Environment.GetEnvironmentVariable("WEIR_CASES") ?? "20000", null);
        output.WriteLine($"seed {seed}, {cases} cases");
        var random = new Random(seed);
        for (var i = 0; i < cases; i++)
        {
            var bytes = Encoding.Latin1.GetBytes(Mutate(random));
            var whole = Read(bytes, bytes.Length, random);
            var cut = Read(bytes, 7, random);
            Assert.True(whole == cut, $"seed {seed}, case {i}: {whole}\n{cut}\n{Encoding.Latin1.GetString(bytes)}");
        }
    }

    [Fact]
    public void Answers_NeverThrow_AndEndSomewhere()
    {
        var random = new Random();
        string[] corpus = [.. _corpus.Select(text => text.Replace("POST /a HTTP/1.1", "HTTP/1.1 200 OK").Replace("GET / HTTP/1.1", "HTTP/1.1 204 No"))];
        for (var i = 0; i < 20000; i++)
        {
            var data = Encoding.Latin1.GetBytes(Mutate(random, corpus)).AsSpan();
            var reader = new ResponseReader();
            while (!data.IsEmpty)
            {
                var used = reader.Read(data, toHead: random.Next(8) == 0, toConnect: false, out _);
                if (used == 0)
                {
                    break;
                }

                data = data[used..];
            }
        }
    }

    private static string Read(byte[] bytes, int most, Random random)
    {
        var reader = new RequestReader();
        var head = new RequestHead();
        var log = new StringBuilder();
        var (start, end) = (0, 0);
        while (end < bytes.Length)
        {
            end = Math.Min(bytes.Length, end + (most == bytes.Length ? most : random.Next(1, most)));
            while (start < end)
            {
                var part = reader.Read(bytes.AsSpan(start, end - start), head, out var length, out var fault);
                if (part == RequestPart.More)
                {
                    break;
                }

                if (part == RequestPart.Fault)
                {
                    // Where in a body a fault shows depends on the cut; what came before does not.
                    return log.Append(fault == RequestFault.Chunk ? "chunk" : fault.ToString()).ToString().Replace("b", "");
                }

                log.Append(part == RequestPart.Head ? $"[{Describe(bytes.AsSpan(start, length), head)}]" : new string('b', length));
                start += length;
            }
        }

        return log.ToString().Replace("b", "");
    }

    /// <summary>What an accepted head must be like, read as naively as a careless server would.</summary>
    private static string Describe(ReadOnlySpan<byte> head, RequestHead request)
    {
        var text = Encoding.Latin1.GetString(head);
        if (!request.IsHttp2Preface)
        {
            var lines = text.Split("\r\n");
            Assert.DoesNotContain('\n', string.Concat(lines));
            Assert.DoesNotContain('\r', string.Concat(lines));
            Assert.DoesNotContain('\0', text);
            Assert.True(lines.Count(line => line.StartsWith("content-length", StringComparison.OrdinalIgnoreCase)) <= 1);
            Assert.False(lines.Any(line => line.StartsWith("content-length", StringComparison.OrdinalIgnoreCase))
                && lines.Any(line => line.StartsWith("transfer-encoding", StringComparison.OrdinalIgnoreCase)));
            Assert.True(lines.Count(line => line.StartsWith("host:", StringComparison.OrdinalIgnoreCase)) <= 1);
            Assert.DoesNotContain(lines.Skip(1), line => line.StartsWith(' ') || line.StartsWith('\t'));
            CheckPath(request.Path(head));
        }

        return $"{head.Length} {request.Body} {request.ContentLength}";
    }

    /// <summary>A path climbs only by plain dot segments, and then it is judged resolved as well.</summary>
    private static void CheckPath(ReadOnlySpan<byte> bytes)
    {
        var path = Encoding.Latin1.GetString(bytes).Split('?')[0];
        var decoded = Uri.UnescapeDataString(Uri.UnescapeDataString(path)).Replace('\\', '/');
        Assert.Equal(path.Split('/').Count(segment => segment == ".."), decoded.Split('/').Count(segment => segment.Split(';', '?', '#')[0].TrimEnd() == ".."));
        if (path.Contains("/../", StringComparison.Ordinal))
        {
            Assert.Contains(PathReadings.Of(bytes) ?? [[]], reading => !Encoding.Latin1.GetString(reading).Contains("/../", StringComparison.Ordinal));
        }
    }

    private static string Mutate(Random random, string[]? corpus = null)
    {
        corpus ??= _corpus;
        var text = corpus[random.Next(corpus.Length)];
        for (var changes = random.Next(0, 4); changes > 0; changes--)
        {
            var from = random.Next(text.Length + 1);
            var to = Math.Min(text.Length, from + random.Next(6));
            text = random.Next(3) switch
            {
                0 => text.Remove(from, to - from),
                1 => text.Insert(from, _tokens[random.Next(_tokens.Length)]),
                _ => text.Insert(random.Next(text.Length + 1), text[from..to]),
            };
        }

        return text;
    }
}
