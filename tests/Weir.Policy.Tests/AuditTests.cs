// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Rules;
using Weir.Net;
using Xunit;
using Xunit.Abstractions;

namespace Weir.Policy.Tests;

/// <summary>Rules in audit: judged by, told of, and not enforced.</summary>
public sealed class AuditTests(ITestOutputHelper output)
{
    private const int Rounds = 300;
    private const int Packets = 100;
    private const string Enforced = "- endpointSelector: {matchLabels: {role: api}}\n  ingress: [{fromEndpoints: [{matchLabels: {role: web}}]}]\n";

    private static readonly PolicyPeer _web = Peers.Container("role=web");
    private static readonly PolicyPeer _api = Peers.Container("role=api");
    private static readonly PolicyPeer _cron = Peers.Container("role=cron");
    private static readonly SampleRequest[] _requests = [.. new[] { "GET /", "GET /a", "GET /b", "PUT /a" }.Select(request => SampleRequest.Parse(request, []))];

    /// <summary>What is said of a policy with rules in audit follows from two policies without any: what is enforced, and all of
    /// it as if it were.</summary>
    [Fact]
    public void RandomPolicies_AreTwoPolicies()
    {
        var fixedSeed = Environment.GetEnvironmentVariable("WEIR_SEED");
        var first = fixedSeed is null ? Random.Shared.Next() : int.Parse(fixedSeed);
        output.WriteLine($"first seed {first}");
        var (audited, lacking, requests) = (0, 0, 0);
        for (var i = 0; i < (fixedSeed is null ? Rounds : 1); i++)
        {
            var seed = unchecked(first + i);
            var random = new RandomPolicies(seed);
            var document = random.Document("random", random.Pick<int>([1, 2, 3, 5, 12]));
            var mode = random.Pick<EnforcementMode>([EnforcementMode.Default, EnforcementMode.Default, EnforcementMode.Always, EnforcementMode.Never]);
            var engine = EngineOf(document, mode);
            var enforced = EngineOf(document with { Rules = [.. document.Rules.Where(rule => !rule.IsAudit)] }, mode);
            var whole = EngineOf(document with { Rules = [.. document.Rules.Select(rule => rule with { IsAudit = false })] }, mode);
            var peers = random.Peers();
            var subjects = peers.Where(peer => peer.Identity.IsEndpoint).ToList();
            for (var j = 0; j < Packets; j++)
            {
                var (subject, peer, direction) = (random.Pick(subjects), random.Pick(peers), (PolicyDirection)(j & 1));
                var (protocol, port) = j % 3 == 0 ? random.Packet() : (IpProtocol.Tcp, random.Pick<ushort>([80, 81, 443]));
                var got = engine.Decide(subject, peer, direction, protocol, port);
                var (e, a) = (enforced.Decide(subject, peer, direction, protocol, port), whole.Decide(subject, peer, direction, protocol, port));
                var where = $"WEIR_SEED={seed}: {subject.DisplayName} {direction} {peer.DisplayName} {protocol} {port}: {got}; enforced {e}, whole {a}";
                Assert.True((e.Allowed, e.Enforced, e.ByDenyRule, NameOf(enforced, e.RuleId)) == (got.Allowed, got.Enforced, got.ByDenyRule, NameOf(engine, got.RuleId)), where);
                Assert.True((e.Allowed && !a.Allowed ? (a.ByDenyRule, NameOf(whole, a.RuleId)) : (false, "-"))
                    == (got.Audited is { } refusal ? (refusal.ByDenyRule, NameOf(engine, refusal.RuleId)) : (false, "-")), where);
                Assert.True((!e.Allowed && a.Allowed ? NameOf(whole, a.RuleId) : "") == NameOf(engine, got.WouldBeAllowedBy), where);
                foreach (var request in _requests.Where(_ => e.Allowed && a.Allowed && protocol == IpProtocol.Tcp))
                {
                    var (passes, would) = (Passes(request, e.Http), Passes(request, a.Http));
                    Assert.True(passes == (got.Http is { IsAudit: true } || Passes(request, got.Http)), $"{where} {request.Text}");
                    Assert.True((passes && !would) == (got.Http is { IsAudit: true } && !Passes(request, got.Http)), $"{where} {request.Text}");
                    requests += passes && !would ? 1 : 0;
                }

                audited += got.Audited is null ? 0 : 1;
                lacking += got.WouldBeAllowedBy == 0 ? 0 : 1;
            }
        }

        output.WriteLine($"{audited} audited, {requests} requests, {lacking} would be allowed");
        Assert.True(fixedSeed is not null || (audited > 100 && lacking > 20));
    }

    [Fact]
    public void DefaultDeny_OfAuditAlone_IsToldWithTheNearestRule()
    {
        var engine = Policies.Engine(Enforced + "  mode: audit\n");
        var explanation = engine.Explain(_cron, _api, IpProtocol.Tcp, 80);
        Assert.True(explanation is { Allowed: true, IsAudited: true });
        Assert.Equal(
            "ingress: allowed, no rule puts ingress of this endpoint under policy; audited: would be denied, no rule would allow it; "
            + "nearest is test at test.yaml:2: it allows from role=web, not from container:role=cron", explanation.Ingress.Text);
        Assert.False(engine.Explain(_web, _api, IpProtocol.Tcp, 80).IsAudited);
        Assert.False(engine.IsDefaultDeny(_api, PolicyDirection.Ingress));
    }

    [Fact]
    public void DenyRuleInAudit_IsNamed()
    {
        var text = Policies.Engine(Enforced + "- endpointSelector: {}\n  ingressDeny: [{fromEndpoints: [{matchLabels: {role: web}}]}]\n  mode: audit\n")
            .Explain(_web, _api, IpProtocol.Tcp, 80).Ingress.Text;
        Assert.Equal("ingress: allowed by rule test[0] at test.yaml:2; audited: would be denied by rule test[1] at test.yaml:3", text);
    }

    [Fact]
    public void AllowRuleInAudit_AllowsNothing_AndIsNamed()
    {
        var engine = Policies.Engine(Enforced + "- endpointSelector: {matchLabels: {role: api}}\n  ingress: [{fromEndpoints: [{matchLabels: {role: cron}}]}]\n  mode: audit\n");
        Assert.False(engine.In(_api, _cron, 80));
        Assert.Contains("rule test[1] at test.yaml:3 would allow it, but is in audit", engine.Explain(_cron, _api, IpProtocol.Tcp, 80).Ingress.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void RequestsThatRulesInAuditDoNotAllow_AreToldAndPass()
    {
        var engine = Policies.Engine("- endpointSelector: {matchLabels: {role: api}}\n  mode: audit\n  ingress: [{toPorts: [{ports: [{port: '80', protocol: TCP}], rules: {http: [{path: /public}]}}]}]\n");
        var (known, other) = (engine.Explain(_web, _api, IpProtocol.Tcp, 80, _requests[0]), engine.Explain(_web, _api, IpProtocol.Tcp, 80, SampleRequest.Parse("GET /public", [])));
        Assert.True(known is { Allowed: true, IsAudited: true });
        Assert.Equal("ingress: GET / is allowed; audited: would be refused with 403: rule test at test.yaml:1 allows only /public", known.Ingress.Text);
        Assert.True(other is { Allowed: true, IsAudited: false });
    }

    [Theory]
    [InlineData("NetworkPolicy", "networking.k8s.io/v1", "podSelector: {}", 1)]
    [InlineData("CiliumNetworkPolicy", "cilium.io/v2", "endpointSelector: {}, ingress: [{}]", 1)]
    [InlineData("CiliumNetworkPolicy", "cilium.io/v2", "endpointSelector: {}, ingress: [{}], mode: enforce", 0)]
    public void Document_SaysItForItsRules(string kind, string version, string spec, int audited)
    {
        var document = Assert.Single(Policies.Read($"apiVersion: {version}\nkind: {kind}\nmode: audit\nmetadata: {{name: a}}\nspec: {{{spec}}}\n").Documents);
        Assert.Equal((audited, false), (document.AuditedRules, document.AppliedInAudit));
        Assert.Equal((1, true), (document.InAudit().AuditedRules, document.InAudit().AppliedInAudit));
    }

    [Theory]
    [InlineData("audti", "test.yaml:3:9: expected enforce or audit for mode; found \"audti\"; did you mean \"audit\"?")]
    [InlineData("[audit]", "test.yaml:3:9: expected enforce or audit for mode; found a list")]
    [InlineData("warn", "test.yaml:3:9: expected enforce or audit for mode; found \"warn\"")]
    public void UnknownMode_IsAnErrorWithItsPlace(string mode, string expected)
    {
        var problem = Assert.Single(Policies.Read($"- endpointSelector: {{}}\n  ingress: [{{}}]\n  mode: {mode}\n").Problems);
        Assert.Equal(expected, $"{problem.Location}: {problem.Message}");
    }

    [Fact]
    public void DenyResponse_OfARuleInAudit_HoldsForNobody()
    {
        var engine = Policies.Engine("- endpointSelector: {}\n  ingress: [{}]\n  denyResponse: drop\n  mode: audit\n");
        Assert.Null(engine.DenyResponseOf(_api));
    }

    [Fact]
    public void Comparison_TellsWhatIsAudited()
    {
        var enforced = PolicySet.Empty.With(Policies.Read(Enforced).Documents);
        var audit = PolicySet.Empty.With(Policies.Read(Enforced + "  mode: audit\n").Documents);
        var difference = Assert.Single(PolicyComparer(audit, enforced));
        Assert.EndsWith("→ role=api everything: audited → denied", difference, StringComparison.Ordinal);
        Assert.EndsWith("→ role=api everything: allowed → audited", Assert.Single(PolicyComparer(PolicySet.Empty, audit)), StringComparison.Ordinal);
        Assert.Empty(PolicyComparer(audit, audit));
    }

    private static IEnumerable<string> PolicyComparer(PolicySet before, PolicySet after) =>
        Comparison.PolicyComparer.Compare(before, after).Differences.Select(difference => difference.ToString());

    private static PolicyEngine EngineOf(PolicyDocument document, EnforcementMode mode) => new(PolicySet.Empty.With([document]), mode);

    private static bool Passes(SampleRequest request, HttpPolicy? policy) => policy is null || request.JudgedBy(policy).Allowed;

    private static string NameOf(PolicyEngine engine, uint rule) => engine.Set.FindRule(rule)?.Name ?? "";
}
