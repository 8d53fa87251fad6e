// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Differences;
using Weir.Policy.Evaluation;

namespace Weir.Policy.Comparison;

/// <summary>One of the two policies that are compared, with what it says of each block of peers.</summary>
internal sealed class ComparedSide
{
    private readonly Func<PartyAtom, PolicyPeer> _peerOf;
    private readonly string[] _meanings;
    private readonly Dictionary<EndKey, int> _known = [];
    private readonly List<ComparedEnd> _ends = [];
    private readonly ulong[] _mask;

    public ComparedSide(PolicySet set, EnforcementMode mode, Func<PartyAtom, PolicyPeer> peerOf)
    {
        Engine = new PolicyEngine(set, mode);
        _peerOf = peerOf;
        _meanings = new string[Engine.Entries.Length];
        for (var i = 0; i < _meanings.Length; i++)
        {
            _meanings[i] = EntryText.OfAnswer(Engine.Entries[i]);
        }

        _mask = new ulong[(_meanings.Length + 63) / 64];
    }

    public PolicyEngine Engine { get; }

    public ComparedEnd End(int number) => _ends[number];

    /// <summary>What the policy does with a peer, as subject and as peer of others.</summary>
    public SidePeer See(PartyAtom atom)
    {
        var peer = _peerOf(atom);
        return new SidePeer(
            Engine.MatchesOf(peer),
            See(peer, PolicyDirection.Ingress),
            See(peer, PolicyDirection.Egress));
    }

    /// <summary>The number of an end; ends that the same entries decide have one number.</summary>
    public int NumberOf(SideSubject subject, ulong[] matches, PolicyDirection direction)
    {
        for (var i = 0; i < _mask.Length; i++)
        {
            _mask[i] = subject.Policy.IsEnforced ? subject.Policy.Mask[i] & matches[i] : 0;
        }

        var key = new EndKey(subject.Policy.IsEnforced, subject.Policy.Fallback, subject.DefaultDeny?.Id ?? 0, direction, _mask);
        if (!_known.TryGetValue(key, out var number))
        {
            number = _ends.Count;
            _known.Add(key with { Mask = [.. _mask] }, number);
            _ends.Add(Make(subject, direction));
        }

        return number;
    }

    private SideSubject See(PolicyPeer peer, PolicyDirection direction)
    {
        var policy = Engine.ForSubject(peer, direction);
        var cause = policy.Fallback.WouldDeny
            ? Engine.Set.Rules.FirstOrDefault(rule => rule.IsAudit != policy.Fallback.Denies && rule.DefaultDeny(direction) && rule.Subject.Matches(peer))
            : null;
        var meaning = policy.IsEnforced
            ? $"{policy.Fallback}\n{string.Join('\n', policy.Entries.Select(entry => EntryText.Of(entry)).Distinct().Order(StringComparer.Ordinal))}"
            : "";
        return new SideSubject(policy, cause, meaning);
    }

    private ComparedEnd Make(SideSubject subject, PolicyDirection direction)
    {
        var entries = new List<EntryOfRule>();
        var meanings = new SortedSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < _meanings.Length; i++)
        {
            if ((_mask[i >> 6] & (1UL << (i & 63))) != 0)
            {
                entries.Add(Engine.Entries[i]);
                meanings.Add(_meanings[i]);
            }
        }

        var policy = new EndPolicy(subject.Policy.IsEnforced, subject.Policy.Fallback, [.. entries]);
        return new ComparedEnd(Engine, direction, policy, subject.DefaultDeny, $"{policy.IsEnforced};{policy.Fallback};{string.Join('\n', meanings)}");
    }

    private readonly record struct EndKey(bool IsEnforced, Fallback Fallback, uint Cause, PolicyDirection Direction, ulong[] Mask)
    {
        public bool Equals(EndKey other) =>
            IsEnforced == other.IsEnforced && Fallback == other.Fallback && Cause == other.Cause && Direction == other.Direction
            && MaskComparer.Instance.Equals(Mask, other.Mask);

        public override int GetHashCode() => HashCode.Combine(IsEnforced, Fallback, Cause, Direction, MaskComparer.Instance.GetHashCode(Mask));
    }
}
