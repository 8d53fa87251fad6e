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
    /// Decides for a connection among entries that speak of its direction, its subject and its peer: a
    /// deny wins, then an allow, then the default. Of several rules the one with the lowest number is named.
    /// </summary>
    public static Decision Decide(
        ReadOnlySpan<EntryOfRule> entries, bool defaultDeny, PortNames names, IpProtocol protocol, ushort port)
    {
        var denying = uint.MaxValue;
        var allowing = uint.MaxValue;
        var looksAtRequests = false;
        foreach (ref readonly var candidate in entries)
        {
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
            return new Decision(Allowed: true, Enforced: true, ByDenyRule: false, allowing) { Http = HttpOf(entries, names, protocol, port) };
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
    private static HttpPolicy HttpOf(ReadOnlySpan<EntryOfRule> entries, PortNames names, IpProtocol protocol, ushort port)
    {
        var allowances = new List<HttpAllowance>();
        foreach (ref readonly var candidate in entries)
        {
            if (candidate.Entry.IsDeny || !MatchesPort(candidate.Entry, names, protocol, port))
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
