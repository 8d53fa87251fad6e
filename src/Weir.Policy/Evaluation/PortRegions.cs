// SPDX-License-Identifier: Apache-2.0
using Weir.Net;

namespace Weir.Policy.Evaluation;

/// <summary>Cuts the ports of a protocol where the entries' answers can change.</summary>
internal static class PortRegions
{
    /// <summary>The protocols that rules can speak of; all others are alike to every rule.</summary>
    public static IReadOnlyList<IpProtocol> Protocols { get; } =
        [IpProtocol.Icmp, IpProtocol.Tcp, IpProtocol.Udp, IpProtocol.Icmpv6, IpProtocol.Sctp];

    /// <summary>Stands for all protocols rules cannot speak of. 255 is reserved (RFC 3692 keeps 253 and 254).</summary>
    public const IpProtocol AnyOther = (IpProtocol)255;

    /// <summary>First ports of the regions, ascending, 0 first: inside a region every port is decided alike.</summary>
    public static List<int> Starts(ReadOnlySpan<EntryOfRule> entries, PortNames names, IpProtocol protocol)
    {
        var starts = new List<int> { 0 };
        if (protocol == IpProtocol.Icmp)
        {
            Add(starts, 0x0304, 0x0304);
        }
        else if (protocol == IpProtocol.Icmpv6)
        {
            Add(starts, 0x0200, 0x02ff);
        }

        foreach (ref readonly var entry in entries)
        {
            if (entry.Entry.Ports is { } ports)
            {
                AddPorts(starts, ports, names, protocol);
            }
        }

        starts.Sort();
        var kept = 0;
        for (var i = 0; i < starts.Count; i++)
        {
            if (starts[i] <= ushort.MaxValue && (kept == 0 || starts[i] != starts[kept - 1]))
            {
                starts[kept++] = starts[i];
            }
        }

        starts.RemoveRange(kept, starts.Count - kept);
        return starts;
    }

    /// <summary>The regions themselves, without those that pass whatever rules say.</summary>
    public static IEnumerable<(ushort First, ushort Last)> Of(EntryOfRule[] entries, PortNames names, IpProtocol protocol)
    {
        var starts = Starts(entries, names, protocol);
        for (var i = 0; i < starts.Count; i++)
        {
            if (!Evaluator.AlwaysPasses(protocol, (ushort)starts[i]))
            {
                yield return ((ushort)starts[i], (ushort)(i + 1 < starts.Count ? starts[i + 1] - 1 : ushort.MaxValue));
            }
        }
    }

    /// <summary>Whether nothing but ports that pass whatever rules say is between two regions.</summary>
    public static bool Continues(IpProtocol protocol, ushort last, ushort first) =>
        last + 1 == first
        || (Evaluator.AlwaysPasses(protocol, (ushort)(last + 1)) && Evaluator.AlwaysPasses(protocol, (ushort)(first - 1)) && (last + 1) >> 8 == (first - 1) >> 8);

    private static void AddPorts(List<int> starts, IReadOnlyList<PortSelector> ports, PortNames names, IpProtocol protocol)
    {
        for (var i = 0; i < ports.Count; i++)
        {
            var selector = ports[i];
            if (selector.Name is null)
            {
                if (selector.Protocol == protocol)
                {
                    Add(starts, selector.First, selector.Last);
                }

                continue;
            }

            foreach (var port in names.Resolve(selector))
            {
                if (port.Protocol == protocol)
                {
                    Add(starts, port.Port, port.Port);
                }
            }
        }
    }

    private static void Add(List<int> starts, int first, int last)
    {
        starts.Add(first);
        starts.Add(last + 1);
    }
}
