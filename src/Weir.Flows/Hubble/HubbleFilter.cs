// SPDX-License-Identifier: Apache-2.0

using Weir.Api.Hubble;
using Wanted = Weir.Api.Hubble.FlowFilter;

namespace Weir.Flows.Hubble;

/// <summary>Which flows a client of Hubble's wants: those that pass one of its whitelist, if it has any, and none of its blacklist.</summary>
public sealed class HubbleFilter
{
    private const int MostFilters = 256;
    private const int MostPatterns = 64;

    private readonly IReadOnlyList<Predicate<Flow>[]> _whitelist;
    private readonly IReadOnlyList<Predicate<Flow>[]> _blacklist;

    /// <exception cref="FormatException">One of the filters cannot be understood, or asks for what nobody can tell.</exception>
    public HubbleFilter(IReadOnlyCollection<Wanted> whitelist, IReadOnlyCollection<Wanted> blacklist)
    {
        ArgumentNullException.ThrowIfNull(whitelist);
        ArgumentNullException.ThrowIfNull(blacklist);
        Wanted[] all = [.. whitelist, .. blacklist];
        if (all.Length > MostFilters || all.Sum(filter => filter.HttpPath.Count + filter.HttpUrl.Count) > MostPatterns)
        {
            throw new FormatException($"{MostFilters} filters and {MostPatterns} patterns at most are possible");
        }

        _whitelist = [.. whitelist.Select(HubbleConditions.Of)];
        _blacklist = [.. blacklist.Select(HubbleConditions.Of)];
        int[] events = [.. whitelist.SelectMany(filter => filter.EventType).Select(type => type.Type)];
        bool isEverything = whitelist.Count == 0 || whitelist.Any(filter => filter.EventType.Count == 0);
        Types =
        [
            .. isEverything || events.Contains(HubbleWriter.DropEvent) ? [Api.FlowType.Drop] : Array.Empty<Api.FlowType>(),
            .. isEverything || events.Contains(HubbleWriter.VerdictEvent) ? [Api.FlowType.Verdict] : Array.Empty<Api.FlowType>(),
            .. isEverything || events.Contains(HubbleWriter.RequestEvent) ? [Api.FlowType.L7] : Array.Empty<Api.FlowType>(),
            .. events.Contains(HubbleWriter.SocketEvent) ? [Api.FlowType.Tcp] : Array.Empty<Api.FlowType>(),
            .. events.Contains(HubbleWriter.TraceEvent) ? [Api.FlowType.Trace] : Array.Empty<Api.FlowType>(),
        ];
    }

    /// <summary>What can pass; single packets only where they are asked for, since each then costs an event, and ends of connections, which
    /// tell again of what began.</summary>
    public IReadOnlyList<Api.FlowType> Types { get; }

    public bool Matches(Flow flow) =>
        (_whitelist.Count == 0 || _whitelist.Any(conditions => Array.TrueForAll(conditions, condition => condition(flow))))
        && !_blacklist.Any(conditions => Array.TrueForAll(conditions, condition => condition(flow)));
}
