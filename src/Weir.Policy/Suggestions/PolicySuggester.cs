// SPDX-License-Identifier: Apache-2.0
using Weir.Net;
using Weir.Policy.Evaluation;
using Weir.Policy.Replay;

namespace Weir.Policy.Suggestions;

/// <summary>Makes the policy of least privilege that covers what was seen. What it makes depends on the flows alone, not on
/// their order; whether it covers them, the evaluator says.</summary>
public sealed class PolicySuggester
{
    private const int ManyPorts = 16; // who asks for so many, and each hardly ever, looks what there is
    private const int Hardly = 2;
    private const ushort Dns = 53;

    private readonly IReadOnlyList<Label> _subject;
    private readonly SuggestionOptions _options;
    private readonly StableLabels _labels;
    private readonly Dictionary<(PolicyDirection, SuggestedPeer), SuggestedEntry> _entries = [];
    private readonly Dictionary<(string What, string Why), ulong> _leftOut = [];
    private readonly List<SeenFlow> _claimed = [];

    private PolicySuggester(IReadOnlyList<Label> subject, SuggestionOptions options, StableLabels labels)
    {
        _subject = subject;
        _options = options;
        _labels = labels;
    }

    /// <param name="flows">What was seen, the subject's and others'.</param>
    /// <param name="subject">The labels that the policy is for.</param>
    /// <param name="everybody">Containers that labels must tell apart, beside those that were seen.</param>
    public static Suggestion Suggest(IReadOnlyList<SeenFlow> flows, IReadOnlyList<Label> subject, IEnumerable<PolicyPeer> everybody, SuggestionOptions options)
    {
        ArgumentNullException.ThrowIfNull(flows);
        ArgumentNullException.ThrowIfNull(subject);
        ArgumentNullException.ThrowIfNull(options);
        var labels = new StableLabels(flows.SelectMany(flow => new[] { flow.From.Peer, flow.To.Peer }).OfType<PolicyPeer>().Concat(everybody));
        return new PolicySuggester(subject, options, labels).Run(flows);
    }

    /// <summary>Makes the policy that lets one end of a flow allow it.</summary>
    public static Suggestion Allow(SeenFlow flow, PolicyDirection direction, IReadOnlyList<Label> subject, IEnumerable<PolicyPeer> everybody, SuggestionOptions options)
    {
        ArgumentNullException.ThrowIfNull(flow);
        // Of the other end nothing is asked; and who came once is no stranger where somebody asks for him.
        var away = direction == PolicyDirection.Ingress ? flow with { From = flow.From with { IsHere = false } } : flow with { To = flow.To with { IsHere = false } };
        return Suggest([away], subject, everybody, options with { OnlyAllows = true, IncludeDenied = true });
    }

    /// <summary>The labels by which a policy would name a container; empty: it has none that last.</summary>
    public static IReadOnlyList<Label> NameOf(PolicyPeer peer, IEnumerable<PolicyPeer> everybody)
    {
        ArgumentNullException.ThrowIfNull(peer);
        return new StableLabels(everybody.Append(peer)).Of(peer);
    }

    private Suggestion Run(IReadOnlyList<SeenFlow> flows)
    {
        SeenFlow[] own = [.. flows.Where(flow => IsSubject(flow.From) || IsSubject(flow.To))];
        Take(own.Where(flow => IsSubject(flow.To)), PolicyDirection.Ingress);
        Take(own.Where(flow => IsSubject(flow.From)), PolicyDirection.Egress);
        SuggestedEntry[] entries = [.. Joined()];
        if (entries.Length == 0)
        {
            return new Suggestion(_options.Name, "", [], LeftOut(), Sum(own), 0);
        }

        var text = new SuggestionText(_options, _subject, entries);
        var covered = Sum(Covered(text.Body));
        return text.Write(LeftOut(), Sum(own), covered);
    }

    private static ulong Sum(IEnumerable<SeenFlow> flows) => flows.Aggregate(0UL, (sum, flow) => sum + flow.Count);

    private bool IsSubject(SeenEnd end) => end is { IsHere: true, Peer: { } peer } && peer.Identity.IsLabelSet && StableLabels.Fit(_subject, peer);

    private LeftOutFlows[] LeftOut() =>
        [.. _leftOut.Select(left => new LeftOutFlows(left.Key.What, left.Key.Why, left.Value)).OrderByDescending(left => left.Flows).ThenBy(left => left.What, StringComparer.Ordinal).ThenBy(left => left.Why, StringComparer.Ordinal)];

    private void Leave(SeenFlow flow, string why)
    {
        var key = ($"{flow.From.DisplayName} → {flow.To.DisplayName} {flow.PortText}{(flow.Request is { } request ? $" {request.Text}" : "")}", why);
        _leftOut[key] = _leftOut.GetValueOrDefault(key) + flow.Count;
    }

    /// <summary>Sorts the flows of one direction by who the other end is.</summary>
    private void Take(IEnumerable<SeenFlow> flows, PolicyDirection direction)
    {
        SeenEnd OtherOf(SeenFlow flow) => direction == PolicyDirection.Ingress ? flow.From : flow.To;
        List<SeenFlow> taken = [];
        foreach (var flow in flows)
        {
            if (WhyNot(flow, OtherOf(flow)) is { } why)
            {
                Leave(flow, why);
            }
            else
            {
                taken.Add(flow);
            }
        }

        foreach (var scan in direction == PolicyDirection.Egress ? [] : taken.GroupBy(OtherOf).SelectMany(ScansOf).ToList())
        {
            Leave(scan, "it looks like a scan: many ports, and each hardly ever");
            taken.Remove(scan);
        }

        Dictionary<(IpProtocol, ushort), IReadOnlyDictionary<IpPrefix, IpPrefix>?> world = taken.Where(flow => OtherOf(flow).IsOutside).GroupBy(flow => (flow.Protocol, flow.Port))
            .ToDictionary(port => port.Key, port => WorldPrefixes.Of([.. port.Select(flow => OtherOf(flow).Place!).Distinct()]));
        foreach (var group in taken.GroupBy(flow => (Peer: PeerOf(flow, OtherOf(flow), direction, world), flow.Protocol, flow.Port)))
        {
            if (!_entries.TryGetValue((direction, group.Key.Peer), out var entry))
            {
                _entries.Add((direction, group.Key.Peer), entry = new SuggestedEntry(direction, group.Key.Peer));
            }

            entry.Add(group.Key.Protocol, group.Key.Port, [.. group]);
            _claimed.AddRange(group);
        }
    }

    /// <summary>Ports of one who asks for many.</summary>
    private static IEnumerable<SeenFlow> ScansOf(IGrouping<SeenEnd, SeenFlow> peer)
    {
        var ports = peer.GroupBy(flow => (flow.Protocol, flow.Port)).ToList();
        return ports.Count < ManyPorts ? [] : ports.Where(port => Sum(port) <= Hardly).SelectMany(port => port);
    }

    /// <summary>Null: a rule can be made of it.</summary>
    private string? WhyNot(SeenFlow flow, SeenEnd other) =>
        flow.Outcome != SeenOutcome.Passed && !_options.IncludeDenied ? "it was refused: --include-denied takes it in"
        : Evaluator.AlwaysPasses(flow.Protocol, flow.Port) ? "it passes whatever the policy is"
        : flow.Protocol is not (IpProtocol.Tcp or IpProtocol.Udp or IpProtocol.Sctp or IpProtocol.Icmp or IpProtocol.Icmpv6) ? $"rules have no word for protocol {flow.Protocol.Name()}"
        : flow.Request is { } request && request.Path.StartsWith(SeenRequest.Rest) ? "what was asked for is not on record: there was too much at once"
        : other.IsOutside ? WhyNotOutside(flow, other)
        : other.Peer is not { } peer ? "who it was is not on record: its labels were forgotten already"
        : peer.Identity == Identity.Init ? "it was starting, and its labels were not known yet"
        : peer.Identity.IsLabelSet && _labels.Of(peer).Count == 0 ? "it has no label that stays the same: give it one, such as role=…"
        : null;

    private string? WhyNotOutside(SeenFlow flow, SeenEnd other) =>
        other.Place is null ? "its address is not on record: there were too many at once"
        : other == flow.From && flow.Count == 1 && !_options.OnlyAllows ? "a stranger who came once"
        : null;

    private SuggestedPeer PeerOf(
        SeenFlow flow, SeenEnd other, PolicyDirection direction, Dictionary<(IpProtocol, ushort), IReadOnlyDictionary<IpPrefix, IpPrefix>?> world)
    {
        if (direction == PolicyDirection.Egress && !_options.OnlyAllows && flow is { Port: Dns, Protocol: IpProtocol.Udp or IpProtocol.Tcp })
        {
            return SuggestedPeer.Anybody;
        }

        if (other.IsOutside)
        {
            return world[(flow.Protocol, flow.Port)] is { } prefixes ? SuggestedPeer.Of([prefixes[other.Place!]]) : SuggestedPeer.OfEntity("world");
        }

        return other.Peer!.Identity.IsLabelSet ? SuggestedPeer.Of(_labels.Of(other.Peer)) : SuggestedPeer.OfEntity(other.Peer.Identity.ReservedName!);
    }

    /// <summary>Prefixes that may the same are one entry. Names are asked for by all that speak at all.</summary>
    private IEnumerable<SuggestedEntry> Joined()
    {
        var entries = _entries.Values.Where(entry => entry.Peer != SuggestedPeer.Anybody).ToList();
        entries.ForEach(entry => entry.JoinPorts());
        foreach (var same in entries.Where(entry => entry.Peer.Prefixes.Count > 0).GroupBy(entry => (entry.Direction, entry.What)).Where(same => same.Count() > 1).ToList())
        {
            var joined = same.First() with { Peer = SuggestedPeer.Of([.. same.SelectMany(entry => entry.Peer.Prefixes)]) };
            joined.Flows.AddRange(same.Skip(1).SelectMany(entry => entry.Flows));
            entries.RemoveAll(same.Contains);
            entries.Add(joined);
        }

        var names = _entries.GetValueOrDefault((PolicyDirection.Egress, SuggestedPeer.Anybody));
        if (names is not null || (!_options.OnlyAllows && entries.Exists(entry => entry.Direction == PolicyDirection.Egress)))
        {
            var open = new SuggestedEntry(PolicyDirection.Egress, SuggestedPeer.Anybody);
            open.Flows.AddRange(names?.Flows ?? []);
            open.Ports.UnionWith([(IpProtocol.Tcp, Dns, Dns), (IpProtocol.Udp, Dns, Dns)]);
            entries.Add(open);
        }

        return entries.OrderBy(entry => entry.Direction).ThenBy(entry => entry.Peer.Order).ThenBy(entry => entry.Peer.Text, StringComparer.Ordinal).ThenBy(entry => entry.What, StringComparer.Ordinal);
    }

    /// <summary>What the policy allows indeed; the rest is told.</summary>
    private List<SeenFlow> Covered(string yaml)
    {
        var read = PolicyReader.Read("suggested.yaml", yaml);
        if (read.Problems.Any(problem => problem.IsError))
        {
            throw new InvalidOperationException($"a suggested policy cannot be read: {read.Problems[0]}\n{yaml}");
        }

        var replay = new PolicyReplay(new PolicyEngine(PolicySet.Empty.With(read.Documents), EnforcementMode.Default));
        List<SeenFlow> covered = [];
        foreach (var flow in _claimed.Distinct())
        {
            var answer = replay.Explain(flow);
            if (answer.Verdict == ReplayVerdict.Passes)
            {
                covered.Add(flow);
            }
            else
            {
                Leave(flow, answer.Verdict == ReplayVerdict.Unknown ? answer.Why : "the rules that were made of the rest do not allow it");
            }
        }

        return covered;
    }
}
