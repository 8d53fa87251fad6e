// SPDX-License-Identifier: Apache-2.0
using Weir.Net;

namespace Weir.Policy;

/// <summary>
/// Connections whose answer changes. <paramref name="Protocol"/> null: with <paramref name="IsEverything"/>
/// every protocol and port, else every protocol that rules cannot name. Ports are the destination's, for
/// ICMP type &lt;&lt; 8 | code.
/// </summary>
public sealed record PolicyChange(
    NamedPeer From,
    NamedPeer To,
    IpProtocol? Protocol,
    ushort FirstPort,
    ushort LastPort,
    bool IsEverything,
    bool AllowedBefore,
    bool AllowedAfter)
{
    /// <summary>The protocol and ports: "80/tcp", "1-1023/udp", "icmp type 8", "everything".</summary>
    public string Ports =>
        IsEverything ? "everything"
        : Protocol is { } protocol ? new PortSelector(protocol, FirstPort, LastPort).ToString()
        : "other protocols";

    /// <summary>"web → api 80/tcp: denied → allowed".</summary>
    public override string ToString() => $"{From.Name} → {To.Name} {Ports}: {Word(AllowedBefore)} → {Word(AllowedAfter)}";

    private static string Word(bool allowed) => allowed ? "allowed" : "denied";
}
