// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Http.Http1;
using Weir.Http.Http2;
using Xunit;

namespace Weir.Http.Tests;

public sealed class HpackTests
{
    /// <summary>RFC 7541, Appendix C.4: three requests with Huffman coding on one connection.</summary>
    [Fact]
    public void ExamplesOfTheRfc_AreDecoded()
    {
        var decoder = new HpackDecoder();
        Assert.Equal(":method GET|:scheme http|:path /|:authority www.example.com", Decode(decoder, "828684418cf1e3c2e5f23a6ba0ab90f4ff"));
        Assert.Equal(":method GET|:scheme http|:path /|:authority www.example.com|cache-control no-cache", Decode(decoder, "828684be5886a8eb10649cbf"));
        Assert.Equal(
            ":method GET|:scheme https|:path /index.html|:authority www.example.com|custom-key custom-value",
            Decode(decoder, "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf"));
    }

    /// <summary>Appendix C.6: answers, with eviction from a table of 256 bytes.</summary>
    [Fact]
    public void Table_EvictsTheOldest()
    {
        var decoder = new HpackDecoder();
        Decode(decoder, "3fe101"); // table of 256 bytes
        Assert.Equal(
            ":status 302|cache-control private|date Mon, 21 Oct 2013 20:13:21 GMT|location https://www.example.com",
            Decode(decoder, "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3"));
        Assert.Equal(
            ":status 307|cache-control private|date Mon, 21 Oct 2013 20:13:21 GMT|location https://www.example.com",
            Decode(decoder, "4883640effc1c0bf"));
    }

    [Theory]
    [InlineData("80")] // index 0
    [InlineData("be")] // index beyond the table
    [InlineData("ffffffffffff7f")] // a number without end
    [InlineData("4005")] // a name cut short
    [InlineData("00017801")] // a value cut short
    [InlineData("000178 8100")] // Huffman padding of zeros
    [InlineData("000178 84ffffffff")] // the end-of-string symbol
    [InlineData("3fffff7f")] // a table larger than allowed
    public void MalformedBlocks_AreRefused(string hex) =>
        Assert.False(new HpackDecoder().Decode(Convert.FromHexString(hex.Replace(" ", "")), new HeaderList()));

    [Fact]
    public void RandomBlocks_NeverThrow()
    {
        var seed = int.Parse(Environment.GetEnvironmentVariable("WEIR_SEED") ?? $"{Random.Shared.Next()}", null);
        var cases = int.Parse(Environment.GetEnvironmentVariable("WEIR_CASES") ?? "20000", null);
        var random = new Random(seed);
        var headers = new HeaderList();
        var decoder = new HpackDecoder();
        for (var i = 0; i < cases; i++)
        {
            var block = new byte[random.Next(80)];
            random.NextBytes(block);
            if (decoder.Decode(block, headers))
            {
                RequestFields.Read(headers, out _);
                RequestFields.AreTrailers(headers);
            }
        }
    }

    /// <summary>Blocks that were right once: they reach further than random ones.</summary>
    [Fact]
    public void MutatedBlocks_NeverThrow_AndWhatIsTakenIsBounded()
    {
        var seed = int.Parse(Environment.GetEnvironmentVariable("WEIR_SEED") ?? $"{Random.Shared.Next()}", null);
        var cases = int.Parse(Environment.GetEnvironmentVariable("WEIR_CASES") ?? "20000", null);
        var random = new Random(seed);
        string[] corpus =
        [
            "828684418cf1e3c2e5f23a6ba0ab90f4ff", "828684be5886a8eb10649cbf", "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
            "3fe101", "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
        ];
        var headers = new HeaderList();
        var decoder = new HpackDecoder();
        for (var i = 0; i < cases; i++)
        {
            var block = corpus.OrderBy(_ => random.Next()).Take(random.Next(1, 4)).SelectMany(Convert.FromHexString).ToList();
            for (var changes = random.Next(5); changes > 0 && block.Count > 0; changes--)
            {
                var at = random.Next(block.Count);
                switch (random.Next(3))
                {
                    case 0: block[at] = (byte)random.Next(256); break;
                    case 1: block.RemoveAt(at); break;
                    default: block.Insert(at, (byte)random.Next(256)); break;
                }
            }

            decoder = random.Next(50) == 0 ? new HpackDecoder() : decoder;
            if (decoder.Decode(block.ToArray(), headers))
            {
                Assert.True(headers.Count <= block.Count, $"seed {seed}, case {i}");
                RequestFields.Read(headers, out _);
                RequestFields.AreTrailers(headers);
            }
        }
    }

    /// <summary>Padding and priority of any frame: what is left is inside the payload, and never more than it.</summary>
    [Fact]
    public void RandomFrames_AreStrippedWithinThemselves()
    {
        var random = new Random();
        for (var i = 0; i < 20000; i++)
        {
            var data = new byte[Frame.HeadBytes + random.Next(20)];
            random.NextBytes(data);
            (data[0], data[1], data[2], data[3]) = (0, 0, (byte)(data.Length - Frame.HeadBytes), (byte)random.Next(10));
            var frame = Frame.Read(data);
            ReadOnlySpan<byte> payload = data.AsSpan(Frame.HeadBytes);
            var isStripped = frame.TryStrip(ref payload);
            Assert.True(payload.Length <= frame.Length);
            var body = frame.BodyLength(data);
            Assert.InRange(body, 0, frame.Length);
            if (isStripped && frame.Type == FrameType.Data)
            {
                Assert.Equal(payload.Length, body);
            }
        }
    }

    [Fact]
    public void Encoded_DecodesToTheSame_AndLeavesTheTableAlone()
    {
        var headers = new HeaderList();
        headers.Add(":method"u8, "GET"u8);
        headers.Add("x-long"u8, Encoding.ASCII.GetBytes(new string('v', 300)), isSecret: true);
        var block = new byte[HpackEncoder.Room(headers)];
        block = block[..HpackEncoder.Encode(headers, block)];
        var decoder = new HpackDecoder();
        Assert.Equal($":method GET|x-long {new string('v', 300)}", Decode(decoder, Convert.ToHexString(block)));
        Assert.False(decoder.Decode([0xbe], new HeaderList()));
    }

    [Theory]
    [InlineData(":method GET|:scheme http|:path /x|:authority a", RequestFault.None)]
    [InlineData(":method GET|:scheme http|:path /x|host a", RequestFault.None)]
    [InlineData(":method GET|:scheme http|:path /x|:authority a|host A|te trailers", RequestFault.None)]
    [InlineData(":method CONNECT|:authority a:1", RequestFault.None)]
    [InlineData(":method OPTIONS|:scheme http|:path *|:authority a", RequestFault.None)]
    [InlineData(":method GET|:scheme http|:path /x|:authority a|host b", RequestFault.Host)]
    [InlineData(":method GET|:scheme http|:path /x", RequestFault.Host)]
    [InlineData(":method GET|:scheme http|:path /x|:authority a|:authority a", RequestFault.Host)]
    [InlineData(":method GET|:scheme http|:path /x|:authority a@b", RequestFault.Host)]
    [InlineData(":method GET|:scheme http|:authority a", RequestFault.RequestLine)]
    [InlineData(":method GET|:method PUT|:scheme http|:path /|:authority a", RequestFault.RequestLine)]
    [InlineData(":method GET|:scheme http|:path /|:path /y|:authority a", RequestFault.RequestLine)]
    [InlineData(":method GET|:path /|:authority a", RequestFault.RequestLine)]
    [InlineData(":method GET|:scheme ftp|:path /|:authority a", RequestFault.HeaderName)]
    [InlineData(":method GET|:scheme http://a/private?|:path /|:authority a", RequestFault.HeaderName)]
    [InlineData(":method GET|:scheme http|:path / HTTP/1.1\r\nX: y|:authority a", RequestFault.Target)]
    [InlineData(":method GET /private HTTP/1.1\r\nX: y|:scheme http|:path /|:authority a", RequestFault.RequestLine)]
    [InlineData(":method GET|:scheme http|:path /|:authority a\r\nX: y", RequestFault.Host)]
    [InlineData(":method G@T|:scheme http|:path /|:authority a", RequestFault.RequestLine)]
    [InlineData(":method GET|:scheme http|:path http://a/|:authority a", RequestFault.Target)]
    [InlineData(":method GET|:scheme http|:path |:authority a", RequestFault.Target)]
    [InlineData(":method GET|:scheme http|:path /a/../b|:authority a", RequestFault.None)]
    [InlineData(":method GET|:scheme http|:path /a/%2e%2e/b|:authority a", RequestFault.DotSegment)]
    [InlineData(":method GET|:scheme http|:path /|:authority a|X y", RequestFault.HeaderName)]
    [InlineData("x y|:method GET|:scheme http|:path /|:authority a", RequestFault.HeaderName)]
    [InlineData(":method GET|:scheme http|:path /|:authority a|:protocol websocket", RequestFault.HeaderName)]
    [InlineData(":method GET|:scheme http|:path /|:authority a|x y\r\nz", RequestFault.HeaderValue)]
    [InlineData(":method GET|:scheme http|:path /|:authority a|transfer-encoding chunked", RequestFault.TransferEncoding)]
    [InlineData(":method GET|:scheme http|:path /|:authority a|connection close", RequestFault.Connection)]
    [InlineData(":method GET|:scheme http|:path /|:authority a|te gzip", RequestFault.Connection)]
    [InlineData(":method GET|:scheme http|:path /|:authority a|content-length 1|content-length 1", RequestFault.ContentLength)]
    [InlineData(":method GET|:scheme http|:path /|:authority a|content-length 010", RequestFault.ContentLength)]
    [InlineData(":method GET|:scheme http|:path /|:authority a|content_length 1", RequestFault.HeaderName)]
    [InlineData(":method GET|:scheme http|:path /|:authority a|x:y z", RequestFault.HeaderName)]
    [InlineData(":method GET|:scheme http|:path /|:authority a| x", RequestFault.HeaderName)]
    public void Requests_AreReadStrictly(string fields, RequestFault expected)
    {
        var headers = new HeaderList();
        foreach (var field in fields.Split('|'))
        {
            var at = field.IndexOf(' ', StringComparison.Ordinal);
            headers.Add(Encoding.ASCII.GetBytes(field[..at]), Encoding.ASCII.GetBytes(field[(at + 1)..]));
        }

        Assert.Equal(expected, RequestFields.Read(headers, out _));
    }

    private static string Decode(HpackDecoder decoder, string hex)
    {
        var headers = new HeaderList();
        Assert.True(decoder.Decode(Convert.FromHexString(hex), headers));
        return string.Join('|', Enumerable.Range(0, headers.Count).Select(i => $"{Encoding.ASCII.GetString(headers.Name(i))} {Encoding.ASCII.GetString(headers.Value(i))}"));
    }
}
