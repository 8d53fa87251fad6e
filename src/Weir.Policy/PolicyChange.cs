// SPDX-License-Identifier: Apache-2.0
using Weir.Net;

namespace Weir.Policy;

/// <summary>
/// Connections whose answer changes. <paramref name="Protocol"/> null: with <paramref name="IsEverything"/>
/// every protocol and port, else every protocol that rules cannot name. Ports are the destination's, for
/// ICMP type &lt;&lt; 8 | code. Answers are "allowed", "denied" or "only GET /public".
/// </summary>
public sealed record PolicyChange(
    NamedPeer From,
    NamedPeer To,
    IpProtocol? Protocol,
    ushort FirstPort,
    ushort LastPort,
    bool IsEverything,
    string Before,
    string After)
{
    internal const string Allowed = "allowed";
    internal const string Denied = "denied";

    /// <summary>Whether anything passed before.</summary>
    public bool AllowedBefore => Before != Denied;

    /// <summary>Whether anything passes afterwards.</summary>
    public bool AllowedAfter => After != Denied;

    /// <summary>The protocol and ports: "80/tcp", "1-1023/udp", "icmp type 8", "everything".</summary>
    public string Ports =>
        IsEverything ? "everything"
        : Protocol is { } protocol ? new PortSelector(protocol, FirstPort, LastPort).ToString()
        : "other protocols";

    /// <summary>"web → api 80/tcp: denied → allowed".</summary>
    public override string ToString() => $"{From.Name} → {To.Name} {Ports}: {Before} → {After}";
}
