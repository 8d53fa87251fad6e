// SPDX-License-Identifier: Apache-2.0
using System.Runtime.CompilerServices;
using Weir.Http.Rules;
using Weir.Net;
using Weir.Policy.Testing;

namespace Weir.Policy.Replay;

/// <summary>Asks a policy what it would have made of flows that were seen, with the labels of then. It decides as for the
/// datapath; what is not on record and could matter is never guessed. For one thread.</summary>
public sealed class PolicyReplay(PolicyEngine engine)
{
    private const string OnPortsAndDoors = "no rule lets in who comes from outside: whether a published port or its network would, is not on record";
    private const string OnRequests = "the policy judges its requests, and they are not on record: they did not go through the proxy then";

    private readonly RequestJudge _requests = new();
    private readonly Dictionary<IpPrefix, IReadOnlyList<PolicyPeer>> _outside = [];
    private readonly Dictionary<Question, Decision> _decisions = new(Question.Comparer);

    public PolicyEngine Engine { get; } = engine;

    /// <summary>The verdict alone.</summary>
    public ReplayVerdict Judge(SeenFlow flow) => Ask(flow, withWords: false).Verdict;

    /// <summary>The verdict with its reasons.</summary>
    public ReplayAnswer Explain(SeenFlow flow) => Ask(flow, withWords: true);

    private static bool IsDoor(SeenFlow flow, Decision ingress) => flow.From.IsOutside && ingress.RuleId == 0;

    private static bool AllowsSome(Decision decision) => decision.Http is null or { IsAudit: true } || RequestJudge.AllowsEverything(decision.Http);

    /// <summary>Of several peers that an end can have been, all must say the same.</summary>
    private ReplayAnswer Ask(SeenFlow flow, bool withWords)
    {
        ArgumentNullException.ThrowIfNull(flow);
        ReplayAnswer? first = null;
        foreach (var from in PeersOf(flow.From))
        {
            foreach (var to in PeersOf(flow.To))
            {
                if (IsOf(from, to))
                {
                    var answer = Ask(flow, from, to, withWords);
                    if (first is not null && first.Verdict != answer.Verdict)
                    {
                        return ReplayAnswer.Unknown("the policy tells addresses apart that the record does not");
                    }

                    first ??= answer;
                }
            }
        }

        return first ?? ReplayAnswer.Unknown("nobody knows any more who it was: the record has no labels of one of its ends");
    }

    /// <summary>Whether the two can have met: not a world of IPv4 and one of IPv6.</summary>
    private static bool IsOf(PolicyPeer from, PolicyPeer to) =>
        !((TestParty.IsOf(from, isIpv6: true) && TestParty.IsOf(to, isIpv6: false)) || (TestParty.IsOf(from, isIpv6: false) && TestParty.IsOf(to, isIpv6: true)));

    private ReplayAnswer Ask(SeenFlow flow, PolicyPeer from, PolicyPeer to, bool withWords)
    {
        // As the datapath: each end judges that is a container of this host.
        var egress = flow.From.IsHere ? Decide(new Question(from, to, PolicyDirection.Egress, flow.Protocol, flow.Port)) : Decision.NotEnforced;
        var ingress = flow.To.IsHere ? Decide(new Question(to, from, PolicyDirection.Ingress, flow.Protocol, flow.Port)) : Decision.NotEnforced;
        if (!egress.Allowed || !ingress.Allowed)
        {
            return !withWords ? ReplayAnswer.Refused : Words(ReplayVerdict.Refused, flow, from, to, isEgress: !egress.Allowed, null);
        }

        if (flow.To.IsHere && IsDoor(flow, ingress))
        {
            if (flow.Outcome == SeenOutcome.DoorClosed)
            {
                return !withWords ? ReplayAnswer.Refused : new ReplayAnswer(ReplayVerdict.Refused, "ingress: no rule lets in who comes from outside, and neither did a published port or its network", null);
            }

            if (flow.ByRuleOfIngress || flow.Outcome == SeenOutcome.Denied)
            {
                return ReplayAnswer.Unknown(OnPortsAndDoors);
            }
        }

        HttpPolicy[] policies = [.. new[] { egress.Http, ingress.Http }.OfType<HttpPolicy>().Where(http => !http.IsAudit)];
        if (policies.Length == 0)
        {
            return Passes(flow, from, to, egress, withWords, null);
        }

        if (flow.Request is not { } request)
        {
            // Of one that was denied, that it can be opened is what changes.
            return flow.HasRequests || flow.Outcome != SeenOutcome.Passed || (AllowsSome(egress) && AllowsSome(ingress))
                ? Passes(flow, from, to, egress, withWords, null)
                : ReplayAnswer.Unknown(OnRequests);
        }

        var verdict = _requests.Judge(policies, request);
        if (verdict == ReplayVerdict.Unknown)
        {
            return ReplayAnswer.Unknown($"{request.Text} can be of requests that pass and of others: {string.Join("; ", policies.Select(Engine.Describe))}");
        }

        if (verdict == ReplayVerdict.Passes || !withWords)
        {
            return verdict == ReplayVerdict.Refused ? ReplayAnswer.Refused : Passes(flow, from, to, egress, withWords, request);
        }

        var byEgress = egress.Http is { IsAudit: false } own && _requests.Judge([own], request) == ReplayVerdict.Refused;
        return Words(verdict, flow, from, to, byEgress, $"{(byEgress ? "egress" : "ingress")}: {request.Text} is refused with 403: {Engine.Describe((byEgress ? egress : ingress).Http!)}");
    }

    private ReplayAnswer Passes(SeenFlow flow, PolicyPeer from, PolicyPeer to, Decision egress, bool withWords, SeenRequest? request) =>
        // Where it is let in is what people ask about, unless only the other end has a say.
        !withWords ? ReplayAnswer.Passes : Words(ReplayVerdict.Passes, flow, from, to, isEgress: !flow.To.IsHere || (egress.Http is { IsAudit: false } && request is not null), null);

    private ReplayAnswer Words(ReplayVerdict verdict, SeenFlow flow, PolicyPeer from, PolicyPeer to, bool isEgress, string? why)
    {
        var explanation = Engine.Explain(from, to, flow.Protocol, flow.Port);
        var end = isEgress ? explanation.Egress : explanation.Ingress;
        return new ReplayAnswer(verdict, why ?? end.Text, end);
    }

    /// <summary>Of a pair many flows are on record.</summary>
    private Decision Decide(Question question)
    {
        const int MostKept = 200_000;
        if (!_decisions.TryGetValue(question, out var decision))
        {
            if (_decisions.Count >= MostKept)
            {
                _decisions.Clear();
            }

            decision = Engine.Decide(question.Subject, question.Peer, question.Direction, question.Protocol, question.Port);
            _decisions.Add(question, decision);
        }

        return decision;
    }

    /// <summary>Everybody whom this policy can take it for.</summary>
    private IReadOnlyList<PolicyPeer> PeersOf(SeenEnd end) =>
        end.Peer is { } peer ? [peer]
        : !end.IsOutside ? []
        : end.Place is { } place ? Outside(place)
        : [.. Outside(new IpPrefix(System.Net.IPAddress.Any, 0)), .. Outside(new IpPrefix(System.Net.IPAddress.IPv6Any, 0))];

    private IReadOnlyList<PolicyPeer> Outside(IpPrefix place)
    {
        if (!_outside.TryGetValue(place, out var peers))
        {
            peers = TestParty.Outside("", place).PeersUnder(Engine.Set);
            _outside.Add(place, peers);
        }

        return peers;
    }

    private readonly record struct Question(PolicyPeer Subject, PolicyPeer Peer, PolicyDirection Direction, IpProtocol Protocol, ushort Port)
    {
        public static IEqualityComparer<Question> Comparer { get; } = new ByReference();

        /// <summary>One object stands for one peer here: its labels need not be read again.</summary>
        private sealed class ByReference : IEqualityComparer<Question>
        {
            public bool Equals(Question x, Question y) =>
                ReferenceEquals(x.Subject, y.Subject) && ReferenceEquals(x.Peer, y.Peer) && x.Direction == y.Direction && x.Protocol == y.Protocol && x.Port == y.Port;

            public int GetHashCode(Question obj) =>
                HashCode.Combine(RuntimeHelpers.GetHashCode(obj.Subject), RuntimeHelpers.GetHashCode(obj.Peer), obj.Direction, obj.Protocol, obj.Port);
        }
    }
}
