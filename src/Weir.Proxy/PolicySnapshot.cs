// SPDX-License-Identifier: Apache-2.0
using System.Collections.Frozen;
using Weir.Api;
using Weir.Http.Rules;

namespace Weir.Proxy;

/// <summary>
/// The HTTP policies by number, compiled. Immutable; a new one keeps those of the one before it as well,
/// for requests that were on their way when policy changed.
/// </summary>
internal sealed class PolicySnapshot
{
    private static long _last;

    private readonly FrozenDictionary<uint, HttpRuleSet> _policies;
    private readonly FrozenDictionary<uint, HttpRuleSet> _former;

    private PolicySnapshot(FrozenDictionary<uint, HttpRuleSet> policies, FrozenDictionary<uint, HttpRuleSet> former)
    {
        _policies = policies;
        _former = former;
    }

    /// <summary>Knows no policy: nothing is served.</summary>
    public static PolicySnapshot Empty { get; } = new(FrozenDictionary<uint, HttpRuleSet>.Empty, FrozenDictionary<uint, HttpRuleSet>.Empty);

    /// <summary>No other has had it.</summary>
    public long Version { get; } = Interlocked.Increment(ref _last);

    /// <summary>Null: not known, nothing passes.</summary>
    public HttpRuleSet? Find(uint id) => _policies.GetValueOrDefault(id) ?? _former.GetValueOrDefault(id);

    /// <summary>Compiles what is new.</summary>
    /// <exception cref="Http.Patterns.PatternException">A pattern cannot be used; the agent checks them before.</exception>
    public PolicySnapshot Next(ProxyPolicies policies)
    {
        var compiled = policies.Policies.ToDictionary(policy => policy.Id, policy => Find(policy.Id) ?? Compile(policy));
        return new PolicySnapshot(compiled.ToFrozenDictionary(), _policies);
    }

    /// <summary>A policy as a message.</summary>
    public static ProxyPolicy ToMessage(HttpPolicy policy)
    {
        var message = new ProxyPolicy { Id = policy.Id, Audit = policy.IsAudit };
        foreach (var allowance in policy.Allowances)
        {
            message.Allowances.Add(new ProxyAllowance { RuleId = allowance.RuleId, Rule = allowance.Rule is null ? null : ToMessage(allowance.Rule) });
        }

        return message;
    }

    private static ProxyRule ToMessage(HttpRule rule)
    {
        var message = new ProxyRule();
        if (rule.Method is not null)
        {
            message.Method = rule.Method;
        }

        if (rule.Path is not null)
        {
            message.Path = rule.Path;
        }

        if (rule.Host is not null)
        {
            message.Host = rule.Host;
        }

        foreach (var header in rule.Headers)
        {
            var item = new ProxyHeader { Name = header.Name, Mismatch = (int)header.Mismatch };
            if (header.Value is not null)
            {
                item.Value = header.Value;
            }

            message.Headers.Add(item);
        }

        return message;
    }

    private static HttpRuleSet Compile(ProxyPolicy policy) => new(
        [.. policy.Allowances.Select(allowance => new HttpAllowance(allowance.RuleId, allowance.Rule is null ? null : Read(allowance.Rule)))], policy.Audit);

    private static HttpRule Read(ProxyRule rule) => new(
        rule.HasMethod ? rule.Method : null,
        rule.HasPath ? rule.Path : null,
        rule.HasHost ? rule.Host : null,
        [.. rule.Headers.Select(header => new HeaderRule(header.Name, header.HasValue ? header.Value : null, (HeaderMismatch)header.Mismatch))]);
}
