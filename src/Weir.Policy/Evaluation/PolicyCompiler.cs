// SPDX-License-Identifier: Apache-2.0
using System.Numerics;
using Weir.Http.Rules;
using Weir.Net;

namespace Weir.Policy.Evaluation;

/// <summary>Flattens policy for the datapath. Peers that the same entries select share one flattening.</summary>
internal sealed class PolicyCompiler
{
    private readonly List<CompiledPeer> _peers;
    private readonly ulong[] _anyPeer;
    private readonly Dictionary<Key, List<FlatEntry>> _flattened = [];
    private readonly ulong[] _mask;
    private readonly Func<HttpPolicy, uint> _keep;

    /// <param name="peers">Every identity, each once.</param>
    /// <param name="anyPeer">Which of the engine's entries select every identity, known or not.</param>
    /// <param name="keep">Takes note of an HTTP policy and returns its number.</param>
    public PolicyCompiler(List<CompiledPeer> peers, ulong[] anyPeer, Func<HttpPolicy, uint> keep)
    {
        _keep = keep;
        _peers = peers;
        _anyPeer = anyPeer;
        _mask = new ulong[anyPeer.Length];
    }

    /// <param name="isWhole">With what holds for every identity, known or not.</param>
    public void Compile(PolicyPeer subject, PolicyDirection direction, SubjectPolicy policy, bool isWhole, List<PolicyMapEntry> result)
    {
        if (!policy.IsEnforced)
        {
            if (isWhole)
            {
                result.Add(new PolicyMapEntry(0, direction, null, 0, 0, Allow: true, RuleId: 0));
            }

            return;
        }

        var subjectNames = policy.HasNamedPorts && direction == PolicyDirection.Ingress ? PortNames.Of(subject) : PortNames.None;
        var fallback = Selected(policy, _anyPeer);
        if (isWhole)
        {
            Add(result, Identity.Unknown, direction, Flatten(policy, _anyPeer, fallback, subjectNames, null));
        }

        foreach (var peer in _peers)
        {
            var names = policy.HasNamedPorts && direction == PolicyDirection.Egress ? peer.Names : subjectNames;
            Add(result, peer.Identity, direction, Flatten(policy, peer.Matches, fallback, names, subjectNames));
        }
    }

    private static EntryOfRule[] Selected(SubjectPolicy policy, ulong[] matches)
    {
        var selected = new List<EntryOfRule>();
        for (var i = 0; i < policy.Entries.Length; i++)
        {
            var index = policy.Indexes[i];
            if ((matches[index >> 6] & (1UL << (index & 63))) != 0)
            {
                selected.Add(policy.Entries[i]);
            }
        }

        return [.. selected];
    }

    private void Add(List<PolicyMapEntry> result, Identity identity, PolicyDirection direction, List<FlatEntry> entries)
    {
        foreach (var entry in entries)
        {
            result.Add(new PolicyMapEntry(
                identity.Value, direction, entry.Protocol, entry.Port, entry.PortPrefixLength, entry.Allow, entry.RuleId, entry.Http is null ? 0 : _keep(entry.Http), entry.Http is { IsAudit: true }, entry.Audited));
        }
    }

    /// <param name="fallbackNames">Null: this is identity 0 itself.</param>
    private List<FlatEntry> Flatten(
        SubjectPolicy policy, ulong[] matches, EntryOfRule[] fallback, PortNames names, PortNames? fallbackNames)
    {
        for (var i = 0; i < _mask.Length; i++)
        {
            _mask[i] = matches[i] & policy.Mask[i];
        }

        // Entries that select every identity are in each mask: the fallback follows from the mask.
        var key = new Key(_mask, policy.Fallback, names, fallbackNames is null);
        if (!_flattened.TryGetValue(key, out var flattened))
        {
            key = new Key([.. _mask], policy.Fallback, names, fallbackNames is null);
            flattened = PolicyFlattener.Flatten(
                Selected(policy, matches),
                policy.Fallback,
                names,
                fallbackNames is null ? null : fallback,
                fallbackNames ?? PortNames.None);
            _flattened.Add(key, flattened);
        }

        return flattened;
    }

    /// <summary>What a flattening depends on. Names compare by reference.</summary>
    private readonly struct Key(ulong[] mask, Fallback fallback, PortNames names, bool isAnyPeer) : IEquatable<Key>
    {
        private readonly ulong[] _mask = mask;
        private readonly Fallback _fallback = fallback;
        private readonly PortNames _names = names;
        private readonly bool _isAnyPeer = isAnyPeer;

        public bool Equals(Key other) =>
            _fallback == other._fallback
            && _isAnyPeer == other._isAnyPeer
            && ReferenceEquals(_names, other._names)
            && _mask.AsSpan().SequenceEqual(other._mask);

        public override bool Equals(object? obj) => obj is Key other && Equals(other);

        public override int GetHashCode()
        {
            var hash = _isAnyPeer ? 1UL : 0;
            foreach (var word in _mask)
            {
                hash = BitOperations.RotateLeft((hash ^ word) * 0x9e3779b97f4a7c15, 31);
            }

            return hash.GetHashCode();
        }
    }
}
