// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Weir.Http.Rules;
using Weir.Net;
using Weir.Policy.Evaluation;

namespace Weir.Policy;

/// <summary>
/// Answers every question about a set of policies: decides, compiles for the datapath, explains.
/// Immutable but for caches; may be used by several threads.
/// </summary>
public sealed class PolicyEngine
{
    private readonly EntryOfRule[] _entries;
    private readonly PeerMatcher _matcher;
    private readonly ulong[] _anyPeer;
    private readonly Rule[] _responding;
    private readonly ConditionalWeakTable<PolicyPeer, SubjectPolicy[]> _subjects = [];
    private readonly ConcurrentDictionary<uint, HttpPolicy> _http = [];

    public PolicyEngine(PolicySet set, EnforcementMode mode)
    {
        ArgumentNullException.ThrowIfNull(set);
        Set = set;
        Mode = mode;
        _entries = [.. set.Rules.SelectMany(rule => rule.Entries, (rule, entry) => new EntryOfRule(rule, entry))];
        _matcher = new PeerMatcher(_entries);
        _anyPeer = _matcher.Match(PolicyPeer.Unknown);
        _responding = [.. set.Rules.Where(rule => rule is { DenyResponse: not null, IsAudit: false })];
    }

    /// <summary>The policies it answers for.</summary>
    public PolicySet Set { get; }

    /// <summary>When endpoints are under policy.</summary>
    public EnforcementMode Mode { get; }

    /// <summary>
    /// Decides for the end <paramref name="subject"/> of a connection with <paramref name="peer"/>.
    /// <paramref name="direction"/> is the subject's; <paramref name="port"/> is the destination's, for ICMP
    /// type &lt;&lt; 8 | code. A subject that is no endpoint is not under policy.
    /// </summary>
    public Decision Decide(PolicyPeer subject, PolicyPeer peer, PolicyDirection direction, IpProtocol protocol, ushort port)
    {
        ArgumentNullException.ThrowIfNull(subject);
        ArgumentNullException.ThrowIfNull(peer);
        var policy = ForSubject(subject, direction);
        if (!policy.IsEnforced)
        {
            return Decision.NotEnforced;
        }

        var entries = EntriesFor(policy, peer);
        return Evaluator.Decide(entries, policy.Fallback, NamesOf(subject, peer, direction), protocol, port);
    }

    /// <summary>
    /// The entries of the subject's policy map, both directions: the longest match for the peer's identity is
    /// final; without one, the longest match for identity 0; without one, deny by no rule. Reserved identities
    /// are compiled whether or not they are among <paramref name="peers"/>.
    /// </summary>
    public IReadOnlyList<PolicyMapEntry> Compile(PolicyPeer subject, IReadOnlyCollection<PolicyPeer> peers) =>
        CompileAll([subject], peers)[0];

    /// <summary>As <see cref="Compile"/> for many subjects, which share the work; results in their order.</summary>
    public IReadOnlyList<IReadOnlyList<PolicyMapEntry>> CompileAll(
        IReadOnlyList<PolicyPeer> subjects, IReadOnlyCollection<PolicyPeer> peers)
    {
        ArgumentNullException.ThrowIfNull(subjects);
        ArgumentNullException.ThrowIfNull(peers);
        return CompileAll(subjects, DistinctPeers(peers.Concat(Identity.Reserved.Select(PolicyPeer.ForReserved))), isWhole: true);
    }

    /// <summary>What <see cref="CompileAll"/> has more for these peers, and nothing of others: an entry of the one never depends
    /// on another.</summary>
    /// <param name="peers">None of them reserved.</param>
    public IReadOnlyList<IReadOnlyList<PolicyMapEntry>> CompileMore(IReadOnlyList<PolicyPeer> subjects, IReadOnlyCollection<PolicyPeer> peers)
    {
        ArgumentNullException.ThrowIfNull(subjects);
        ArgumentNullException.ThrowIfNull(peers);
        return CompileAll(subjects, DistinctPeers(peers), isWhole: false);
    }

    /// <summary>"rule shop at shop.yaml:3 allows only GET /public".</summary>
    public string Describe(HttpPolicy policy) => HttpExplainer.Describe(this, policy);

    /// <summary>An HTTP policy that a compiled entry names.</summary>
    public HttpPolicy FindHttpPolicy(uint id) => _http[id];

    /// <summary>Explains a connection, or a request on it, at both of its ends; see <see cref="Decide"/> for protocol and port.</summary>
    public Explanation Explain(PolicyPeer from, PolicyPeer to, IpProtocol protocol, ushort port, SampleRequest? request = null)
    {
        ArgumentNullException.ThrowIfNull(from);
        ArgumentNullException.ThrowIfNull(to);
        return new Explanation(
            from,
            to,
            protocol,
            port,
            Explainer.Explain(this, from, to, PolicyDirection.Egress, protocol, port, request),
            Explainer.Explain(this, to, from, PolicyDirection.Ingress, protocol, port, request));
    }

    /// <summary>Whether what no rule allows is denied at this endpoint.</summary>
    public bool IsDefaultDeny(PolicyPeer subject, PolicyDirection direction)
    {
        ArgumentNullException.ThrowIfNull(subject);
        return ForSubject(subject, direction).Fallback.Denies;
    }

    /// <summary>What those hear whom the subject's policy denies: silence where a rule that selects it asks for
    /// silence, an answer where one asks for that; null: no rule says.</summary>
    public DenyResponse? DenyResponseOf(PolicyPeer subject)
    {
        ArgumentNullException.ThrowIfNull(subject);
        DenyResponse? response = null;
        foreach (var rule in _responding)
        {
            if (rule.Subject.Matches(subject) && response is not DenyResponse.Drop)
            {
                response = rule.DenyResponse;
            }
        }

        return response;
    }

    /// <summary>The entries of all rules.</summary>
    internal ReadOnlySpan<EntryOfRule> Entries => _entries;

    /// <summary>Bit i: entry i of <see cref="Entries"/> selects the peer.</summary>
    internal ulong[] MatchesOf(PolicyPeer peer) => _matcher.Match(peer);

    /// <summary>The names of the connection's destination: the subject's own on ingress.</summary>
    internal static PortNames NamesOf(PolicyPeer subject, PolicyPeer peer, PolicyDirection direction) =>
        PortNames.Of(direction == PolicyDirection.Ingress ? subject : peer);

    /// <summary>Those of the subject's entries that select the peer.</summary>
    internal static EntryOfRule[] EntriesFor(SubjectPolicy policy, PolicyPeer peer) =>
        Array.FindAll(policy.Entries, entry => entry.Entry.MatchesPeer(peer));

    /// <summary>What applies to the subject.</summary>
    internal SubjectPolicy ForSubject(PolicyPeer subject, PolicyDirection direction) =>
        _subjects.GetValue(subject, key => [Select(key, PolicyDirection.Ingress), Select(key, PolicyDirection.Egress)])[(int)direction];

    private List<IReadOnlyList<PolicyMapEntry>> CompileAll(IReadOnlyList<PolicyPeer> subjects, List<CompiledPeer> peers, bool isWhole)
    {
        var compiler = new PolicyCompiler(peers, _anyPeer, Keep);
        var results = new List<IReadOnlyList<PolicyMapEntry>>(subjects.Count);
        foreach (var subject in subjects)
        {
            var entries = new List<PolicyMapEntry>();
            compiler.Compile(subject, PolicyDirection.Ingress, ForSubject(subject, PolicyDirection.Ingress), isWhole, entries);
            compiler.Compile(subject, PolicyDirection.Egress, ForSubject(subject, PolicyDirection.Egress), isWhole, entries);
            results.Add(entries);
        }

        return results;
    }

    private uint Keep(HttpPolicy policy)
    {
        var kept = _http.GetOrAdd(policy.Id, policy);
        return kept.Equals(policy)
            ? policy.Id
            : throw new InvalidOperationException($"two HTTP policies have the number {policy.Id}: {kept}; {policy}. Change a pattern of one of them in a way that means the same");
    }

    private SubjectPolicy Select(PolicyPeer subject, PolicyDirection direction)
    {
        var isInit = subject.Identity == Identity.Init;
        if (!subject.Identity.IsEndpoint || (Mode == EnforcementMode.Never && !isInit))
        {
            return SubjectPolicy.Off;
        }

        var selecting = Set.Rules.Where(rule => rule.Subject.Matches(subject)).ToHashSet(ReferenceEqualityComparer.Instance);
        var indexes = new List<int>();
        for (var i = 0; i < _entries.Length; i++)
        {
            if (_entries[i].Entry.Direction == direction && selecting.Contains(_entries[i].Rule))
            {
                indexes.Add(i);
            }
        }

        var mask = new ulong[_anyPeer.Length];
        foreach (var index in indexes)
        {
            mask[index >> 6] |= 1UL << (index & 63);
        }

        var defaultDeny = isInit
            || Mode == EnforcementMode.Always
            || selecting.Any(rule => ((Rule)rule!) is { IsAudit: false } enforced && enforced.DefaultDeny(direction));
        var wouldDeny = defaultDeny || selecting.Any(rule => ((Rule)rule!).DefaultDeny(direction));
        // Like a deny, an http list holds whether or not what no rule allows is denied.
        var isEnforced = wouldDeny || indexes.Any(index => _entries[index].Entry is { IsDeny: true } or { Http: not null });
        return isEnforced
            ? new SubjectPolicy(true, new Fallback(defaultDeny, wouldDeny), [.. indexes.Select(index => _entries[index])], [.. indexes], mask)
            : SubjectPolicy.Off;
    }

    private List<CompiledPeer> DistinctPeers(IEnumerable<PolicyPeer> peers)
    {
        var byIdentity = new Dictionary<uint, int>();
        var distinct = new List<CompiledPeer>();
        foreach (var peer in peers)
        {
            if (peer.Identity == Identity.Unknown)
            {
                continue;
            }

            if (byIdentity.TryAdd(peer.Identity.Value, distinct.Count))
            {
                distinct.Add(new CompiledPeer(peer.Identity, _matcher.Match(peer), PortNames.Of(peer)));
            }
            else if (peer.NamedPorts is { Count: > 0 })
            {
                var index = byIdentity[peer.Identity.Value];
                distinct[index] = distinct[index] with { Names = distinct[index].Names.And(PortNames.Of(peer)) };
            }
        }

        return distinct;
    }
}
