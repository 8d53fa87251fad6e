// SPDX-License-Identifier: Apache-2.0
using System.Text;
using System.Text.RegularExpressions;
using Weir.Http.Http1;
using Weir.Http.Rules;
using Xunit;
using Xunit.Abstractions;

namespace Weir.Http.Tests;

public sealed class RuleSetTests(ITestOutputHelper output)
{
    private static readonly string?[] _methods = [null, "GET", "GET|HEAD", "P.*"];
    private static readonly string?[] _paths = [null, "/public", "/public/.*", "/a/[0-9]+", ".*\\.png", "/a.*"];
    private static readonly string?[] _hosts = [null, "api", "api:80", ".*\\.example\\.org"];
    private static readonly string[] _values = ["1", "2", "one two"];

    [Fact]
    public void Rules_AreUnited()
    {
        var set = Set(new HttpRule("GET", "/public", null, []), new HttpRule("PUT", "/x", "api", []));
        Assert.Equal((true, 1u), Judge(set, "GET /public HTTP/1.1\r\nHost: any\r\n\r\n"));
        Assert.Equal((false, 0u), Judge(set, "PUT /public HTTP/1.1\r\nHost: api\r\n\r\n"));
        Assert.Equal((true, 2u), Judge(set, "PUT /x HTTP/1.1\r\nHost: API:8080\r\n\r\n"));
        Assert.Equal((false, 0u), Judge(set, "PUT /x HTTP/1.1\r\nHost: apis\r\n\r\n"));
        Assert.Equal((false, 0u), Judge(set, "GET /public?x HTTP/1.1\r\nHost: a\r\n\r\n"));
        Assert.Equal((false, 0u), Judge(set, "get /public HTTP/1.1\r\nHost: a\r\n\r\n"));
    }

    [Fact]
    public void PlainAllow_AllowsEverything()
    {
        var set = new HttpRuleSet([new HttpAllowance(5, new HttpRule("GET", null, null, [])), new HttpAllowance(7, null)]);
        Assert.Equal((true, 5u), Judge(set, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
        Assert.Equal((true, 7u), Judge(set, "PUT / HTTP/1.1\r\nHost: a\r\n\r\n"));
    }

    [Fact]
    public void NoRule_AllowsNothing() => Assert.Equal((false, 0u), Judge(new HttpRuleSet([]), "GET / HTTP/1.1\r\nHost: a\r\n\r\n"));

    [Theory]
    [InlineData("X: 1", true)]
    [InlineData("x:1", true)]
    [InlineData("X: 2", false)]
    [InlineData("X: 1\r\nX: 1", true)]
    [InlineData("X: 1\r\nX: 2", false)]
    [InlineData("X: 1, 1", false)]
    [InlineData("Y: 1", false)]
    public void Header_MustHaveTheValue(string header, bool expected) =>
        Assert.Equal(expected, Judge(Set(new HttpRule(null, null, null, [new HeaderRule("X", "1")])), $"GET / HTTP/1.1\r\nHost: a\r\n{header}\r\n\r\n").Allowed);

    [Fact]
    public void ThousandsOfPlainPaths_AreFarFromTooLarge()
    {
        var rules = new HttpRule[HttpRuleSet.MostRules - 1];
        for (var i = 0; i < rules.Length; i++)
        {
            rules[i] = new HttpRule("GET", $"/customers/{i * 7919}/orders", null, []);
        }

        var set = Set(rules);
        Assert.Equal((true, 4000u), Judge(set, $"GET /customers/{3999 * 7919}/orders HTTP/1.1\r\nHost: a\r\n\r\n"));
        Assert.Equal((false, 0u), Judge(set, "GET /customers/1/orders HTTP/1.1\r\nHost: a\r\n\r\n"));
    }

    [Fact]
    public void MismatchActions_LetTheRuleMatch()
    {
        var rule = new HttpRule(null, null, null, [new HeaderRule("X", "1", HeaderMismatch.Replace), new HeaderRule("Y", null, HeaderMismatch.Log)]);
        var head = Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\nHost: a\r\nX: 2\r\nY: z\r\n\r\n");
        var request = new RequestHead();
        request.Parse(head);
        var verdict = Set(rule).Judge(request.Method(head), request.Path(head), request.Host(head), request.HeadersOf(head));
        Assert.True(verdict.Allowed);
        Assert.Equal(["X"], verdict.Mismatched.Select(header => header.Name));
    }

    /// <summary>The compiled set against a plain, slow reading of what POLICY says of HTTP rules.</summary>
    [Fact]
    public void RandomRules_AreJudgedAsReadPlainly()
    {
        var seed = int.Parse(Environment.GetEnvironmentVariable("WEIR_SEED") ?? $"{Random.Shared.Next()}", null);
        var cases = int.Parse(Environment.GetEnvironmentVariable("WEIR_CASES") ?? "500", null);
        output.WriteLine($"seed {seed}, {cases} cases");
        var random = new Random(seed);
        var request = new RequestHead();
        for (var i = 0; i < cases; i++)
        {
            HttpAllowance[] rules = [.. Enumerable.Range(1, random.Next(1, 90)).Select(id => new HttpAllowance((uint)id, random.Next(200) == 0 ? null : RandomRule(random)))];
            var set = new HttpRuleSet(rules);
            for (var j = 0; j < 20; j++)
            {
                var method = new[] { "GET", "HEAD", "POST", "PATCH" }[random.Next(4)];
                var path = new[] { "/public", "/public/x", "/a/17", "/a/b.png", "/", "/public?x=1" }[random.Next(6)];
                var host = new[] { "api", "api:80", "API", "x.example.org:8080", "other" }[random.Next(5)];
                (string Name, string Value)[] headers = [.. Enumerable.Range(0, random.Next(4)).Select(_ => (new[] { "X", "Y" }[random.Next(2)], _values[random.Next(3)]))];
                var head = Encoding.ASCII.GetBytes($"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{string.Concat(headers.Select(header => $"{header.Name}: {header.Value}\r\n"))}\r\n");
                Assert.Equal(RequestFault.None, request.Parse(head));
                var verdict = set.Judge(request.Method(head), request.Path(head), request.Host(head), request.HeadersOf(head));
                var expected = rules.FirstOrDefault(rule => rule.Rule is null || Plainly(rule.Rule, method, path, host, headers))?.RuleId ?? 0;
                Assert.True(verdict.RuleId == expected && verdict.Allowed == (expected != 0), $"seed {seed}, case {i}: {method} {path} {host}: {verdict.RuleId}, not {expected}");
            }
        }
    }

    private static bool Plainly(HttpRule rule, string method, string path, string host, (string Name, string Value)[] headers) =>
        Full(rule.Method, method) && Full(rule.Path, path)
        && (Full(rule.Host, host, RegexOptions.IgnoreCase) || Full(rule.Host, host.Split(':')[0], RegexOptions.IgnoreCase))
        && rule.Headers.All(wanted => wanted.Mismatch != HeaderMismatch.Refuse
            || (headers.Any(header => header.Name == wanted.Name)
                && headers.Where(header => header.Name == wanted.Name).All(header => wanted.Value is null || header.Value == wanted.Value)));

    private static bool Full(string? pattern, string text, RegexOptions options = RegexOptions.None) =>
        pattern is null || Regex.IsMatch(text, $@"\A(?:{pattern})\z", options);

    private static HttpRule RandomRule(Random random) => new(
        _methods[random.Next(_methods.Length)],
        _paths[random.Next(_paths.Length)],
        _hosts[random.Next(_hosts.Length)],
        [.. Enumerable.Range(0, random.Next(3)).Select(_ => new HeaderRule(
            random.Next(2) == 0 ? "X" : "Y", random.Next(3) == 0 ? null : _values[random.Next(3)], random.Next(4) == 0 ? HeaderMismatch.Log : HeaderMismatch.Refuse))]);

    private static HttpRuleSet Set(params HttpRule[] rules) => new([.. rules.Select((rule, i) => new HttpAllowance((uint)i + 1, rule))]);

    private static (bool Allowed, uint RuleId) Judge(HttpRuleSet set, string text)
    {
        var head = Encoding.ASCII.GetBytes(text);
        var request = new RequestHead();
        Assert.Equal(RequestFault.None, request.Parse(head));
        var verdict = set.Judge(request.Method(head), request.Path(head), request.Host(head), request.HeadersOf(head));
        return (verdict.Allowed, verdict.RuleId);
    }
}
