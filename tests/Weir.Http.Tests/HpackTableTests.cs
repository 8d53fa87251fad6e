// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Http.Http2;
using Xunit;

namespace Weir.Http.Tests;

/// <summary>The dynamic table against a plain list that does as RFC 7541 says.</summary>
public sealed class HpackTableTests
{
    [Fact]
    public void AnySequence_LeavesWhatAListWouldHave()
    {
        var seed = int.Parse(Environment.GetEnvironmentVariable("WEIR_SEED") ?? $"{Random.Shared.Next()}", null);
        var random = new Random(seed);
        for (var run = 0; run < 20; run++)
        {
            var limit = random.Next(4097);
            var table = new HpackTable(4096) { Limit = limit };
            List<(string Name, string Value)> model = [];
            for (var step = 0; step < 300; step++)
            {
                if (random.Next(50) == 0)
                {
                    limit = random.Next(4097);
                    table.Limit = limit;
                    Trim(model, limit);
                    continue;
                }

                var name = model.Count > 0 && random.Next(2) == 0 ? random.Next(model.Count) : -1; // one of the table's own
                var text = name >= 0 ? model[name].Name : Text(random, 40);
                var value = Text(random, random.Next(20) == 0 ? 5000 : 100);
                table.Add(name >= 0 ? table.Name(name) : Encoding.ASCII.GetBytes(text), Encoding.ASCII.GetBytes(value), 0);
                model.Insert(0, (text, value));
                Trim(model, limit);
                Assert.Equal(model.Count, table.Count);
                for (var i = 0; i < model.Count; i++)
                {
                    Assert.True(model[i].Name == Encoding.ASCII.GetString(table.Name(i)) && model[i].Value == Encoding.ASCII.GetString(table.Value(i)), $"seed {seed}, run {run}, step {step}");
                }

                Assert.True(table.Memory <= 20_000, $"{table.Memory} bytes");
            }
        }
    }

    [Fact]
    public void Huffman_DecodesWhatAPlainEncoderWrites()
    {
        var random = new Random();
        Span<byte> output = new byte[200];
        for (var run = 0; run < 2000; run++)
        {
            var text = new byte[random.Next(60)];
            random.NextBytes(text);
            var coded = HuffmanCode.Encode(text);
            Assert.Equal(text, output[..Huffman.Decode(coded, output)].ToArray());
            if (text.Length > 0)
            {
                Assert.Equal(-1, Huffman.Decode(coded, output[..(text.Length - 1)]));
                Assert.Equal(-1, Huffman.Decode([.. coded, 0xFF], output));
            }
        }
    }

    private static void Trim(List<(string Name, string Value)> model, int limit)
    {
        while (model.Sum(entry => entry.Name.Length + entry.Value.Length + 32) > limit)
        {
            model.RemoveAt(model.Count - 1);
        }
    }

    private static string Text(Random random, int most) => new([.. Enumerable.Range(0, random.Next(most)).Select(_ => (char)('a' + random.Next(26)))]);
}
