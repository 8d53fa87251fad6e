// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Rules;

namespace Weir.Policy.Evaluation;

/// <summary>Finds the words for what is judged request by request.</summary>
internal static class HttpExplainer
{
    /// <param name="connection">What was said of the connection.</param>
    public static string Describe(
        PolicyEngine engine, PolicyDirection direction, string connection, HttpPolicy policy, SampleRequest? request, HttpVerdict? verdict)
    {
        var side = direction == PolicyDirection.Ingress ? "ingress" : "egress";
        if (verdict is not { } judged)
        {
            return policy.IsAudit ? $"{connection}; requests are audited, those not told: {policy}" : $"{connection}, by requests: {policy}";
        }

        if (!judged.Allowed)
        {
            return policy.IsAudit
                ? $"{side}: {request!.Text} is allowed; audited: would be refused with 403: {Describe(engine, policy)}"
                : $"{side}: {request!.Text} is refused with 403: {Describe(engine, policy)}";
        }

        var rule = engine.Set.FindRule(judged.RuleId);
        var item = rule?.Entries.SelectMany(entry => entry.Http ?? [])
            .FirstOrDefault(candidate => request!.JudgedBy(new HttpPolicy([new HttpAllowance(judged.RuleId, candidate.Rule)])).Allowed);
        var mended = judged.Mismatched.Count == 0 ? "" : $"; not as it wants: {string.Join(", ", judged.Mismatched.Select(header => $"{header} ({header.Mismatch.ToString().ToUpperInvariant()})"))}";
        return $"{side}: {request!.Text} is allowed by rule {rule?.Name} at {(item?.Location ?? rule?.Location)?.FileAndLine}{mended}";
    }

    /// <summary>"rule shop at shop.yaml:3 allows only GET /public".</summary>
    public static string Describe(PolicyEngine engine, HttpPolicy policy)
    {
        string[] rules = [.. policy.Allowances.Select(allowance => allowance.RuleId).Distinct()
            .Select(engine.Set.FindRule)
            .Select(rule => $"{rule?.Name} at {rule?.Location.FileAndLine}")];
        var names = string.Join(", ", rules.Take(3)) + (rules.Length > 3 ? " and others" : "");
        return rules.Length == 1 ? $"rule {names} allows only {policy}" : $"rules {names} allow only {policy}";
    }
}
