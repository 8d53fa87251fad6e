// SPDX-License-Identifier: Apache-2.0

using Weir.Api;
using Weir.Control.Endpoints;
using Weir.Control.Policies;
using Weir.Flows;
using Weir.Policy;
using Weir.Policy.Replay;
using Weir.Policy.Suggestions;

namespace Weir.Control.Replaying;

/// <summary>Questions about what is on record. Changes nothing, and waits for no change.</summary>
public sealed class ReplayDesk
{
    private readonly PolicyDesk _desk;
    private readonly PolicyManager _policies;
    private readonly EndpointManager _endpoints;

    internal ReplayDesk(PolicyDesk desk, PolicyManager policies, EndpointManager endpoints)
    {
        _desk = desk;
        _policies = policies;
        _endpoints = endpoints;
    }

    /// <summary>Judges what is on record by a policy that is not in force.</summary>
    /// <param name="recorded">Read once.</param>
    /// <param name="mode">What is recorded now.</param>
    /// <exception cref="ControlException">A policy of <see cref="PolicyDraft.Without"/> is not there.</exception>
    public TriedPolicy Try(PolicyDraft draft, IEnumerable<RecordedFlow> recorded, RecordMode mode)
    {
        ArgumentNullException.ThrowIfNull(draft);
        ArgumentNullException.ThrowIfNull(recorded);
        var (after, problems, documents) = _desk.Read(draft);
        if (after is null)
        {
            return new TriedPolicy(problems, documents);
        }

        PolicyEngine now = _policies.Engine;
        return Try(new PolicyEngine(after, now.Mode), now, SeenFlows.Of(recorded), new TriedPolicy(problems, documents) { Notes = NotesOn(mode, "what would be refused") });
    }

    /// <summary>Makes the policy that allows what is on record.</summary>
    /// <param name="subject">Labels, a container's name, or a service of Compose.</param>
    /// <exception cref="ControlException">It is nobody.</exception>
    public Suggestion Suggest(string subject, string name, bool includeDenied, IEnumerable<RecordedFlow> recorded)
    {
        ArgumentNullException.ThrowIfNull(subject);
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(recorded);
        SeenFlow[] flows = [.. SeenFlows.Of(recorded).All().Select(flow => flow.Seen)];
        var finder = new SubjectFinder(_endpoints.Attached, flows);
        IReadOnlyList<Label> labels = finder.Find(subject);
        var options = new SuggestionOptions(name.Length > 0 ? name : NameFor(labels), $"for {string.Join(",", labels.Select(label => $"{label.Key}={label.Value}"))}") { IncludeDenied = includeDenied };
        return PolicySuggester.Suggest(flows, labels, finder.Everybody, options);
    }

    /// <summary>Makes the policies that allow one flow, one for each end that denies it.</summary>
    /// <exception cref="ControlException">It is none that a rule could allow.</exception>
    public IReadOnlyList<Suggestion> SuggestFor(Flow flow, string name)
    {
        ArgumentNullException.ThrowIfNull(flow);
        ArgumentNullException.ThrowIfNull(name);
        var recorded = new RecordedFlow { Flow = flow, Last = flow.Time, Count = 1 };
        if (SeenFlows.Of([recorded]).All() is not [var (seen, _, _)])
        {
            throw new ControlException("policy had no say in this flow: no rule would change what became of it");
        }

        PolicyEngine now = _policies.Engine;
        // Once is enough here: somebody asks for just this one.
        seen = seen with { Count = 1 };
        List<Suggestion> made = [];
        foreach (var (end, other, direction) in new[] { (seen.From, seen.To, PolicyDirection.Egress), (seen.To, seen.From, PolicyDirection.Ingress) }.Where(side => side.Item1.IsHere))
        {
            if (end.Peer is not { } subject || !Denies(now, seen, end, other, direction))
            {
                continue;
            }

            IReadOnlyList<Label> labels = PolicySuggester.NameOf(subject, _endpoints.Attached.Select(_policies.Peers.Of));
            if (labels.Count == 0)
            {
                throw new ControlException($"{end.DisplayName} has no label that stays the same: give it one, such as role=…, and select it by that");
            }

            var options = new SuggestionOptions(name.Length > 0 ? name : NameFor(labels) + "-" + direction.ToString().ToLowerInvariant(), $"for one flow, {seen.From.DisplayName} → {seen.To.DisplayName} {seen.PortText}")
            {
                IncludeDenied = true,
                OnlyAllows = true,
            };
            made.Add(PolicySuggester.Allow(seen, direction, labels, _endpoints.Attached.Select(_policies.Peers.Of), options));
        }

        return made.Count > 0 ? made : throw new ControlException("the policy in force allows this flow already");
    }

    private static bool Denies(PolicyEngine engine, SeenFlow flow, SeenEnd end, SeenEnd other, PolicyDirection direction)
    {
        // The other end has no say in this.
        SeenEnd away = other with { IsHere = false };
        SeenFlow asked = direction == PolicyDirection.Egress ? flow with { From = end, To = away } : flow with { From = away, To = end };
        ReplayAnswer answer = new PolicyReplay(engine).Explain(asked);
        if (answer.End?.Decision.ByDenyRule == true)
        {
            throw new ControlException($"{answer.Why}: a rule that allows it does not lift that; change the rule that denies");
        }

        return answer.Verdict != ReplayVerdict.Passes;
    }

    private static string NameFor(IReadOnlyList<Label> labels)
    {
        string text = string.Join('-', labels.Select(label => label.Value.Length > 0 ? label.Value : label.Key));
        string plain = new string([.. text.ToLowerInvariant().Select(c => char.IsAsciiLetterOrDigit(c) ? c : '-')]).Trim('-');
        return "suggested-" + (plain.Length == 0 ? "policy" : plain);
    }

    internal static TriedPolicy Try(PolicyEngine draft, PolicyEngine now, SeenFlows seen, TriedPolicy answer)
    {
        var replay = new PolicyReplay(draft);
        var present = new PolicyReplay(now);
        (ReplayAnswer Answer, bool IsSameNow) Explain(SeenFlow flow) => (replay.Explain(flow), present.Judge(flow) == replay.Judge(flow));
        ulong unchanged = 0;
        DateTimeOffset first = DateTimeOffset.MaxValue, last = DateTimeOffset.MinValue;
        Dictionary<(TriedOutcome, string From, string To, string Port, string Request), TriedGroup> groups = [];
        foreach (var (flow, from, to) in seen.All())
        {
            first = flow.First < first ? flow.First : first;
            last = flow.Last > last ? flow.Last : last;
            ReplayVerdict verdict = replay.Judge(flow);
            if (OutcomeOf(flow.Outcome, verdict) is not { } outcome)
            {
                unchanged += flow.Count;
                continue;
            }

            var key = (outcome, flow.From.DisplayName, flow.To.DisplayName, flow.PortText, flow.Request?.Text ?? "");
            groups[key] = groups.TryGetValue(key, out TriedGroup? group)
                ? group with { Count = group.Count + flow.Count, First = flow.First < group.First ? flow.First : group.First, Last = flow.Last > group.Last ? flow.Last : group.Last }
                : new TriedGroup(outcome, flow, from, to, flow.Count, flow.First, flow.Last, Explain);
        }

        return answer with
        {
            Groups = [.. groups.Values.OrderBy(group => group.Outcome).ThenByDescending(group => group.Count).ThenBy(group => group.Seen.From.DisplayName, StringComparer.Ordinal).ThenBy(group => group.Seen.To.DisplayName, StringComparer.Ordinal).ThenBy(group => group.Seen.Port)],
            Unchanged = unchanged,
            Span = last == DateTimeOffset.MinValue ? null : (first, last),
            Notes = [.. answer.Notes, .. seen.LeftOut == 0 ? Array.Empty<string>() : [$"{seen.LeftOut} flows were not judged: {SeenFlows.Most} different ones are told apart; ask for a shorter time"]],
        };
    }

    /// <summary>What is not on record, and so cannot be judged.</summary>
    /// <param name="wanted">For what more would be needed.</param>
    public static IReadOnlyList<string> NotesOn(RecordMode mode, string wanted) => mode switch
    {
        RecordMode.All => [],
        RecordMode.Flows => [$"the record holds denied flows and TCP connections that ended, no requests that were allowed and no UDP: set record: all in /etc/weir/agent.yaml to see {wanted}"],
        RecordMode.Off => [$"nothing is recorded now: set record: all in /etc/weir/agent.yaml to see {wanted}"],
        _ => [$"the record holds denied flows only: set record: all in /etc/weir/agent.yaml to see {wanted}"],
    };

    private static TriedOutcome? OutcomeOf(SeenOutcome before, ReplayVerdict after) => after switch
    {
        ReplayVerdict.Unknown => TriedOutcome.Unknown,
        ReplayVerdict.Refused when before == SeenOutcome.Passed => TriedOutcome.Refused,
        ReplayVerdict.Passes when before != SeenOutcome.Passed => TriedOutcome.Allowed,
        _ => null,
    };
}
