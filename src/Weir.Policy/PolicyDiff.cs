// SPDX-License-Identifier: Apache-2.0
using Weir.Net;
using Weir.Policy.Evaluation;

namespace Weir.Policy;

/// <summary>Compares what two engines allow.</summary>
public static class PolicyDiff
{
    /// <summary>
    /// Every change between two endpoints, and between an endpoint and those of <paramref name="peers"/>
    /// that are no endpoints (the world, CIDR prefixes, the host), both ways. Both ends count: a
    /// connection is allowed when its source may send and its destination may receive.
    /// </summary>
    public static IReadOnlyList<PolicyChange> Compare(
        PolicyEngine before, PolicyEngine after, IReadOnlyCollection<NamedPeer> endpoints, IReadOnlyCollection<PolicyPeer> peers)
    {
        ArgumentNullException.ThrowIfNull(before);
        ArgumentNullException.ThrowIfNull(after);
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(peers);
        var outside = peers.Where(peer => !peer.Identity.IsLabelSet && peer.Identity != Identity.Unknown)
            .Select(peer => new NamedPeer(peer.DisplayName, peer))
            .ToList();
        var changes = new List<PolicyChange>();
        foreach (var endpoint in endpoints)
        {
            foreach (var other in endpoints)
            {
                if (!ReferenceEquals(endpoint, other))
                {
                    ComparePair(before, after, endpoint, other, changes);
                }
            }

            foreach (var other in outside)
            {
                ComparePair(before, after, endpoint, other, changes);
                ComparePair(before, after, other, endpoint, changes);
            }
        }

        return changes;
    }

    private static void ComparePair(PolicyEngine before, PolicyEngine after, NamedPeer from, NamedPeer to, List<PolicyChange> changes)
    {
        End[] old = [new(before, from.Peer, to.Peer, PolicyDirection.Egress), new(before, to.Peer, from.Peer, PolicyDirection.Ingress)];
        End[] @new = [new(after, from.Peer, to.Peer, PolicyDirection.Egress), new(after, to.Peer, from.Peer, PolicyDirection.Ingress)];
        var start = changes.Count;
        var answers = new HashSet<(string Before, string After)>();
        EntryOfRule[] all = [.. old.Concat(@new).SelectMany(end => end.Entries)];
        var names = PortNames.Of(to.Peer);
        foreach (var protocol in PortRegions.Protocols.Append(PortRegions.AnyOther))
        {
            var starts = PortRegions.Starts(all, names, protocol);
            for (var i = 0; i < starts.Count; i++)
            {
                var first = (ushort)starts[i];
                if (Evaluator.AlwaysPasses(protocol, first))
                {
                    continue;
                }

                var last = (ushort)(i + 1 < starts.Count ? starts[i + 1] - 1 : ushort.MaxValue);
                var answerBefore = Answer(old, protocol, first);
                var answerAfter = Answer(@new, protocol, first);
                answers.Add((answerBefore, answerAfter));
                if (answerBefore != answerAfter)
                {
                    Add(changes, start, new PolicyChange(from, to, protocol, first, last, false, answerBefore, answerAfter));
                }
            }
        }

        Tidy(changes, start, answers.Count == 1);
    }

    /// <summary>What both ends say together.</summary>
    private static string Answer(End[] ends, IpProtocol protocol, ushort port)
    {
        Decision[] decisions = [.. ends.Select(end => end.Decide(protocol, port))];
        if (!Array.TrueForAll(decisions, decision => decision.Allowed))
        {
            return PolicyChange.Denied;
        }

        string[] http = [.. decisions.Where(decision => decision.Http is not null).Select(decision => decision.Http!.ToString(int.MaxValue)).Distinct()];
        return http.Length == 0 ? PolicyChange.Allowed : $"only {string.Join(" and only ", http)}";
    }

    /// <summary>Adds a change, or makes the last one longer where it continues it.</summary>
    private static void Add(List<PolicyChange> changes, int start, PolicyChange change)
    {
        var last = changes.Count > start ? changes[^1] : null;
        if (last is not null
            && last.Protocol == change.Protocol
            && (last.LastPort + 1 == change.FirstPort || AlwaysPass(change.Protocol, last.LastPort + 1, change.FirstPort - 1))
            && last.Before == change.Before
            && last.After == change.After)
        {
            changes[^1] = last with { LastPort = change.LastPort };
        }
        else
        {
            changes.Add(change);
        }
    }

    /// <summary>Whether the ports between two changes are those that no rule can change.</summary>
    private static bool AlwaysPass(IpProtocol? protocol, int first, int last) =>
        protocol is { } known
        && Evaluator.AlwaysPasses(known, (ushort)first)
        && Evaluator.AlwaysPasses(known, (ushort)last)
        && first >> 8 == last >> 8;

    private static void Tidy(List<PolicyChange> changes, int start, bool isEverything)
    {
        if (changes.Count > start && isEverything)
        {
            var one = changes[start] with { Protocol = null, FirstPort = 0, LastPort = ushort.MaxValue, IsEverything = true };
            changes.RemoveRange(start, changes.Count - start);
            changes.Add(one);
        }

        for (var i = start; i < changes.Count; i++)
        {
            if (changes[i].Protocol == PortRegions.AnyOther)
            {
                changes[i] = changes[i] with { Protocol = null };
            }
        }
    }

    /// <summary>One end under one engine, with the entries that concern the pair.</summary>
    private sealed class End
    {
        private readonly SubjectPolicy _policy;
        private readonly PortNames _names;

        public End(PolicyEngine engine, PolicyPeer subject, PolicyPeer peer, PolicyDirection direction)
        {
            _policy = engine.ForSubject(subject, direction);
            _names = PolicyEngine.NamesOf(subject, peer, direction);
            Entries = PolicyEngine.EntriesFor(_policy, peer);
        }

        public EntryOfRule[] Entries { get; }

        public Decision Decide(IpProtocol protocol, ushort port) =>
            _policy.IsEnforced ? Evaluator.Decide(Entries, _policy.DefaultDeny, _names, protocol, port) : Decision.NotEnforced;
    }
}
