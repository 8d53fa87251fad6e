// SPDX-License-Identifier: Apache-2.0
using Weir.Net;

namespace Weir.Policy;

/// <summary>
/// Connections whose answer changes. <paramref name="Protocol"/> null: with <paramref name="IsEverything"/>
/// every protocol and port, else every protocol that rules cannot name. Ports are the destination's, for
/// ICMP type &lt;&lt; 8 | code. Answers are "allowed", "denied", "only GET /public", "audited" (allowed, and rules
/// in audit would have denied it) or "audited unless GET /public".
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
    internal const string Audited = "audited";

    /// <summary>Whether anything passed before.</summary>
    public bool AllowedBefore => Before != Denied;

    /// <summary>Whether anything passes afterwards.</summary>
    public bool AllowedAfter => After != Denied;

    /// <summary>The protocol and ports: "80/tcp", "1-1023/udp", "icmp type 8", "everything".</summary>
    public string Ports =>
        IsEverything ? "everything"
        : Protocol is { } protocol ? new PortSelector(protocol, FirstPort, LastPort).ToString()
        : "other protocols";

    /// <summary>What rules in audit say of a connection that passes: "audited", "audited unless GET /public"; "": nothing.</summary>
    internal static string AuditOf(IEnumerable<Decision> decisions)
    {
        string[] requests = [.. decisions.Select(decision => decision.Http).Where(http => http is { IsAudit: true })
            .Select(http => string.Join(", ", http!.Allowances.Select(allowance => allowance.Rule!.ToString()).Distinct().Order(StringComparer.Ordinal))).Distinct().Order(StringComparer.Ordinal)];
        return decisions.Any(decision => decision.Audited is not null) ? Audited
            : requests.Length == 0 ? ""
            : $"{Audited} unless {string.Join(" and ", requests)}";
    }

    /// <summary>"web → api 80/tcp: denied → allowed".</summary>
    public override string ToString() => $"{From.Name} → {To.Name} {Ports}: {Before} → {After}";
}
