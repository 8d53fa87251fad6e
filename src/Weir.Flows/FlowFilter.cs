// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Api;
using Weir.Net;

namespace Weir.Flows;

/// <summary>Which flows a caller wants. Conditions of one kind are alternatives, kinds must all hold.</summary>
public sealed class FlowFilter
{
    private readonly MonitorRequest _request;
    private readonly HashSet<FlowType> _types;
    private readonly HashSet<uint> _ports;
    private readonly HashSet<string> _verdicts;
    private readonly IReadOnlyList<Func<FlowEnd, bool>> _from;
    private readonly IReadOnlyList<Func<FlowEnd, bool>> _to;
    private readonly IReadOnlyList<Func<FlowEnd, bool>> _relatedTo;

    public FlowFilter(MonitorRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        _request = request;
        _types = request.Types_.Count > 0 ? [.. request.Types_] : [FlowType.Drop, FlowType.Verdict, FlowType.L7];
        _ports = [.. request.Ports];
        _verdicts = [.. request.Verdicts];
        _from = [.. request.From.Select(Condition)];
        _to = [.. request.To.Select(Condition)];
        _relatedTo = [.. request.RelatedTo.Select(Condition)];
    }

    /// <summary>What the record takes.</summary>
    internal static FlowFilter ForRecord(RecordMode mode) => mode switch
    {
        RecordMode.All => new FlowFilter(new MonitorRequest { Types_ = { FlowType.Drop, FlowType.Verdict, FlowType.L7, FlowType.Tcp } }),
        RecordMode.Flows => new FlowFilter(new MonitorRequest { Types_ = { FlowType.Drop, FlowType.L7, FlowType.Tcp } }) { IsForDenied = true },
        _ => new FlowFilter(new MonitorRequest { Types_ = { FlowType.Drop, FlowType.L7 } }) { IsForDenied = true },
    };

    /// <summary>What somebody asks of the record: of every type, where he names none.</summary>
    public static FlowFilter OfRecord(MonitorRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return new FlowFilter(request.Types_.Count > 0 ? request : new MonitorRequest(request) { Types_ = { FlowType.Drop, FlowType.Verdict, FlowType.L7, FlowType.Tcp } });
    }

    /// <summary>Whether only what is refused is wanted, or audited: that is told anyway.</summary>
    internal bool IsForDenied { get; private init; }

    /// <summary>Whether it wants flows or requests that pass, which are told only while somebody does.</summary>
    internal bool WantsAllowed => !IsForDenied && (_verdicts.Count == 0 || _verdicts.Contains("allowed"));

    /// <summary>Whether flows of a type can pass at all: the datapath need not report the others.</summary>
    public bool Wants(FlowType type) => _types.Contains(type);

    /// <summary>Whether it can pass, as far as is known before it is decoded.</summary>
    internal bool Wants(in FlowRecord record) => IsForDenied
        ? record.IsAudited || (Wants(record.Type) && record.Access is not { Verdict: AccessVerdict.Allowed })
        : Wants(record.Type);

    public bool Matches(Flow flow)
    {
        ArgumentNullException.ThrowIfNull(flow);
        return MatchesBesideEnds(flow, flow.Source, flow.Destination) && Fit(FitsOf(flow.Source), FitsOf(flow.Destination));
    }

    /// <summary>Whether a flow's type, verdict and port are wanted.</summary>
    internal bool MatchesBesideEnds(Flow flow, FlowEnd? source, FlowEnd? destination) =>
        _types.Contains(flow.Type)
        && (_verdicts.Count == 0 || _verdicts.Contains(flow.Verdict))
        && (_ports.Count == 0 || _ports.Contains((flow.Reply ? source : destination)?.Port ?? uint.MaxValue));

    /// <summary>What an end can be of a flow that is wanted.</summary>
    internal EndFits FitsOf(FlowEnd? end) =>
        (Holds(_from, end) ? EndFits.Source : 0) | (Holds(_to, end) ? EndFits.Destination : 0) | (Holds(_relatedTo, end) ? EndFits.Either : 0);

    /// <summary>Whether two ends can be those of a flow that is wanted.</summary>
    internal static bool Fit(EndFits source, EndFits destination) =>
        (source & EndFits.Source) != 0 && (destination & EndFits.Destination) != 0 && ((source | destination) & EndFits.Either) != 0;

    /// <summary>Which of the conditions nobody fulfils who is there now: of containers alone, since addresses, prefixes
    /// and reserved names are always somebody's.</summary>
    /// <returns>As they were asked for: "--from nobody".</returns>
    public IEnumerable<string> FindNobody(IEnumerable<FlowEnd> containers)
    {
        FlowEnd[] known = [.. containers];
        return new[] { ("--from", _request.From), ("--to", _request.To), ("--related-to", _request.RelatedTo) }
            .SelectMany(kind => kind.Item2.Select(text => (Option: kind.Item1, Text: text)))
            .Where(asked => !IpPrefix.TryParse(asked.Text, out _) && !Identity.TryParseReserved(asked.Text, out _) && !known.Any(Condition(asked.Text)))
            .Select(asked => $"{asked.Option} {asked.Text}");
    }

    private static bool Holds(IReadOnlyList<Func<FlowEnd, bool>> conditions, FlowEnd? end) =>
        conditions.Count == 0 || (end is not null && conditions.Any(condition => condition(end)));

    /// <summary>A prefix or address, an endpoint's number, labels, a reserved name, else the name of a container or of a
    /// service of Compose.</summary>
    private static Func<FlowEnd, bool> Condition(string text)
    {
        if (IpPrefix.TryParse(text, out IpPrefix? prefix))
        {
            return end => IPAddress.TryParse(end.Ip, out IPAddress? address) && prefix.Contains(address);
        }

        if (ushort.TryParse(text, out ushort id))
        {
            return end => end.EndpointId == id;
        }

        if (text.Contains('=', StringComparison.Ordinal))
        {
            // "k8s:" is how Cilium's users write a workload's own labels.
            string[] wanted = [.. text.Split(',').Select(label => label.StartsWith("k8s:", StringComparison.Ordinal) ? label["k8s:".Length..] : label)];
            return end => wanted.All(label => end.Labels.Any(l => l == label || l.EndsWith(":" + label, StringComparison.Ordinal)));
        }

        return Identity.TryParseReserved(text, out Identity identity)
            ? end => end.Identity == identity.Value || end.Labels.Contains("reserved:" + identity.ReservedName)
            : end => end.Name == text || end.Labels.Contains("container:com.docker.compose.service=" + text);
    }
}
