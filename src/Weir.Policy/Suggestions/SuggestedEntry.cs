// SPDX-License-Identifier: Apache-2.0
using Weir.Net;
using Weir.Policy.Replay;

namespace Weir.Policy.Suggestions;

/// <summary>What one peer may do, and the flows that say so.</summary>
internal sealed record SuggestedEntry(PolicyDirection Direction, SuggestedPeer Peer)
{
    public SortedSet<(IpProtocol Protocol, ushort First, ushort Last)> Ports { get; } = [];

    /// <summary>Types of ICMP, which stand for themselves.</summary>
    public SortedSet<(IpProtocol Protocol, byte Type)> Icmp { get; } = [];

    /// <summary>By port: methods by path.</summary>
    public SortedDictionary<ushort, SortedDictionary<string, SortedSet<string>>> Requests { get; } = [];

    public List<SeenFlow> Flows { get; } = [];

    /// <summary>Equal for entries that allow the same.</summary>
    public string What => $"{string.Join(' ', Ports)} {string.Join(' ', Icmp)} {string.Join(' ', RequestTexts)}";

    public IEnumerable<string> RequestTexts => Requests.SelectMany(port => port.Value.Select(path => $"{string.Join('|', path.Value)} {path.Key}"));

    public string PortTexts => string.Join(", ",
    [
        .. Ports.Select(port => $"{port.First}{(port.Last > port.First ? $"-{port.Last}" : "")}/{port.Protocol.Name()}"),
        .. Requests.Keys.Select(port => $"{port}/tcp"),
        .. Icmp.Select(icmp => $"{icmp.Protocol.Name()} type {icmp.Type}"),
    ]);

    public ulong Count => Flows.Aggregate(0UL, (sum, flow) => sum + flow.Count);

    public DateTimeOffset First => Flows.Min(flow => flow.First);

    public DateTimeOffset Last => Flows.Max(flow => flow.Last);

    /// <summary>Allows what the flows did, all of one port.</summary>
    public void Add(IpProtocol protocol, ushort port, IReadOnlyList<SeenFlow> flows)
    {
        Flows.AddRange(flows);
        if (protocol is IpProtocol.Icmp or IpProtocol.Icmpv6)
        {
            Icmp.Add((protocol, (byte)(port >> 8)));
            return;
        }

        SeenRequest[] requests = [.. flows.Select(flow => flow.Request).OfType<SeenRequest>().Distinct()];
        var patterns = PathPatterns.Of(requests);
        if (requests.Length == 0 || patterns.Values.All(pattern => pattern is null))
        {
            Ports.Add((protocol, port, port));
            return;
        }

        var paths = Requests[port] = new SortedDictionary<string, SortedSet<string>>(StringComparer.Ordinal);
        foreach (var pattern in patterns.Values.OfType<RequestPattern>())
        {
            if (!paths.TryGetValue(pattern.Path, out var methods))
            {
                paths.Add(pattern.Path, methods = new SortedSet<string>(StringComparer.Ordinal));
            }

            methods.Add(pattern.Method);
        }
    }

    /// <summary>Ports that follow one another are one range; so are very many of them.</summary>
    public void JoinPorts()
    {
        const int MostPorts = 32;
        foreach (var protocol in Ports.Select(port => port.Protocol).Distinct().ToList())
        {
            var own = Ports.Where(port => port.Protocol == protocol).ToList();
            Ports.RemoveWhere(port => port.Protocol == protocol);
            var ranges = new List<(IpProtocol Protocol, ushort First, ushort Last)>();
            foreach (var port in own)
            {
                if (ranges.Count > 0 && (port.First == ranges[^1].Last + 1 || (own.Count > MostPorts && ranges[^1].First >= 1024)))
                {
                    ranges[^1] = ranges[^1] with { Last = port.Last };
                }
                else
                {
                    ranges.Add(port);
                }
            }

            Ports.UnionWith(ranges);
        }
    }
}
