// SPDX-License-Identifier: Apache-2.0
using Weir.Net;
using Weir.Policy.Evaluation;
using Weir.Policy.Reading;

namespace Weir.Policy.Testing;

/// <summary>Asks policy what tests expect of it: the answers are those of <see cref="PolicyEngine.Explain"/>.</summary>
public static class PolicyTestRunner
{
    /// <summary>What is wrong with tests that only the policy tells: rules that are not there.</summary>
    public static IReadOnlyList<Problem> Check(PolicyTestFile file, PolicySet policy)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentNullException.ThrowIfNull(policy);
        var problems = new List<Problem>();
        foreach (var test in file.Tests)
        {
            if (test.By is { } by && RulesOf(policy, by).Count == 0)
            {
                var nearest = NearestName.Find(by, policy.Documents.Select(document => document.Name));
                problems.Add(new Problem(test.ByLocation, $"by: no policy is named \"{by}\"{(nearest is null ? "" : $"; did you mean \"{nearest}\"?")}", Severity.Error));
            }
        }

        return problems;
    }

    /// <summary>Runs the tests of a file, in their order.</summary>
    public static IReadOnlyList<PolicyTestResult> Run(PolicyTestFile file, PolicySet policy)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentNullException.ThrowIfNull(policy);
        var engine = new PolicyEngine(policy, file.Mode);
        return [.. file.Tests.Select(test => Run(engine, test))];
    }

    private static PolicyTestResult Run(PolicyEngine engine, PolicyTest test)
    {
        PolicyTestResult? first = null;
        foreach (var (from, to) in Pairs(test, engine.Set))
        {
            foreach (var (protocol, port) in Points(engine, test, from, to))
            {
                if (first is not null && test.By is null && Holds(engine, test, from, to, protocol, port))
                {
                    continue; // of one that holds the words are not needed
                }

                var result = Judge(engine, test, from, to, protocol, port);
                if (!result.Passed)
                {
                    return result;
                }

                first ??= result with { At = "" };
            }
        }

        return first ?? throw new InvalidOperationException($"{test.Location}: the test is about no packet");
    }

    private static IEnumerable<(PolicyPeer From, PolicyPeer To)> Pairs(PolicyTest test, PolicySet policy)
    {
        foreach (var from in test.From.PeersUnder(policy))
        {
            foreach (var to in test.To.PeersUnder(policy))
            {
                yield return (from, to);
            }
        }
    }

    /// <summary>One port of each range that is decided alike throughout.</summary>
    private static IEnumerable<(IpProtocol Protocol, ushort Port)> Points(PolicyEngine engine, PolicyTest test, PolicyPeer from, PolicyPeer to)
    {
        foreach (var selector in test.Ports)
        {
            var protocol = selector.Protocol!.Value;
            if (!TestParty.Speaks(from, protocol) || !TestParty.Speaks(to, protocol))
            {
                continue;
            }

            if (selector.First == selector.Last)
            {
                yield return (protocol, selector.First);
                continue;
            }

            foreach (var start in PortRegions.Starts(engine.Entries, PortNames.Of(to), protocol).Where(start => start > selector.First && start <= selector.Last).Prepend(selector.First))
            {
                // Path MTU messages pass whatever is expected.
                if (!Evaluator.AlwaysPasses(protocol, (ushort)start))
                {
                    yield return (protocol, (ushort)start);
                }
            }
        }
    }

    private static bool Holds(PolicyEngine engine, PolicyTest test, PolicyPeer from, PolicyPeer to, IpProtocol protocol, ushort port)
    {
        var egress = engine.Decide(from, to, PolicyDirection.Egress, protocol, port);
        var ingress = engine.Decide(to, from, PolicyDirection.Ingress, protocol, port);
        return IsAsExpected(test, !egress.Allowed || !ingress.Allowed ? TestAnswer.Denied
            : test.Request is { } request && !(Passes(request, egress) && Passes(request, ingress)) ? TestAnswer.Forbidden
            : IsAudited(test.Request, egress) || IsAudited(test.Request, ingress) ? TestAnswer.Audited
            : TestAnswer.Allowed);
    }

    private static bool Passes(SampleRequest request, Decision decision) => decision.Http is null or { IsAudit: true } || request.JudgedBy(decision.Http).Allowed;

    private static bool IsAudited(SampleRequest? request, Decision decision) =>
        decision.Audited is not null || (request is not null && decision.Http is { IsAudit: true } http && !request.JudgedBy(http).Allowed);

    private static bool IsAsExpected(PolicyTest test, TestAnswer got) =>
        got == test.Expected || (test.Expected == TestAnswer.Denied && got == TestAnswer.Forbidden);

    private static PolicyTestResult Judge(PolicyEngine engine, PolicyTest test, PolicyPeer from, PolicyPeer to, IpProtocol protocol, ushort port)
    {
        var explanation = engine.Explain(from, to, protocol, port, test.Request);
        var got = explanation.IsAudited ? TestAnswer.Audited
            : explanation.Allowed ? TestAnswer.Allowed
            : explanation.Egress.Decision.Allowed && explanation.Ingress.Decision.Allowed ? TestAnswer.Forbidden
            : TestAnswer.Denied;
        var isRight = IsAsExpected(test, got);
        var fault = isRight && test.By is { } by ? OtherRule(engine.Set, explanation, by) : "";
        return new PolicyTestResult(test, isRight && fault.Length == 0, got, At(test, from, to, protocol, port), fault, explanation);
    }

    /// <summary>Empty: a rule of that name decided.</summary>
    private static string OtherRule(PolicySet policy, Explanation explanation, string by)
    {
        var deciding = new[] { explanation.Egress, explanation.Ingress }.Where(end => end.Allowed == explanation.Allowed && (end.IsAudited || !explanation.IsAudited)).SelectMany(end => Deciding(policy, end)).Distinct().ToArray();
        return deciding.Intersect(RulesOf(policy, by)).Any() ? ""
            : deciding.Length == 0 ? "no rule decided"
            : $"decided by {string.Join(", ", deciding.Select(rule => rule.ToString()))}";
    }

    private static IEnumerable<Rule> Deciding(PolicySet policy, EndExplanation end) => end switch
    {
        { IsAudited: true, Decision.Audited: { } audited } => audited.RuleId == 0 ? [] : [policy.FindRule(audited.RuleId)!],
        { Decision: { Allowed: true, Http: { } http }, Http.Allowed: false } => http.Allowances.Select(allowance => policy.FindRule(allowance.RuleId)!),
        { Http: { Allowed: true } verdict } => [policy.FindRule(verdict.RuleId)!],
        { Rule: { } rule } => [rule],
        _ => [],
    };

    /// <summary>The rules of a policy, or the one rule of that name ("shop[2]").</summary>
    private static IReadOnlyList<Rule> RulesOf(PolicySet policy, string name) =>
        policy.FindDocuments(name) is { Count: > 0 } documents
            ? [.. documents.SelectMany(document => document.Rules)]
            : [.. policy.Rules.Where(rule => rule.Name == name)];

    private static string At(PolicyTest test, PolicyPeer from, PolicyPeer to, IpProtocol protocol, ushort port)
    {
        // All protocols that rules cannot speak of are alike.
        var portText = protocol == PortRegions.AnyOther ? "other protocols" : Explainer.Describe(protocol, port);
        var isOne = test.Ports is [{ } only] && only.First == only.Last;
        return string.Join(' ', new[]
        {
            from.Identity.IsEndpoint || (test.From.Addresses is { IsSingleAddress: true }) ? "" : $"from {from.DisplayName}",
            to.Identity.IsEndpoint || (test.To.Addresses is { IsSingleAddress: true }) ? "" : $"to {to.DisplayName}",
            isOne ? "" : portText,
        }.Where(part => part.Length > 0));
    }
}
