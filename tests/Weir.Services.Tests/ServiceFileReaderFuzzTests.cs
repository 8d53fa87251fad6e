// SPDX-License-Identifier: Apache-2.0
using Xunit;
using Xunit.Abstractions;

namespace Weir.Services.Tests;

/// <summary>
/// The readers on text that nobody would write: they answer with services or with problems that name a place
/// inside the text, and never throw. WEIR_SEED and WEIR_CASES repeat and enlarge a run.
/// </summary>
public sealed class ServiceFileReaderFuzzTests(ITestOutputHelper output)
{
    private static readonly string[] _corpus =
    [
        """
        services:
          - name: shop
            frontends: [203.0.113.10:80/tcp]
            backends:
              - 10.11.0.5:8080
              - {address: 10.11.0.6:8080, weight: 2}
            mode: snat
            affinity: {timeout: 3h}
            healthCheck: {http: /healthz, interval: 2s, timeout: 500ms, rise: 1, fall: 9, port: 8081, host: shop}
        """,
        """
        services:
          - name: web
            frontends: ["203.0.113.11:80/tcp", "[2001:db8::11]:80/tcp"]
            selector: {matchLabels: {role: web}, matchExpressions: [{key: tier, operator: In, values: [a, b]}]}
            targetPort: 8080
            affinity: off
          - name: dns
            frontends: ['[2001:db8::12]:53/udp']
            backends: ['[2001:db8::13]:53', '[2001:db8::14]:53/w=3']
            mode: dsr
            healthCheck: tcp,port=53
        """,
        """
        {"services": [{"name": "a/b", "frontends": ["203.0.113.10:80"], "backends": [], "mode": "dsr-l2"}]}
        """,
    ];

    private static readonly string[] _tokens =
    [
        "\n", "\n  ", "\n- ", ": ", "{", "}", "[", "]", "---\n", "...\n", "&a ", "*a", "<<: ", "!!str ", "\"", "'", "#", "|", ">", "%YAML 1.2\n",
        "\t", "\0", "\r", "\uFEFF", "\u2028", "~", "null", "true", "-1", "4294967296", "1e999", "/w=", "/udp", "[::]:1", "%eth0", "services", "name",
        "frontends", "backends", "address", "weight", "affinity", "healthCheck", "tcp", "http", "99999999999999999999d", ",", "=", "\ud800",
    ];

    [Fact]
    public void AnyFile_GivesServicesOrProblemsWithAPlace()
    {
        Run(10_000, (random, text) =>
        {
            var result = ServiceFileReader.Read("fuzz.yaml", text);
            Assert.True(result.Services.Count == 0 || !result.HasErrors);
            Assert.True(result.Services.Count > 0 || result.HasErrors);
            // One more: YAML counts the end of an unfinished last line as a line of its own.
            var lines = text.Count(c => c is '\n' or '\r' or '\u0085' or '\u2028' or '\u2029') + 2;
            Assert.All(result.Problems, problem => Assert.InRange(problem.Location!.Line, 1, lines));
        });
    }

    [Fact]
    public void AnyText_IsReadByNoneOrComesBackAsWritten()
    {
        string[] corpus = ["203.0.113.10:80/tcp", "[2001:db8::1]:53/udp", "10.11.0.6:8080/w=2", "http:/healthz,interval=5s,timeout=1s,rise=2,fall=3,port=8081,host=a"];
        Run(50_000, (random, _) =>
        {
            var text = Mutate(random, corpus);
            if (Frontend.TryParse(text, out var frontend, out var error))
            {
                Assert.Equal(frontend, Frontend.Parse(frontend.ToString()));
            }

            if (BackendSpec.TryParse(text, out var backend, out error))
            {
                Assert.Equal(backend, BackendSpec.Parse(backend.ToString()));
            }

            if (BackendAddress.TryParse(text, out var address, out error))
            {
                Assert.Equal(address, BackendAddress.Parse(address.ToString()));
            }

            if (HealthCheck.TryParse(text, out var check, out error))
            {
                Assert.Equal(check, HealthCheck.Parse(check!.ToString()));
            }
        });
    }

    /// <summary>Deep nesting must not exhaust the stack, which nothing could catch.</summary>
    [Theory]
    [InlineData("[")]
    [InlineData("{services: ")]
    [InlineData("- ")]
    public void DeepNesting_IsAProblem(string opening) =>
        Assert.True(ServiceFileReader.Read("deep.yaml", string.Concat(Enumerable.Repeat(opening, 100_000))).HasErrors);

    [Fact]
    public void TooManyServices_AreAProblem()
    {
        var text = "services:\n" + string.Concat(Enumerable.Range(0, 17_000).Select(i => $"- name: s{i}\n"));

        Assert.Contains(ServiceFileReader.Read("big.yaml", text).Problems, problem => problem.Message.Contains("too many problems", StringComparison.Ordinal));
    }

    private void Run(int usual, Action<Random, string> test)
    {
        var seed = int.Parse(Environment.GetEnvironmentVariable("WEIR_SEED") ?? $"{Random.Shared.Next()}", null);
        var cases = int.Parse(Environment.GetEnvironmentVariable("WEIR_CASES") ?? $"{usual}", null);
        output.WriteLine($"seed {seed}, {cases} cases");
        var random = new Random(seed);
        for (var i = 0; i < cases; i++)
        {
            var text = Mutate(random, _corpus);
            try
            {
                test(random, text);
            }
            catch (Exception exception)
            {
                throw new InvalidOperationException($"seed {seed}, case {i}:\n{text}", exception);
            }
        }
    }

    private static string Mutate(Random random, string[] corpus)
    {
        var text = corpus[random.Next(corpus.Length)];
        for (var changes = random.Next(1, 6); changes > 0; changes--)
        {
            var from = random.Next(text.Length + 1);
            var to = Math.Min(text.Length, from + random.Next(24));
            text = random.Next(5) switch
            {
                0 => text.Remove(from, to - from),
                1 => text.Insert(from, _tokens[random.Next(_tokens.Length)]),
                2 => text.Insert(random.Next(text.Length + 1), text[from..to]),
                3 => text[..from] + corpus[random.Next(corpus.Length)] + text[to..],
                _ => text[..from],
            };
        }

        return text;
    }
}
