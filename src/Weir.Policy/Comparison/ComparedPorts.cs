// SPDX-License-Identifier: Apache-2.0
using Weir.Net;
using Weir.Policy.Evaluation;

namespace Weir.Policy.Comparison;

/// <summary>
/// Ports of a destination. <paramref name="Protocol"/> null: every protocol and port. <paramref name="Named"/> and
/// <paramref name="NotNamed"/>: only where the destination gives the port these names, and not those.
/// </summary>
public sealed record ComparedPorts(IpProtocol? Protocol, ushort First, ushort Last, IReadOnlyList<string> Named, IReadOnlyList<string> NotNamed)
{
    internal static ComparedPorts Everything { get; } = new(null, 0, ushort.MaxValue, [], []);

    /// <summary>"80/tcp", "1-1023/udp", "icmp type 8", "http/tcp", "80/tcp not named http", "everything".</summary>
    public override string ToString()
    {
        if (Protocol is not { } protocol)
        {
            return "everything";
        }

        if (protocol == PortRegions.AnyOther)
        {
            return "other protocols";
        }

        var isWhole = First == 0 && Last == ushort.MaxValue;
        string[] conditions = [.. Named.Skip(isWhole ? 1 : 0).Select(name => $"named {name}"), .. NotNamed.Select(name => $"not named {name}")];
        var ports = isWhole && Named.Count > 0 ? $"{Named[0]}/{protocol.Name()}" : new PortSelector(protocol, First, Last).ToString();
        return conditions.Length == 0 ? ports : $"{ports} {string.Join(" and ", conditions)}";
    }
}
