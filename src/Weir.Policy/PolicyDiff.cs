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
        EndPolicy[] old = [EndPolicy.Of(before, from.Peer, to.Peer, PolicyDirection.Egress), EndPolicy.Of(before, to.Peer, from.Peer, PolicyDirection.Ingress)];
        EndPolicy[] @new = [EndPolicy.Of(after, from.Peer, to.Peer, PolicyDirection.Egress), EndPolicy.Of(after, to.Peer, from.Peer, PolicyDirection.Ingress)];
        var start = changes.Count;
        var answers = new HashSet<(string Before, string After)>();
        EntryOfRule[] all = [.. old.Concat(@new).SelectMany(end => end.Entries)];
        var names = PortNames.Of(to.Peer);
        foreach (var protocol in PortRegions.Protocols.Append(PortRegions.AnyOther))
        {
            foreach (var (first, last) in PortRegions.Of(all, names, protocol))
            {
                var answerBefore = Answer(old, names, protocol, first);
                var answerAfter = Answer(@new, names, protocol, first);
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
    private static string Answer(EndPolicy[] ends, PortNames names, IpProtocol protocol, ushort port)
    {
        Decision[] decisions = [.. ends.Select(end => end.Decide(names, protocol, port))];
        if (!Array.TrueForAll(decisions, decision => decision.Allowed))
        {
            return PolicyChange.Denied;
        }

        string[] http = [.. decisions.Where(decision => decision.Http is { IsAudit: false }).Select(decision => decision.Http!.ToString(int.MaxValue)).Distinct()];
        return (http.Length, PolicyChange.AuditOf(decisions)) switch
        {
            (0, "") => PolicyChange.Allowed,
            (0, var audit) => audit,
            (_, var audit) => $"only {string.Join(" and only ", http)}{(audit.Length == 0 ? "" : $", {audit}")}",
        };
    }

    /// <summary>Adds a change, or makes the last one longer where it continues it.</summary>
    private static void Add(List<PolicyChange> changes, int start, PolicyChange change)
    {
        var last = changes.Count > start ? changes[^1] : null;
        if (last is not null
            && last.Protocol == change.Protocol
            && change.Protocol is { } protocol
            && PortRegions.Continues(protocol, last.LastPort, change.FirstPort)
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
}
