// SPDX-License-Identifier: Apache-2.0
using System.Numerics;
using Weir.Net;

namespace Weir.Policy.Evaluation;

/// <summary>Finds the words and the rule behind a decision.</summary>
internal static class Explainer
{
    public static EndExplanation Explain(
        PolicyEngine engine, PolicyPeer subject, PolicyPeer peer, PolicyDirection direction, IpProtocol protocol, ushort port, SampleRequest? request)
    {
        var decision = engine.Decide(subject, peer, direction, protocol, port);
        var names = PolicyEngine.NamesOf(subject, peer, direction);
        var deciding = decision.RuleId == 0 ? null : engine.Set.FindRule(decision.RuleId);
        var entry = deciding?.Entries.FirstOrDefault(candidate =>
            candidate.Direction == direction
            && candidate.IsDeny == decision.ByDenyRule
            && candidate.MatchesPeer(peer)
            && Evaluator.MatchesPort(candidate, names, protocol, port));
        var nearest = decision is { Allowed: false, ByDenyRule: false } or { Audited: { ByDenyRule: false } }
            ? Nearest(engine, decision.Allowed, subject, peer, direction, protocol, port)
            : null;
        var text = Describe(engine, subject, peer, direction, decision, deciding, entry, nearest);
        if (decision.Http is not { } http)
        {
            return new EndExplanation(direction, subject, peer, decision, deciding, entry, nearest, null, text);
        }

        var verdict = request?.JudgedBy(http);
        return new EndExplanation(
            direction, subject, peer, decision, deciding, entry, nearest, verdict, HttpExplainer.Describe(engine, direction, text, http, request, verdict));
    }

    /// <summary>The last port or the ICMP type and code, with the protocol: "80/tcp", "icmp type 8 code 0".</summary>
    public static string Describe(IpProtocol protocol, ushort port) => protocol switch
    {
        IpProtocol.Icmp or IpProtocol.Icmpv6 => $"{protocol.Name()} type {port >> 8} code {port & 0xff}",
        IpProtocol.Tcp or IpProtocol.Udp or IpProtocol.Sctp => $"{port}/{protocol.Name()}",
        _ => $"protocol {protocol.Name()}",
    };

    /// <summary>A decision about an endpoint, and by which rule: "ingress: allowed by rule shop at shop.yaml:3".</summary>
    public static string Describe(EnforcementMode mode, PolicyDirection direction, Decision decision, Rule? rule, RuleEntry? entry)
    {
        var side = direction == PolicyDirection.Ingress ? "ingress" : "egress";
        return rule is not null ? $"{side}: {(decision.ByDenyRule ? "denied" : "allowed")} by rule {rule.Name} at {(entry?.Location ?? rule.Location).FileAndLine}"
            : !decision.Enforced && mode == EnforcementMode.Never ? $"{side}: allowed, enforcement is off (mode never)"
            : !decision.Enforced ? $"{side}: allowed, no rule puts {side} of this endpoint under policy"
            : decision.Allowed ? $"{side}: allowed, path MTU messages always pass"
            : $"{side}: denied, no rule allows it";
    }

    /// <summary>"audited: would be denied by rule shop at shop.yaml:3".</summary>
    public static string Describe(AuditRefusal audited, Rule? rule) =>
        rule is null ? "audited: would be denied, no rule would allow it" : $"audited: would be denied by rule {rule.Name} at {rule.Location.FileAndLine}";

    private static string Describe(
        PolicyEngine engine, PolicyPeer subject, PolicyPeer peer, PolicyDirection direction, Decision decision, Rule? rule, RuleEntry? entry, NearestRule? nearest)
    {
        var side = direction == PolicyDirection.Ingress ? "ingress" : "egress";
        if (!subject.Identity.IsEndpoint)
        {
            return $"{side}: {subject.DisplayName} is no endpoint and not under policy";
        }

        var text = Describe(engine.Mode, direction, decision, rule, entry);
        if (decision.Audited is { } audited)
        {
            text = $"{text}; {Describe(audited, engine.Set.FindRule(audited.RuleId))}";
        }
        else if (!decision.Allowed && decision.WouldBeAllowedBy != 0 && engine.Set.FindRule(decision.WouldBeAllowedBy) is { } allowing)
        {
            text = $"{text}; rule {allowing.Name} at {allowing.Location.FileAndLine} would allow it, but is in audit";
        }

        if ((rule is not null || decision.Allowed) && nearest is null)
        {
            return text;
        }

        // Kubernetes lets a node reach its pods: people wonder.
        var hint = peer.Identity != Identity.Host ? "" : $"; {(direction == PolicyDirection.Ingress ? "fromEntities" : "toEntities")}: [host] in a Cilium rule allows this host";
        return (nearest is null ? text : $"{text}; nearest is {nearest.Rule.Name} at {nearest.Entry.Location.FileAndLine}: {nearest.Text}") + hint;
    }

    private static NearestRule? Nearest(
        PolicyEngine engine, bool withAudit, PolicyPeer subject, PolicyPeer peer, PolicyDirection direction, IpProtocol protocol, ushort port)
    {
        var names = PolicyEngine.NamesOf(subject, peer, direction);
        NearestRule? best = null;
        var bestScore = int.MaxValue;
        foreach (var rule in engine.Set.Rules.Where(rule => withAudit || !rule.IsAudit))
        {
            var missingSubject = rule.Subject.Matches(subject) ? MissingParts.None : MissingParts.Subject;
            foreach (var entry in rule.Entries)
            {
                // An entry for nobody comes near nothing.
                if (entry.IsDeny || entry.Direction != direction || entry.Peers is { Count: 0 })
                {
                    continue;
                }

                var missing = missingSubject | Missing(entry, peer, names, protocol, port);
                var score = (BitOperations.PopCount((uint)missing) * 16) + (int)missing;
                if (score < bestScore && (missing & (MissingParts.Subject | MissingParts.Peer)) != (MissingParts.Subject | MissingParts.Peer))
                {
                    bestScore = score;
                    best = new NearestRule(rule, entry, missing, Words(rule, entry, missing, direction, subject, peer, protocol, port));
                }
            }
        }

        return best;
    }

    private static MissingParts Missing(RuleEntry entry, PolicyPeer peer, PortNames names, IpProtocol protocol, ushort port)
    {
        var missing = entry.MatchesPeer(peer) ? MissingParts.None : MissingParts.Peer;
        if (!Evaluator.MatchesPort(entry, names, protocol, port))
        {
            missing |= entry.Ports!.Any(selector => selector.Protocol is null || selector.Protocol == protocol)
                ? MissingParts.Port
                : MissingParts.Protocol;
        }

        return missing;
    }

    private static string Words(
        Rule rule, RuleEntry entry, MissingParts missing, PolicyDirection direction, PolicyPeer subject, PolicyPeer peer, IpProtocol protocol, ushort port)
    {
        var parts = new List<string>();
        if (missing.HasFlag(MissingParts.Subject))
        {
            parts.Add($"it is about {rule.Subject}, not {subject.DisplayName}");
        }

        if (missing.HasFlag(MissingParts.Peer))
        {
            var word = direction == PolicyDirection.Ingress ? "from" : "to";
            parts.Add($"it allows {word} {string.Join(" or ", entry.Peers!)}, not {word} {peer.DisplayName}");
        }

        if (missing.HasFlag(MissingParts.Port) || missing.HasFlag(MissingParts.Protocol))
        {
            parts.Add($"it allows {string.Join(", ", entry.Ports!)}, not {Describe(protocol, port)}");
        }

        return string.Join("; ", parts);
    }
}
