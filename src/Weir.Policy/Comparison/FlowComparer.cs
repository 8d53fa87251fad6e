// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Rules;
using Weir.Net;
using Weir.Policy.Evaluation;

namespace Weir.Policy.Comparison;

/// <summary>Compares what passes between two blocks: every protocol, every port, every request.</summary>
/// <param name="before">Ends of the old policy: egress of the sender and ingress of the receiver, where they are containers.</param>
/// <param name="after">The same ends under the new one.</param>
/// <param name="hasNames">Whether the destination can name its ports.</param>
internal sealed class FlowComparer(ComparedEnd[] before, ComparedEnd[] after, bool hasNames, bool? isIpv6, RequestComparer requests, ComparisonLimits limits)
{
    private readonly EntryOfRule[] _entries = [.. before.Concat(after).SelectMany(end => end.Policy.Entries)];
    private bool _isEverything = true;
    private string? _first;

    /// <summary>Why not all is compared; empty: it is.</summary>
    public string Unproved { get; private set; } = "";

    public List<FlowChange> Run()
    {
        var changes = new List<FlowChange>();
        string[] names = hasNames ? [.. _entries.SelectMany(entry => entry.Entry.Ports ?? []).Select(port => port.Name).OfType<string>().Distinct().Order(StringComparer.Ordinal)] : [];
        foreach (var protocol in PortRegions.Protocols.Append(PortRegions.AnyOther))
        {
            if ((protocol == IpProtocol.Icmp && isIpv6 == true) || (protocol == IpProtocol.Icmpv6 && isIpv6 == false))
            {
                continue;
            }

            var hasPorts = protocol is IpProtocol.Tcp or IpProtocol.Udp or IpProtocol.Sctp;
            foreach (var (first, last) in PortRegions.Of(_entries, PortNames.None, protocol))
            {
                Compare(hasPorts ? names : [], protocol, first, last, changes);
            }
        }

        return _isEverything && changes.Count > 0 ? [changes[0] with { Ports = ComparedPorts.Everything }] : Join(changes);
    }

    /// <summary>A region under each set of names that its port can have at the destination.</summary>
    private void Compare(string[] names, IpProtocol protocol, ushort first, ushort last, List<FlowChange> changes)
    {
        var sets = SetsOf(names);
        FlowChange?[] found = [.. sets.Select(set => Compare(new ComparedPorts(protocol, first, last, [], []), PortNames.Of([.. names.Where((_, i) => Has(set, i))], new NamedPort(first, protocol))))];
        foreach (var kind in found.Select(change => change?.Kind).Distinct())
        {
            _first ??= kind ?? "";
            _isEverything &= _first == (kind ?? "");
        }

        foreach (var same in found.OfType<FlowChange>().GroupBy(change => change.Kind))
        {
            var cubes = Cubes.Cover(sets, i => found[i]?.Kind == same.Key, [.. Enumerable.Range(0, names.Length)], int.MaxValue, out _);
            changes.AddRange(cubes.Select(cube => same.First() with
            {
                Ports = new ComparedPorts(
                    protocol, first, last, [.. cube.Where(name => name.Holds).Select(name => names[name.Literal])], [.. cube.Where(name => !name.Holds).Select(name => names[name.Literal])]),
            }));
        }
    }

    /// <summary>All sets of names; of too many names only those of one.</summary>
    private List<ulong[]> SetsOf(string[] names)
    {
        if (names.Length <= limits.Names)
        {
            return [.. Enumerable.Range(0, 1 << names.Length).Select(set => new[] { (ulong)set })];
        }

        Unproved = $"ports that have several of the {names.Length} names {string.Join(", ", names)} at once";
        var words = (names.Length + 63) / 64;
        return [new ulong[words], .. Enumerable.Range(0, names.Length).Select(name => Enumerable.Range(0, words).Select(word => word == name >> 6 ? 1UL << (name & 63) : 0).ToArray())];
    }

    private static bool Has(ulong[] set, int name) => (set[name >> 6] & (1UL << (name & 63))) != 0;

    /// <summary>Null: nothing changes.</summary>
    private FlowChange? Compare(ComparedPorts ports, PortNames names)
    {
        var (protocol, port) = (ports.Protocol!.Value, ports.First);
        Decision[] old = [.. before.Select(end => end.Policy.Decide(names, protocol, port))];
        Decision[] @new = [.. after.Select(end => end.Policy.Decide(names, protocol, port))];
        var (was, @is) = (RequestsOf(old), RequestsOf(@new));
        var (audit, auditAfter) = (was is null ? "" : PolicyChange.AuditOf(old), @is is null ? "" : PolicyChange.AuditOf(@new));
        if (((was is null && @is is null) || (was is [] && @is is [])) && audit == auditAfter)
        {
            return null;
        }

        var looksAtRequests = was is { Length: > 0 } || @is is { Length: > 0 };
        var difference = looksAtRequests ? requests.Compare(was, @is) : null;
        if (was is { Length: > 0 } && @is is { Length: > 0 } && difference is { Opened: null, Closed: null, Unproved: "" } && audit == auditAfter)
        {
            return null;
        }

        SampleRequest[] examples = [.. new[] { difference?.Opened, difference?.Closed }.Where(example => example is not null).Select(example => RequestComparer.Parse(example!)!)];
        var (said, says) = (new List<string>(), new List<string>());
        for (var i = 0; i < before.Length; i++)
        {
            if (!ComparedEnd.IsSame(old[i], @new[i]))
            {
                said.AddRange(Words(before[i], old[i], names, protocol, port, examples));
                says.AddRange(Words(after[i], @new[i], names, protocol, port, examples));
            }
        }

        return new FlowChange(ports, TextOf(was, audit), TextOf(@is, auditAfter), difference?.Opened, difference?.Closed, [.. said.Distinct()], [.. says.Distinct()], difference?.Unproved ?? "");
    }

    private static IEnumerable<string> Words(ComparedEnd end, Decision decision, PortNames names, IpProtocol protocol, ushort port, SampleRequest[] examples) =>
        examples.Length == 0 ? [end.Describe(decision, names, protocol, port)] : examples.Select(example => end.Describe(decision, names, protocol, port, example));

    /// <summary>What judges requests at both ends, each once; null: the connection is denied.</summary>
    private static HttpPolicy[]? RequestsOf(Decision[] decisions) =>
        Array.TrueForAll(decisions, decision => decision.Allowed)
            ? [.. decisions.Select(decision => decision.Http).OfType<HttpPolicy>().Where(http => !http.IsAudit).DistinctBy(ComparedEnd.MeaningOf)]
            : null;

    private static string TextOf(HttpPolicy[]? requests, string audit) =>
        requests is null ? PolicyChange.Denied
        : requests.Length == 0 ? (audit.Length == 0 ? PolicyChange.Allowed : audit)
        : $"only {string.Join(" and only ", requests.Select(policy => policy.ToString(int.MaxValue)).Distinct())}{(audit.Length == 0 ? "" : $", {audit}")}";

    /// <summary>Regions beside one another with the same change are one.</summary>
    private static List<FlowChange> Join(List<FlowChange> changes)
    {
        var joined = new List<FlowChange>();
        foreach (var change in changes)
        {
            var index = joined.FindLastIndex(earlier => earlier.Kind == change.Kind
                && earlier.Ports.Protocol == change.Ports.Protocol
                && earlier.Ports.Named.SequenceEqual(change.Ports.Named)
                && earlier.Ports.NotNamed.SequenceEqual(change.Ports.NotNamed)
                && PortRegions.Continues(change.Ports.Protocol!.Value, earlier.Ports.Last, change.Ports.First));
            if (index < 0)
            {
                joined.Add(change);
            }
            else
            {
                joined[index] = joined[index] with { Ports = joined[index].Ports with { Last = change.Ports.Last } };
            }
        }

        return joined;
    }
}
