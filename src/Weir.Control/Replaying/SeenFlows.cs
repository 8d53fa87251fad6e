// SPDX-License-Identifier: Apache-2.0

using Weir.Api;
using Weir.Datapath.Abi;
using Weir.Flows;
using Weir.Net;
using Weir.Policy;
using Weir.Policy.Replay;

namespace Weir.Control.Replaying;

/// <summary>Flows of the record as policy sees them: those that policy judged, summed up over the whole time.</summary>
internal sealed class SeenFlows
{
    /// <summary>Different ones; further ones are left out, and that is said.</summary>
    internal const int Most = 300_000;

    private static readonly HashSet<string> _denied = [DropReasons.Name(DropReason.PolicyDenied), DropReasons.Name(DropReason.PolicyDenyRule)];
    private static readonly HashSet<string> _closed = [DropReasons.Name(DropReason.NotPublished), DropReasons.Name(DropReason.NotRouted)];

    private readonly Dictionary<EndKey, int> _numbers = [];
    private readonly Dictionary<FlowEnd, int> _lately = new(ReferenceEqualityComparer.Instance);
    private readonly List<SeenEnd> _ends = [];
    private readonly List<FlowEnd> _recorded = []; // the same as on record
    private readonly Dictionary<Key, Sum> _sums = [];
    private readonly HashSet<(int From, int To, ushort Port)> _withRequests = [];

    /// <summary>Flows that were too many to tell apart.</summary>
    internal ulong LeftOut { get; private set; }

    /// <summary>Whether anything that passed is among them.</summary>
    internal bool HasPassed { get; private set; }

    internal static SeenFlows Of(IEnumerable<RecordedFlow> recorded)
    {
        var seen = new SeenFlows();
        foreach (RecordedFlow flow in recorded)
        {
            seen.Add(flow);
        }

        return seen;
    }

    /// <summary>Each with its ends as they are on record.</summary>
    internal IReadOnlyList<(SeenFlow Seen, FlowEnd From, FlowEnd To)> All() =>
    [
        .. _sums.Select(pair => (
            new SeenFlow(_ends[pair.Key.From], _ends[pair.Key.To], pair.Key.Protocol, pair.Key.Port, pair.Value.Request, pair.Key.Outcome)
            {
                ByRuleOfIngress = pair.Key.ByRule && pair.Key.Outcome == SeenOutcome.Passed,
                HasRequests = pair.Value.Request is null && _withRequests.Contains((pair.Key.From, pair.Key.To, pair.Key.Port)),
                Count = pair.Value.Count,
                First = pair.Value.First,
                Last = pair.Value.Last,
            },
            _recorded[pair.Key.From],
            _recorded[pair.Key.To])),
    ];

    internal void Add(RecordedFlow recorded)
    {
        Flow flow = recorded.Flow;
        if (OutcomeOf(flow) is not { } outcome || flow.Source is null || flow.Destination is null || !IpProtocolNames.TryParse(flow.Protocol, out IpProtocol protocol))
        {
            return;
        }

        var (opener, other) = flow.Reply ? (flow.Destination, flow.Source) : (flow.Source, flow.Destination);
        var (from, to) = (NumberOf(opener), NumberOf(other));
        ushort port = protocol is IpProtocol.Icmp or IpProtocol.Icmpv6 ? IcmpOf(flow.Port) : (ushort)other.Port;
        HttpAccess? http = flow.Http;
        var key = new Key(from, to, protocol, port, http?.Method ?? "", http?.Path ?? "", http?.Host ?? "", outcome, flow is { Rule: not null, Verdict: not "audited" } && _ends[from].IsOutside);
        HasPassed |= outcome == SeenOutcome.Passed;
        if (http is not null)
        {
            _withRequests.Add((from, to, port));
        }

        if (!_sums.TryGetValue(key, out Sum? sum))
        {
            if (_sums.Count >= Most)
            {
                LeftOut += recorded.Count;
                return;
            }

            _sums.Add(key, sum = new Sum(http is null ? null : new SeenRequest(http.Method, http.Path, http.Host)));
        }

        sum.Add(recorded);
    }

    /// <summary>Null: policy had no say, or it is told by another.</summary>
    private static SeenOutcome? OutcomeOf(Flow flow) => flow.Type switch
    {
        FlowType.Verdict => flow.Verdict is "allowed" or "audited" ? SeenOutcome.Passed : null, // what is denied is told as a drop
        FlowType.Tcp => SeenOutcome.Passed,
        FlowType.Drop => _denied.Contains(flow.DropReason) ? SeenOutcome.Denied : _closed.Contains(flow.DropReason) ? SeenOutcome.DoorClosed : null,
        FlowType.L7 when flow.Http is { Method.Length: > 0 } http => http.Verdict switch
        {
            "allowed" or "audited" or "failed" => SeenOutcome.Passed,
            "refused" => SeenOutcome.Denied,
            _ => null,
        },
        _ => null,
    };

    /// <summary>Of "icmp type 8": the code is not on record.</summary>
    private static ushort IcmpOf(string text) => (ushort)(byte.TryParse(text.AsSpan(text.LastIndexOf(' ') + 1), out byte type) ? type << 8 : 0);

    /// <summary>Flows of one segment of the record share their ends: one object is looked at once.</summary>
    private int NumberOf(FlowEnd end)
    {
        const int MostKept = 16_384;
        if (!_lately.TryGetValue(end, out int number))
        {
            if (_lately.Count >= MostKept)
            {
                _lately.Clear();
            }

            _lately.Add(end, number = Find(end));
        }

        return number;
    }

    private int Find(FlowEnd end)
    {
        var identity = new Identity(end.Identity);
        var key = new EndKey(end.Identity, end.EndpointId, end.Name, identity.IsWorld ? end.Ip : "");
        if (_numbers.TryGetValue(key, out int number) && _recorded[number].Labels.Equals(end.Labels))
        {
            return number;
        }

        // A number can be given again, for other labels.
        _numbers[key] = number = _ends.Count;
        _ends.Add(Read(end, identity));
        _recorded.Add(new FlowEnd(end) { Port = 0 }); // it is at several
        return number;
    }

    private static SeenEnd Read(FlowEnd end, Identity identity)
    {
        IpPrefix? place = identity.IsWorld && IpPrefix.TryParse(end.Ip, out IpPrefix? prefix) ? prefix : null;
        return new SeenEnd(end.Name, identity.IsWorld ? null : PeerOf(end, identity), identity.IsWorld, place, end.EndpointId != 0);
    }

    /// <summary>Null: the labels of its number were forgotten when the flow was written down.</summary>
    private static PolicyPeer? PeerOf(FlowEnd end, Identity identity)
    {
        if (!identity.IsLabelSet)
        {
            return identity == Identity.Unknown ? null : PolicyPeer.ForReserved(identity);
        }

        Label[] labels = [.. end.Labels.Select(text => Label.TryParse(text, out Label? label) ? label : null).OfType<Label>()];
        if (labels is [{ Source: LabelSources.Reserved } nobody] && nobody.Key == $"{identity.Value}")
        {
            return null;
        }

        var set = new LabelSet(labels);
        return new PolicyPeer(identity, set, NamedPortLabels.Read(set));
    }

    private readonly record struct EndKey(uint Identity, uint Endpoint, string Name, string Ip);

    private readonly record struct Key(int From, int To, IpProtocol Protocol, ushort Port, string Method, string Path, string Host, SeenOutcome Outcome, bool ByRule);

    private sealed class Sum(SeenRequest? request)
    {
        private ulong _told;
        private ulong _ended;

        internal SeenRequest? Request { get; } = request;

        /// <summary>A connection may be told of twice: when it began, and when it ended.</summary>
        internal ulong Count => Math.Max(_told, _ended);

        internal DateTimeOffset First { get; private set; } = DateTimeOffset.MaxValue;

        internal DateTimeOffset Last { get; private set; }

        internal void Add(RecordedFlow recorded)
        {
            _told += recorded.Flow.Type == FlowType.Tcp ? 0 : recorded.Count;
            _ended += recorded.Flow.Type == FlowType.Tcp ? recorded.Count : 0;
            DateTimeOffset first = recorded.Flow.Time.ToDateTimeOffset(), last = recorded.Last.ToDateTimeOffset();
            First = first < First ? first : First;
            Last = last > Last ? last : Last;
        }
    }
}
