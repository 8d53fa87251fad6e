// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Differences;
using Weir.Http.Rules;
using Weir.Policy.Comparison;
using Xunit;
using Xunit.Abstractions;

namespace Weir.Policy.Tests;

/// <summary>Which requests differ, against requests judged one by one.</summary>
public sealed class RequestDifferenceTests(ITestOutputHelper output)
{
    private const int Rounds = 80;

    private static readonly string?[] _methods = [null, null, "GET", "GET|PUT", "P.*", "[^G].*", "CONNECT", "OPTIONS"];
    private static readonly string?[] _paths = [null, "/a", "/a.*", "/a/.*", "/[ab]", "/a(\\?.*)?", ".*b", "/a%20b", ".*\\.\\..*", "/a//b", "[*]", "a:1"];
    private static readonly string?[] _hosts = [null, null, "a", "a|b", "a:80", "a(:80)?", ".*\\.a", "\\[::1\\]"];
    private static readonly HeaderRule[] _headers = [new("X-A", null), new("X-A", "1"), new("x-a", "2"), new("X-B", "1"), new("X-B", "2", HeaderMismatch.Log)];

    private static readonly SampleRequest[] _pool = [.. Pool()];

    [Fact]
    public void RandomRules_DifferJustWhereItSays()
    {
        var fixedSeed = Environment.GetEnvironmentVariable("WEIR_SEED");
        var first = fixedSeed is null ? System.Random.Shared.Next() : int.Parse(fixedSeed);
        output.WriteLine($"first seed {first}, {_pool.Length} requests");
        var (opened, same, unproved) = (0, 0, 0);
        for (var seed = first; seed < first + (fixedSeed is null ? Rounds : 1); seed++)
        {
            var random = new Random(seed);
            var (before, after) = (Policies(random), Policies(random));
            var difference = RequestDifference.Find(before, after, example =>
                RequestComparer.Parse(example) is { } request ? (Passes(before, request), Passes(after, request)) : null);
            foreach (var (example, passes) in new[] { (difference.Opened, true), (difference.Closed, false) })
            {
                if (example is not null)
                {
                    var request = RequestComparer.Parse(example)!;
                    Assert.Equal((seed, !passes, passes), (seed, Passes(before, request), Passes(after, request)));
                }
            }

            (opened, same, unproved) = (opened + (difference.Opened is null ? 0 : 1), same + (difference.Opened is null ? 1 : 0), unproved + (difference.Unproved.Length > 0 ? 1 : 0));
            if (difference.Unproved.Length > 0)
            {
                continue;
            }

            // The rules are compiled once, and judged as the proxy does.
            var (old, @new) = (Compile(before), Compile(after));
            foreach (var request in random.GetItems(_pool, 800))
            {
                var (was, @is) = (Array.TrueForAll(old, set => request.JudgedBy(set).Allowed), Array.TrueForAll(@new, set => request.JudgedBy(set).Allowed));
                Assert.True(was == @is || (@is ? difference.Opened : difference.Closed) is not null, $"WEIR_SEED={seed}: {request.Text} {was} → {@is}");
            }
        }

        output.WriteLine($"{opened} opened, {same} not, {unproved} not proved");
        Assert.True(fixedSeed is not null || (opened > 10 && same > 10 && unproved < Rounds / 3));
    }

    [Fact]
    public void ThousandsOfPaths_AreComparedWhole()
    {
        var rules = Enumerable.Range(0, 3000).Select(i => new HttpAllowance(1, new HttpRule("GET", $"/resource/{i}(/.*)?", null, []))).ToList();
        var (before, after) = (new HttpPolicy(rules), new HttpPolicy([.. rules.Where((_, i) => i != 1234)]));
        var difference = RequestDifference.Find([before], [after], example => (true, false));
        Assert.Equal(("GET /resource/1234", null, ""), (difference.Closed?.ToString(), difference.Opened, difference.Unproved));
    }

    [Fact]
    public void PatternsThatMultiply_AreNotProved_AndDoNotHang()
    {
        var rules = Enumerable.Range(0, 12).Select(i => new HttpAllowance(1, new HttpRule(null, $".*{(char)('a' + i)}.{{10}}", null, []))).ToList();
        var difference = RequestDifference.Find([new HttpPolicy(rules)], [new HttpPolicy([.. rules.Skip(1)])], _ => null);
        Assert.NotEmpty(difference.Unproved);
    }

    private static HttpRuleSet[] Compile(HttpPolicy[] policies) => [.. policies.Select(policy => new HttpRuleSet(policy.Allowances))];

    private static IEnumerable<SampleRequest> Pool()
    {
        string[] headers = ["", "X-A: 1", "X-A: 2", "X-A: 3", "X-B: 1", "X-B: 1|X-A: 1", "X-A: 1|X-A: 2"];
        foreach (var method in new[] { "GET", "PUT", "POST", "OPTIONS", "CONNECT" })
        {
            foreach (var path in new[] { "/", "/a", "/b", "/a/b", "/a?x", "/ab", "/a%20b", "/a%2fb", "/a/../b", "/a//b", "/a/./b", "/%61", "*", "a:1", "b:1", "a:80" })
            {
                foreach (var host in new[] { "", "a", "A:80", "b", "b:80", "x.a", "[::1]", "[::1]:80" })
                {
                    foreach (var header in headers)
                    {
                        if (TryParse($"{method} {path}", [.. header.Split('|', StringSplitOptions.RemoveEmptyEntries), .. host.Length == 0 ? [] : new[] { $"Host: {host}" }]) is { } request)
                        {
                            yield return request;
                        }
                    }
                }
            }
        }
    }

    private static SampleRequest? TryParse(string request, string[] headers)
    {
        try
        {
            return SampleRequest.Parse(request, headers);
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private static HttpPolicy[] Policies(Random random) =>
        [.. Enumerable.Range(0, random.Next(1, 3)).Select(_ => new HttpPolicy([.. Enumerable.Range(0, random.Next(1, 4)).Select(i => new HttpAllowance((uint)i + 1, Rule(random)))]))];

    private static HttpRule? Rule(Random random) => random.Next(30) == 0 ? null : new HttpRule(
        Pick(random, _methods), Pick(random, _paths), Pick(random, _hosts), [.. Enumerable.Range(0, random.Next(3) == 0 ? random.Next(1, 3) : 0).Select(_ => Pick(random, _headers))]);

    private static T Pick<T>(Random random, T[] items) => items[random.Next(items.Length)];

    private static bool Passes(HttpPolicy[] policies, SampleRequest request) => Array.TrueForAll(policies, policy => request.JudgedBy(policy).Allowed);
}
