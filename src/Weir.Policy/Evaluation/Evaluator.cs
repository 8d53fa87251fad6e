// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Rules;
using Weir.Net;

namespace Weir.Policy.Evaluation;

/// <summary>
/// The decision procedure. Everything that answers a question about policy ends here: decisions,
/// compilation, explanations and comparisons.
/// </summary>
internal static class Evaluator
{
    private const ushort FragmentationNeeded = (3 << 8) | 4;
    private const byte PacketTooBig = 2;

    /// <summary>
    /// Decides for a connection among entries that speak of its direction, its subject and its peer: by the rules that are
    /// enforced, and what those in audit would have changed.
    /// </summary>
    public static Decision Decide(
        ReadOnlySpan<EntryOfRule> entries, Fallback fallback, PortNames names, IpProtocol protocol, ushort port)
    {
        var enforced = Decide(entries, withAudit: false, fallback.Denies, names, protocol, port, out var leftOut);
        return fallback.Denies == fallback.WouldDeny && !leftOut
            ? enforced
            : Join(enforced, Decide(entries, withAudit: true, fallback.WouldDeny, names, protocol, port, out _));
    }

    /// <param name="enforced">What the enforced rules say.</param>
    /// <param name="whole">What all rules would say.</param>
    private static Decision Join(Decision enforced, Decision whole)
    {
        if (!enforced.Allowed)
        {
            return whole.Allowed ? enforced with { WouldBeAllowedBy = whole.RuleId } : enforced;
        }

        if (!whole.Allowed)
        {
            return enforced with { Audited = new AuditRefusal(whole.ByDenyRule, whole.RuleId) };
        }

        // Rules in audit only add to what enforced rules let requests do. Where no enforced rule allows the connection, they
        // are all that speaks of its requests.
        return enforced.Http is null && whole.Http is { AllowsAll: false } http ? enforced with { Http = http.InAudit() } : enforced;
    }

    /// <summary>A deny wins, then an allow, then the default. Of several rules the one with the lowest number is named.</summary>
    /// <param name="leftOut">There are rules in audit, and they were not asked.</param>
    private static Decision Decide(
        ReadOnlySpan<EntryOfRule> entries, bool withAudit, bool defaultDeny, PortNames names, IpProtocol protocol, ushort port, out bool leftOut)
    {
        leftOut = false;
        var denying = uint.MaxValue;
        var allowing = uint.MaxValue;
        var looksAtRequests = false;
        foreach (ref readonly var candidate in entries)
        {
            if (!withAudit && candidate.Rule.IsAudit)
            {
                leftOut = true;
                continue;
            }

            looksAtRequests |= candidate.Entry.Http is not null && MatchesPort(candidate.Entry, names, protocol, port);
            ref var best = ref candidate.Entry.IsDeny ? ref denying : ref allowing;
            if (candidate.Rule.Id < best && MatchesPort(candidate.Entry, names, protocol, port))
            {
                best = candidate.Rule.Id;
            }
        }

        if (denying != uint.MaxValue && !AlwaysPasses(protocol, port))
        {
            return new Decision(Allowed: false, Enforced: true, ByDenyRule: true, denying);
        }

        if (looksAtRequests)
        {
            return new Decision(Allowed: true, Enforced: true, ByDenyRule: false, allowing) { Http = HttpOf(entries, withAudit, names, protocol, port) };
        }

        if (!defaultDeny)
        {
            return Decision.NotEnforced;
        }

        if (allowing != uint.MaxValue && denying == uint.MaxValue)
        {
            return new Decision(Allowed: true, Enforced: true, ByDenyRule: false, allowing);
        }

        return AlwaysPasses(protocol, port) ? new Decision(true, true, false, 0) : Decision.NoRule;
    }

    /// <summary>The lists of all entries that allow the connection, united.</summary>
    private static HttpPolicy HttpOf(ReadOnlySpan<EntryOfRule> entries, bool withAudit, PortNames names, IpProtocol protocol, ushort port)
    {
        var allowances = new List<HttpAllowance>();
        foreach (ref readonly var candidate in entries)
        {
            if (candidate.Entry.IsDeny || (candidate.Rule.IsAudit && !withAudit) || !MatchesPort(candidate.Entry, names, protocol, port))
            {
                continue;
            }

            if (candidate.Entry.Http is not { } http)
            {
                allowances.Add(new HttpAllowance(candidate.Rule.Id, null));
                continue;
            }

            foreach (var item in http)
            {
                allowances.Add(new HttpAllowance(candidate.Rule.Id, item.Rule));
            }
        }

        return new HttpPolicy([.. allowances.OrderBy(allowance => allowance.RuleId)]);
    }

    /// <summary>Whether the connection fulfils the entry's list of ports.</summary>
    public static bool MatchesPort(RuleEntry entry, PortNames names, IpProtocol protocol, ushort port)
    {
        if (entry.Ports is not { } ports)
        {
            return true;
        }

        for (var i = 0; i < ports.Count; i++)
        {
            var selector = ports[i];
            var matches = selector.Name is null
                ? selector.Protocol == protocol && selector.First <= port && port <= selector.Last
                : names.Matches(selector, protocol, port);
            if (matches)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Path MTU discovery must work whatever the rules say (RFC 1191, RFC 8201).</summary>
    public static bool AlwaysPasses(IpProtocol protocol, ushort port) =>
        (protocol == IpProtocol.Icmp && port == FragmentationNeeded)
        || (protocol == IpProtocol.Icmpv6 && port >> 8 == PacketTooBig);
}
