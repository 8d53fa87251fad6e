// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Api;
using Weir.Datapath;
using Weir.Datapath.Abi;
using Weir.Http.Http1;
using Weir.Http.Rules;
using Weir.Http.Tests;
using Weir.Net;
using Weir.Testing;
using Xunit;
using Xunit.Abstractions;

namespace Weir.Proxy.Tests;

/// <summary>
/// The kernel says of a request's head what the proxy's reader and judge say, or leaves it to them: held against each other on heads that are
/// generated, mutated and cut. WEIR_SEED and WEIR_CASES repeat and enlarge a run.
/// </summary>
public sealed class HttpHeadTests(ITestOutputHelper output) : IDisposable
{
    private const string Host = "Host: a\r\n\r\n";

    private readonly HttpHarness _kernel = new();
    private readonly RequestHead _head = new();
    private readonly int[] _answers = new int[4];
    private PolicySnapshot _snapshot = PolicySnapshot.Empty;

    public void Dispose() => _kernel.Dispose();

    [PrivilegedFact]
    public void RandomHeads_ByRandomPolicies_AreJudgedAsByTheProxy_OrNotAtAll()
    {
        const int HeadsOfAPolicy = 2000;
        var seed = int.Parse(Environment.GetEnvironmentVariable("WEIR_SEED") ?? $"{Random.Shared.Next()}");
        var cases = int.Parse(Environment.GetEnvironmentVariable("WEIR_CASES") ?? "60000");
        var heads = new RandomHeads(new Random(seed));
        var where = new Random(seed);
        for (var i = 0; i < cases; i += HeadsOfAPolicy)
        {
            var (egress, ingress) = (heads.Policy(), heads.Policy());
            var flow = Enforce(egress, where.Next(2) == 0 ? ingress : null);
            for (var j = 0; j < HeadsOfAPolicy; j++)
            {
                var bytes = heads.Head();
                Compare(bytes, in flow, () => $"seed {seed}, policies {i}, head {j}: {egress} and {ingress}");
                var cut = where.Next(bytes.Length + 1);
                Compare(bytes.AsSpan(0, cut), in flow, () => $"seed {seed}, policies {i}, head {j} cut at {cut}: {egress} and {ingress}");
            }
        }

        output.WriteLine($"seed {seed}, {2 * cases} heads: {string.Join(", ", Enum.GetValues<HttpAnswer>().Select(answer => $"{_answers[(int)answer]} {answer}"))}");

        // A kernel that leaves everything to the proxy would agree with it as well.
        Assert.All(_answers, count => Assert.True(count > cases / 20, "too few to be a test"));
    }

    [PrivilegedTheory]
    [InlineData("GET /a/12?x=%20y HTTP/1.1\r\nHost: api.example:8080\r\nUser-Agent: curl/8.14.1\r\nAccept: */*\r\nX-Two: a b\r\n\r\n")]
    [InlineData("POST /a/b HTTP/1.0\r\nHost: [fd00::1]:80\r\nContent-Length: 12345\r\nConnection: keep-alive\r\nX-Key: secret\r\n\r\nhello")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nCookie: 0123456789012345678901234567890123456789012345678901234567890123456789\r\nConnection: close\r\n\r\n")]
    [InlineData("GET / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n")]
    public void Head_CutAnywhere_WithAnyByteChanged_IsJudgedAsByTheProxy_OrNotAtAll(string text)
    {
        var bytes = Encoding.Latin1.GetBytes(text);
        var flow = Enforce(
            new HttpPolicy(
            [
                new(1, new("GET", "/a/[0-9]+.*", ".*\\.example", [new("X-Two", "a b")])), new(2, new("POST", "/a/.*", "\\[fd00::1\\]", [new("X-Key", "secret")])), new(3, new(null, "/", null, [])),
            ]),
            null);
        for (var cut = 0; cut <= bytes.Length; cut++)
        {
            Compare(bytes.AsSpan(0, cut), in flow, () => $"cut at {cut}");
        }

        for (var at = 0; at < bytes.Length; at++)
        {
            var before = bytes[at];
            for (var value = 0; value < 256; value++)
            {
                bytes[at] = (byte)value;
                Compare(bytes, in flow, () => $"{value} at {at}");
            }

            bytes[at] = before;
        }

        Assert.True(_answers[(int)HttpAnswer.Allowed] > 100);
    }

    [PrivilegedTheory]
    [MemberData(nameof(SmugglingForms.PortSwigger), MemberType = typeof(SmugglingForms))]
    [MemberData(nameof(SmugglingForms.HttpGarden), MemberType = typeof(SmugglingForms))]
    [MemberData(nameof(SmugglingForms.LlhttpAndDesyncGuardian), MemberType = typeof(SmugglingForms))]
    public void KnownFormOfSmuggling_IsNotAllowed_WhereverItIsCut(string text)
    {
        var bytes = Encoding.Latin1.GetBytes(text);
        var flow = Enforce(new HttpPolicy([new(1, HttpRule.Any)]), null);
        for (var cut = 0; cut <= bytes.Length; cut++)
        {
            Compare(bytes.AsSpan(0, cut), in flow, () => $"cut at {cut}");
        }

        // One comes behind a good request: that one it may be.
        var isBehind = text.StartsWith(SmugglingForms.Post + "\r", StringComparison.Ordinal);
        Assert.True(_answers[(int)HttpAnswer.Allowed] == 0 || isBehind);
    }

    /// <summary>What clients send as they are is judged here: else nothing would be gained.</summary>
    [PrivilegedTheory]
    [InlineData("GET /public/x HTTP/1.1\r\nHost: api:8000\r\nUser-Agent: curl/8.14.1\r\nAccept: */*\r\n\r\n")]
    [InlineData("GET /public HTTP/1.1\r\nHost: api:8000\r\nUser-Agent: Wget/1.25.0\r\nAccept: */*\r\nAccept-Encoding: identity\r\nConnection: Keep-Alive\r\n\r\n")]
    [InlineData("GET /public HTTP/1.1\r\nHost: api:8000\r\nUser-Agent: python-requests/2.32.3\r\nAccept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n")]
    [InlineData("GET /public HTTP/1.1\r\nHost: api:8000\r\nUser-Agent: Go-http-client/1.1\r\nAccept-Encoding: gzip\r\n\r\n")]
    [InlineData("GET /public HTTP/1.0\r\nHost: api:8000\r\nUser-Agent: ApacheBench/2.3\r\nAccept: */*\r\nConnection: Keep-Alive\r\n\r\n")]
    [InlineData("GET /public?q=a%20b HTTP/1.1\r\nhost: api:8000\r\nconnection: keep-alive\r\naccept: */*\r\naccept-language: *\r\nsec-fetch-mode: cors\r\nuser-agent: node\r\naccept-encoding: gzip, deflate\r\n\r\n")]
    [InlineData("GET /public/.well-known/x HTTP/1.1\r\nHost: api.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0)\r\nAccept: text/html,application/xhtml+xml;q=0.9\r\nCookie: s=1\r\nUpgrade-Insecure-Requests: 1\r\n\r\n")]
    [InlineData("POST /public HTTP/1.1\r\nHost: api:8000\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")]
    public void WhatClientsSend_IsJudged(string text)
    {
        var bytes = Encoding.Latin1.GetBytes(text);
        var flow = Enforce(new HttpPolicy([new(7, new("GET|POST", "/public.*", null, []))]), null);
        Compare(bytes, in flow, () => "");
        Assert.Equal(1, _answers[(int)HttpAnswer.Allowed]);
        Compare(Encoding.Latin1.GetBytes(text.Replace("/public", "/private", StringComparison.Ordinal)), in flow, () => "");
        Assert.Equal(1, _answers[(int)HttpAnswer.Denied]);
    }

    [PrivilegedFact]
    public void BothEnds_MustAllow_AndWhoKnowsNoPolicyIsTheProxysToAsk()
    {
        var bytes = Encoding.ASCII.GetBytes("GET /a HTTP/1.1\r\n" + Host);
        Put(1, "/a", "/b");
        Put(2, "/a");
        Put(3, "/c");

        Assert.Equal((HttpAnswer.Allowed, 1u), Says(1, 0));
        Assert.Equal((HttpAnswer.Allowed, 1u), Says(0, 2));
        Assert.Equal((HttpAnswer.Allowed, 1u), Says(1, 2));
        Assert.Equal((HttpAnswer.Denied, 0u), Says(1, 3));
        Assert.Equal((HttpAnswer.Denied, 0u), Says(3, 1));
        Assert.Equal((HttpAnswer.Unclear, 0u), Says(0, 0));
        Assert.Equal((HttpAnswer.Unclear, 0u), Says(4, 1));
        Assert.Equal((HttpAnswer.Unclear, 0u), Says(1, 4));
        _kernel.Remove(1);
        Assert.Equal((HttpAnswer.Unclear, 0u), Says(1, 0));

        (HttpAnswer Answer, uint Rule) Says(uint egress, uint ingress)
        {
            var head = _kernel.Judge(bytes, egress, ingress);
            return (head.Answer, head.RuleId);
        }

        void Put(uint policy, params string[] paths) =>
            Assert.Equal("", _kernel.Put(policy, new HttpRuleSet([.. paths.Select((path, i) => new HttpAllowance((uint)i + 1, new(null, path, null, [])))])));
    }

    /// <summary>A head is looked at up to a limit; and numbers do not overflow on the way there.</summary>
    [PrivilegedFact]
    public void LongHead_IsJudgedUpToTheLimit_AndNotBeyond()
    {
        var flow = Enforce(new HttpPolicy([new(1, HttpRule.Any)]), null);
        for (var length = (int)HttpLayout.Head - 20; length < (int)HttpLayout.Head + 20; length++)
        {
            var head = "GET / HTTP/1.1\r\nX: " + new string('y', length - 32) + "\r\n" + Host;
            Assert.Equal(length, head.Length);
            Assert.Equal(length <= (int)HttpLayout.Head ? HttpAnswer.Allowed : HttpAnswer.Unclear, Compare(Encoding.ASCII.GetBytes(head), in flow, () => ""));
            Assert.Equal(HttpAnswer.Unclear, Compare(Encoding.ASCII.GetBytes(head.Replace("X: y", "X: \n", StringComparison.Ordinal)), in flow, () => ""));
        }

        for (var length = 28; length < 40; length++)
        {
            Assert.Equal(length <= 32 ? HttpAnswer.Allowed : HttpAnswer.Unclear, Compare(Encoding.ASCII.GetBytes(new string('M', length) + " / HTTP/1.1\r\n" + Host), in flow, () => ""));
        }

        Assert.Equal(HttpAnswer.Unclear, Compare(Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\n" + string.Concat(Enumerable.Repeat("a:\r\n", 780)) + Host), in flow, () => ""));
    }

    /// <summary>An urgent byte is taken out of the stream at most servers: what they read is not what was judged.</summary>
    [PrivilegedTheory]
    [InlineData(0x18, HttpAnswer.Allowed)]
    [InlineData(0x19, HttpAnswer.Allowed)]
    [InlineData(0x38, HttpAnswer.Unclear)]
    [InlineData(0x1a, HttpAnswer.Unclear)]
    [InlineData(0x1c, HttpAnswer.Unclear)]
    public void Segment_OfOtherFlagsThanDataHas_IsNotJudged(byte flags, HttpAnswer expected)
    {
        Enforce(new HttpPolicy([new(1, HttpRule.Any)]), null);
        var text = Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\n" + Host);
        foreach (var (source, destination) in (ReadOnlySpan<(string, string)>)[("10.11.0.2", "10.11.0.3"), ("fd00::2", "fd00::3")])
        {
            var head = _kernel.Judge(new Frame { Source = source, Destination = destination, TcpFlags = flags, Payload = text }, 1);
            Assert.Equal(expected, head.Answer);
        }
    }

    [PrivilegedFact]
    public void ManyPaths_FitTheTable()
    {
        foreach (var count in (int[])[1, 100, (int)HttpLayout.Rules])
        {
            var policy = new HttpPolicy([.. Enumerable.Range(1, count).Select(i => new HttpAllowance((uint)i, new("GET", $"/service-{i * 7919 % 1000}/resource/{i}(/.*)?", null, [])))]);
            var flow = Enforce(policy, null);
            Assert.Equal(HttpAnswer.Allowed, Compare(Encoding.ASCII.GetBytes($"GET /service-{count * 7919 % 1000}/resource/{count}/x HTTP/1.1\r\n" + Host), in flow, () => ""));
            Assert.Equal(HttpAnswer.Denied, Compare(Encoding.ASCII.GetBytes($"GET /service-{count * 7919 % 1000}/resource/x HTTP/1.1\r\n" + Host), in flow, () => ""));
        }
    }

    [PrivilegedFact]
    public void RulesThatTheKernelCannotJudge_AreNamed()
    {
        HttpRule any = HttpRule.Any;
        Assert.Contains("audit", Why(new HttpRuleSet([new(1, any)], isAudit: true)), StringComparison.Ordinal);
        Assert.Contains("257 rules", Why(new HttpRuleSet([.. Enumerable.Range(1, 257).Select(i => new HttpAllowance((uint)i, any))])), StringComparison.Ordinal);
        Assert.Contains("becomes of a request without header X", Why(new HttpRuleSet([new(1, any with { Headers = [new("X", "y", HeaderMismatch.Log)] })])), StringComparison.Ordinal);
        Assert.Contains("header host", Why(new HttpRuleSet([new(1, any with { Headers = [new("Host", "y")] })])), StringComparison.Ordinal);
        Assert.Contains("compared as text", Why(new HttpRuleSet([new(1, any with { Headers = [new("X", "y ")] })])), StringComparison.Ordinal);
        Assert.Contains("several automata", Why(new HttpRuleSet([new(1, any with { Path = "/(a|b|c)*a(a|b|c){7}" }), new(2, any with { Path = "/(a|b|c)*b(a|b|c){7}" })])), StringComparison.Ordinal);

        string Why(HttpRuleSet rules) => _kernel.Put(9, rules);
    }

    private ProxyFlow Enforce(HttpPolicy egress, HttpPolicy? ingress)
    {
        var message = new ProxyPolicies();
        message.Policies.Add(PolicySnapshot.ToMessage(egress));
        Assert.Equal("", _kernel.Put(1, new HttpRuleSet(egress.Allowances)));
        if (ingress is not null && ingress.Id != egress.Id)
        {
            message.Policies.Add(PolicySnapshot.ToMessage(ingress));
        }

        if (ingress is not null)
        {
            Assert.Equal("", _kernel.Put(2, new HttpRuleSet(ingress.Allowances)));
        }

        _snapshot = _snapshot.Next(message);
        return new ProxyFlow(default, default, 1, 2, egress.Id, ingress?.Id ?? 0, 1);
    }

    private HttpAnswer Compare(ReadOnlySpan<byte> bytes, in ProxyFlow flow, Func<string> what)
    {
        if (bytes.IsEmpty || bytes.Length > HttpHarness.Most)
        {
            return HttpAnswer.Unclear;
        }

        var said = _kernel.Judge(bytes, 1, flow.HttpIngress == 0 ? 0u : 2);
        _answers[(int)said.Answer]++;
        var expected = Expected(bytes, in flow, said.Answer);
        var actual = said.Answer is HttpAnswer.Unclear or HttpAnswer.Partial ? said.Answer.ToString()
            : $"{said.Answer} by rule {said.RuleId} of {(said.Flags.HasFlag(HttpHeadFlag.Ingress) ? "ingress" : "egress")}: {said.Length} bytes, body {said.Body}, keep-alive {said.Flags.HasFlag(HttpHeadFlag.KeepAlive)}";
        Assert.True(expected == actual, $"{what()}\n{actual}, where the proxy says\n{expected} to\n{Encoding.Latin1.GetString(bytes)}");
        return said.Answer;
    }

    /// <summary>What the proxy says, in the words of what the kernel may say to it.</summary>
    private string Expected(ReadOnlySpan<byte> bytes, in ProxyFlow flow, HttpAnswer said)
    {
        if (said == HttpAnswer.Unclear)
        {
            return nameof(HttpAnswer.Unclear);
        }

        var part = default(RequestReader).Read(bytes, _head, out var length, out var fault);
        if (part == RequestPart.Fault)
        {
            // It looks for the head's end first, and finds a fault that is behind what the kernel has seen.
            return said == HttpAnswer.Partial ? nameof(HttpAnswer.Partial) : fault.ToString();
        }

        if (part == RequestPart.More)
        {
            return nameof(HttpAnswer.Partial);
        }

        if (_head.IsHttp2Preface || _head.Body == BodyKind.Chunked || _head.Upgrade != UpgradeKind.None || _head.ExpectsContinue)
        {
            return "not plain";
        }

        var head = bytes[..length];
        var judgement = Judge.Decide(_snapshot, in flow, _head.Method(head), _head.Path(head), _head.Host(head), _head.HeadersOf(head));
        var answer = judgement.Verdict switch
        {
            AccessVerdict.Allowed => HttpAnswer.Allowed.ToString(),
            AccessVerdict.Refused => HttpAnswer.Denied.ToString(),
            _ => judgement.Verdict.ToString(),
        };
        return $"{answer} by rule {judgement.RuleId} of {(judgement.Ingress ? "ingress" : "egress")}: {length} bytes, body {_head.ContentLength}, keep-alive {_head.KeepAlive}";
    }
}
