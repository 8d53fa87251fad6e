// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Differences;
using Weir.Http.Patterns;
using Weir.Http.Rules;
using Weir.Policy.Comparison;

namespace Weir.Policy.Replay;

/// <summary>Judges requests of which not all is on record: proved over all that they can have been. The same question is
/// asked once.</summary>
internal sealed class RequestJudge
{
    private static readonly HttpPolicy _nothing = new([]);

    private readonly Dictionary<(HttpPolicy One, HttpPolicy Other, SeenRequest Request), ReplayVerdict> _known = [];
    private readonly Dictionary<HttpPolicy, HttpPolicy> _meanings = [];
    private readonly Dictionary<string, HttpRuleSet> _rules = new(StringComparer.Ordinal);

    /// <param name="policies">Of one end or of both: all must allow it.</param>
    public ReplayVerdict Judge(IReadOnlyList<HttpPolicy> policies, SeenRequest request)
    {
        if (policies.All(AllowsEverything))
        {
            return ReplayVerdict.Passes;
        }

        // Services that have alike rules are asked once: which rule it is, and whose host, is no matter then.
        HttpPolicy[] meanings = [.. policies.Select(MeaningOf)];
        var asked = request.Host.Length > 0 && !meanings.Any(LooksAtHost) ? request with { Host = "any" } : request;
        var key = (meanings[0], meanings[^1], asked);
        if (!_known.TryGetValue(key, out var verdict))
        {
            verdict = Ask(meanings, asked);
            _known.Add(key, verdict);
        }

        return verdict;
    }

    internal static bool AllowsEverything(HttpPolicy policy) =>
        policy.Allowances.Any(allowance => allowance.Rule is not { } rule || (rule is { Method: null, Path: null, Host: null } && !Requires(rule)));

    private static bool LooksAtHost(HttpPolicy policy) => policy.Allowances.Any(allowance => allowance.Rule?.Host is not null);

    /// <summary>The same whichever rules it is made of.</summary>
    private HttpPolicy MeaningOf(HttpPolicy policy)
    {
        if (!_meanings.TryGetValue(policy, out var meaning))
        {
            meaning = new HttpPolicy([.. policy.Allowances.Select(allowance => new HttpAllowance(0, allowance.Rule))], policy.IsAudit);
            _meanings.Add(policy, meaning);
        }

        return meaning;
    }

    private static bool Requires(HttpRule rule) => rule.Headers.Any(header => header.Mismatch == HeaderMismatch.Refuse);

    private ReplayVerdict Ask(IReadOnlyList<HttpPolicy> policies, SeenRequest request)
    {
        try
        {
            var looksAtHeaders = policies.Any(policy => policy.Allowances.Any(allowance => allowance.Rule is { } rule && Requires(rule)));
            return request.IsWhole && !looksAtHeaders ? AskOne(policies, request) : AskAll(policies, request);
        }
        catch (Exception e) when (e is FormatException or PatternException)
        {
            return ReplayVerdict.Unknown; // no request that the proxy would take, or one too long for a pattern
        }
    }

    private ReplayVerdict AskOne(IReadOnlyList<HttpPolicy> policies, SeenRequest request)
    {
        var sample = SampleRequest.Parse($"{request.Method} {request.Path}", request.Host.Length == 0 ? [] : [$"Host: {request.Host}"]);
        return policies.All(policy => sample.JudgedBy(RulesOf(policy)).Allowed) ? ReplayVerdict.Passes : ReplayVerdict.Refused;
    }

    private ReplayVerdict AskAll(IReadOnlyList<HttpPolicy> policies, SeenRequest request)
    {
        var shape = new HttpPolicy([new HttpAllowance(0, request.Shape)]);
        HttpPolicy[] both = [shape, .. policies];
        if (RequestDifference.Find([shape], both, example => (true, Passes(policies, example))) is { Closed: null, Unproved.Length: 0 })
        {
            return ReplayVerdict.Passes;
        }

        return RequestDifference.Find([_nothing], both, example => (false, Passes(policies, example))) is { Opened: null, Unproved.Length: 0 }
            ? ReplayVerdict.Refused
            : ReplayVerdict.Unknown;
    }

    private bool Passes(IReadOnlyList<HttpPolicy> policies, RequestExample example) =>
        RequestComparer.Parse(example) is { } request && policies.All(policy => request.JudgedBy(RulesOf(policy)).Allowed);

    private HttpRuleSet RulesOf(HttpPolicy policy)
    {
        if (!_rules.TryGetValue(policy.Text, out var rules))
        {
            rules = new HttpRuleSet(policy.Allowances);
            _rules.Add(policy.Text, rules);
        }

        return rules;
    }
}
