// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Differences;
using Weir.Http.Rules;

namespace Weir.Policy.Comparison;

/// <summary>Compares what is judged request by request; the same question is asked once.</summary>
internal sealed class RequestComparer
{
    /// <summary>Of no connection any request passes.</summary>
    private static readonly HttpPolicy _nothing = new([]);

    private readonly Dictionary<string, RequestDifference> _known = new(StringComparer.Ordinal);

    /// <param name="before">Of both ends; null: the connection is denied; empty: requests are not looked at.</param>
    /// <param name="after">Likewise.</param>
    public RequestDifference Compare(HttpPolicy[]? before, HttpPolicy[]? after)
    {
        var key = $"{Key(before)}\n→\n{Key(after)}";
        if (!_known.TryGetValue(key, out var difference))
        {
            HttpPolicy[] old = before ?? [_nothing];
            HttpPolicy[] @new = after ?? [_nothing];
            var (oldRules, newRules) = (Compile(old), Compile(@new));
            difference = RequestDifference.Find(old, @new, example => Parse(example) is { } request ? (Passes(oldRules, request), Passes(newRules, request)) : null);
            _known.Add(key, difference);
        }

        return difference;
    }

    /// <summary>Null: the proxy would not take it.</summary>
    public static SampleRequest? Parse(RequestExample example)
    {
        try
        {
            return SampleRequest.Parse(
                $"{example.Method} {example.Path}", example.Host.Length == 0 ? example.Headers : [$"Host: {example.Host}", .. example.Headers], example.ToString());
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private static HttpRuleSet[] Compile(HttpPolicy[] policies) => [.. policies.Select(policy => new HttpRuleSet(policy.Allowances))];

    private static bool Passes(HttpRuleSet[] rules, SampleRequest request) => Array.TrueForAll(rules, set => request.JudgedBy(set).Allowed);

    private static string Key(HttpPolicy[]? policies) =>
        policies is null ? "denied" : string.Join("\n&\n", policies.Select(ComparedEnd.MeaningOf).Distinct().Order(StringComparer.Ordinal));
}
