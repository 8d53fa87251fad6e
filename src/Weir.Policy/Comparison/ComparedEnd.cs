// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Rules;
using Weir.Net;
using Weir.Policy.Evaluation;

namespace Weir.Policy.Comparison;

/// <summary>One end of many pairs: they all have the same entries of one side's policy.</summary>
/// <param name="Engine">That side.</param>
/// <param name="DefaultDeny">The rule that puts the end under policy, if one does.</param>
/// <param name="Meaning">Equal where the answers are, also on the other side.</param>
internal sealed record ComparedEnd(PolicyEngine Engine, PolicyDirection Direction, EndPolicy Policy, Rule? DefaultDeny, string Meaning)
{
    /// <summary>"ingress: allowed by rule shop at shop.yaml:3".</summary>
    public string Describe(Decision decision, PortNames names, IpProtocol protocol, ushort port)
    {
        var rule = decision.RuleId == 0 ? null : Engine.Set.FindRule(decision.RuleId);
        var entry = rule is null ? null : Policy.Entries.FirstOrDefault(candidate =>
            candidate.Rule.Id == rule.Id && candidate.Entry.IsDeny == decision.ByDenyRule && Evaluator.MatchesPort(candidate.Entry, names, protocol, port)).Entry;
        var text = Explainer.Describe(Engine.Mode, Direction, decision, rule, entry);
        var cause = DefaultDeny is { } putting ? $"; {putting} puts it under policy" : "";
        return decision.Audited is { } audited
            ? $"{text}; {Explainer.Describe(audited, Engine.Set.FindRule(audited.RuleId))}{(audited.ByDenyRule ? "" : cause)}"
            : rule is null && !decision.Allowed ? text + cause : text;
    }

    /// <summary>The same of a request, where requests are looked at.</summary>
    public string Describe(Decision decision, PortNames names, IpProtocol protocol, ushort port, SampleRequest request)
    {
        var connection = Describe(decision, names, protocol, port);
        return decision.Http is { } http
            ? HttpExplainer.Describe(Engine, Direction, connection, http, request, request.JudgedBy(http))
            : connection;
    }

    /// <summary>Whether two decisions, also of different sides, let the same pass, and tell of the same.</summary>
    public static bool IsSame(Decision one, Decision other) =>
        one.Allowed == other.Allowed && one.Audited is null == other.Audited is null && MeaningOf(one.Http) == MeaningOf(other.Http);

    /// <summary>Equal for policies that allow the same by the same rules on requests.</summary>
    public static string MeaningOf(HttpPolicy? policy) =>
        policy is null ? "" : (policy.IsAudit ? "audit\n" : "") + string.Join('\n', policy.Allowances.Select(allowance => new HttpPolicy([allowance with { RuleId = 0 }]).Text).Distinct().Order(StringComparer.Ordinal));
}
