// SPDX-License-Identifier: Apache-2.0
using Weir.Policy.Evaluation;

namespace Weir.Policy.Comparison;

/// <summary>
/// Finds every pair, port and request whose verdict differs between two policies, over all that containers' labels, addresses,
/// ports and requests can be. 1. Peers are cut into classes that no rule tells apart, and those put together to which both
/// policies do the same. 2. Of each pair of these the ends are found, and pairs with the same ends compared once: ports by
/// regions, requests by automata. 3. The same change of many pairs is described as one.
/// </summary>
public sealed class PolicyComparer
{
    private readonly ComparedSide _before;
    private readonly ComparedSide _after;
    private readonly ComparisonLimits _limits;
    private readonly RequestComparer _requests = new();
    private readonly SortedSet<string> _unproved = new(StringComparer.Ordinal);
    private readonly Dictionary<(int, int, int, int, int, bool), FlowChange[]> _compared = [];

    private PolicyComparer(PolicySet before, PolicySet after, EnforcementMode mode, ComparisonLimits limits)
    {
        _before = new ComparedSide(before, mode, atom => atom.Before);
        _after = new ComparedSide(after, mode, atom => atom.After);
        _limits = limits;
    }

    /// <summary>Compares two sets of policy.</summary>
    /// <param name="mode">When containers are under policy, on both sides.</param>
    public static PolicyComparison Compare(PolicySet before, PolicySet after, EnforcementMode mode = EnforcementMode.Default, ComparisonLimits? limits = null)
    {
        ArgumentNullException.ThrowIfNull(before);
        ArgumentNullException.ThrowIfNull(after);
        return new PolicyComparer(before, after, mode, limits ?? new ComparisonLimits()).Run();
    }

    private PolicyComparison Run()
    {
        var (universe, blocks) = FindUniverse();
        if (universe.Unproved.Length > 0)
        {
            _unproved.Add(universe.Unproved);
        }

        var pairs = new Dictionary<string, (FlowChange Change, Dictionary<int, List<int>> To)>(StringComparer.Ordinal);
        for (var from = 0; from < blocks.Count; from++)
        {
            for (var to = 0; to < blocks.Count; to++)
            {
                foreach (var change in Compare(blocks[from], blocks[to]))
                {
                    if (!pairs.TryGetValue(change.Key, out var found))
                    {
                        pairs.Add(change.Key, found = (change, []));
                    }

                    if (!found.To.TryGetValue(from, out var receivers))
                    {
                        found.To.Add(from, receivers = []);
                    }

                    receivers.Add(to);
                }
            }
        }

        var differences = pairs.Values.SelectMany(pair => Describe(universe, blocks, pair.Change, pair.To))
            .OrderBy(difference => difference.From.ToString(), StringComparer.Ordinal)
            .ThenBy(difference => difference.To.ToString(), StringComparer.Ordinal)
            .ThenBy(difference => difference.Ports.Protocol)
            .ThenBy(difference => difference.Ports.First);
        return new PolicyComparison([.. differences], [.. _unproved]);
    }

    /// <summary>Senders with the same receivers are described together.</summary>
    private static IEnumerable<PolicyDifference> Describe(Universe universe, List<PartyBlock> blocks, FlowChange change, Dictionary<int, List<int>> to)
    {
        foreach (var same in to.GroupBy(pair => string.Join(',', pair.Value), pair => pair.Key))
        {
            yield return new PolicyDifference(
                universe.Describe(AtomsOf(blocks, same)), universe.Describe(AtomsOf(blocks, to[same.First()])),
                change.Ports, change.Before, change.After, change.Opened, change.Closed, change.Was, change.Is, change.Unproved);
        }
    }

    private static int[] AtomsOf(List<PartyBlock> blocks, IEnumerable<int> indexes) => [.. indexes.SelectMany(index => blocks[index].Atoms).Order()];

    /// <summary>Everybody, or as many as can be compared: containers with few labels first.</summary>
    private (Universe Universe, List<PartyBlock> Blocks) FindUniverse()
    {
        var rules = _before.Engine.Set.Rules.Concat(_after.Engine.Set.Rules).ToArray();
        var classes = new LabelClasses(rules.Select(rule => rule.Subject).Concat(
            rules.SelectMany(rule => rule.Entries).SelectMany(entry => entry.Peers ?? []).OfType<PeerSelector.ByLabels>().Select(peer => peer.Selector)));
        var ranges = AddressClasses.Find(_before.Engine.Set, _after.Engine.Set);
        foreach (var mostLabels in Enumerable.Range(0, Math.Min(4, classes.Keys.Count)).Reverse().Prepend(classes.Keys.Count))
        {
            if (classes.Find(mostLabels, mostLabels == 0 ? int.MaxValue : _limits.Classes) is not { } containers)
            {
                continue;
            }

            var universe = new Universe(classes, mostLabels, containers, ranges, _limits);
            var blocks = BlocksOf(universe);
            if (mostLabels == 0 || (long)blocks.Count(block => block.IsEndpoint) * blocks.Count <= _limits.Pairs)
            {
                return (universe, blocks);
            }
        }

        throw new InvalidOperationException("containers without labels are one class");
    }

    private List<PartyBlock> BlocksOf(Universe universe)
    {
        var blocks = new Dictionary<BlockKey, PartyBlock>();
        for (var i = 0; i < universe.Atoms.Count; i++)
        {
            var atom = universe.Atoms[i];
            var (before, after) = (_before.See(atom), _after.See(atom));
            var key = new BlockKey(before, after, atom.IsEndpoint, atom.HasNames, atom.IsIpv6);
            if (!blocks.TryGetValue(key, out var block))
            {
                blocks.Add(key, block = new PartyBlock(before, after, atom.IsEndpoint, atom.HasNames, atom.IsIpv6, []));
            }

            block.Atoms.Add(i);
        }

        return [.. blocks.Values];
    }

    private FlowChange[] Compare(PartyBlock from, PartyBlock to)
    {
        // A peer that is another one now can change what an unchanged policy says of it.
        if ((!from.IsEndpoint && !to.IsEndpoint)
            || (!from.Changes(PolicyDirection.Egress) && !to.Changes(PolicyDirection.Ingress) && from.IsEndpoint && to.IsEndpoint))
        {
            return [];
        }

        const int None = -1;
        var egressBefore = from.IsEndpoint ? _before.NumberOf(from.Before.Egress, to.Before.Matches, PolicyDirection.Egress) : None;
        var egressAfter = from.IsEndpoint ? _after.NumberOf(from.After.Egress, to.After.Matches, PolicyDirection.Egress) : None;
        var ingressBefore = to.IsEndpoint ? _before.NumberOf(to.Before.Ingress, from.Before.Matches, PolicyDirection.Ingress) : None;
        var ingressAfter = to.IsEndpoint ? _after.NumberOf(to.After.Ingress, from.After.Matches, PolicyDirection.Ingress) : None;
        var isIpv6 = from.IsIpv6 ?? to.IsIpv6;
        var key = (egressBefore, egressAfter, ingressBefore, ingressAfter, isIpv6 is { } known ? known ? 6 : 4 : 0, to.HasNames);
        if (!_compared.TryGetValue(key, out var changes))
        {
            ComparedEnd[] before = [.. new[] { (_before, egressBefore), (_before, ingressBefore) }.Where(end => end.Item2 != None).Select(end => end.Item1.End(end.Item2))];
            ComparedEnd[] after = [.. new[] { (_after, egressAfter), (_after, ingressAfter) }.Where(end => end.Item2 != None).Select(end => end.Item1.End(end.Item2))];
            changes = before.Zip(after).All(end => end.First.Meaning == end.Second.Meaning) ? [] : Compare(before, after, to.HasNames, isIpv6);
            _compared.Add(key, changes);
        }

        return changes;
    }

    private FlowChange[] Compare(ComparedEnd[] before, ComparedEnd[] after, bool hasNames, bool? isIpv6)
    {
        var comparer = new FlowComparer(before, after, hasNames, isIpv6, _requests, _limits);
        FlowChange[] changes = [.. comparer.Run()];
        _unproved.UnionWith(changes.Select(change => change.Unproved).Append(comparer.Unproved).Where(text => text.Length > 0));
        return changes;
    }

    /// <summary>What makes two atoms one block.</summary>
    private readonly record struct BlockKey(SidePeer Before, SidePeer After, bool IsEndpoint, bool HasNames, bool? IsIpv6)
    {
        public bool Equals(BlockKey other) =>
            IsEndpoint == other.IsEndpoint && HasNames == other.HasNames && IsIpv6 == other.IsIpv6 && IsSame(Before, other.Before) && IsSame(After, other.After);

        public override int GetHashCode() => HashCode.Combine(
            Http.Differences.MaskComparer.Instance.GetHashCode(Before.Matches), Http.Differences.MaskComparer.Instance.GetHashCode(After.Matches), IsEndpoint, IsIpv6);

        private static bool IsSame(SidePeer one, SidePeer other) =>
            one.Matches.AsSpan().SequenceEqual(other.Matches) && IsSame(one.Ingress, other.Ingress) && IsSame(one.Egress, other.Egress);

        private static bool IsSame(SideSubject one, SideSubject other) =>
            one.Policy.IsEnforced == other.Policy.IsEnforced
            && one.Policy.Fallback == other.Policy.Fallback
            && one.DefaultDeny?.Id == other.DefaultDeny?.Id
            && one.Policy.Mask.AsSpan().SequenceEqual(other.Policy.Mask);
    }
}
