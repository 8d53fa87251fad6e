// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Reading;

/// <summary>
/// Objects that are no policy of Weir's. Those that also say who may talk to whom are refused, so that nobody
/// believes them in force; the others of a file (deployments, services) are nobody's business here.
/// </summary>
internal static class ForeignKinds
{
    private const string CalicoHint = "write a NetworkPolicy of networking.k8s.io/v1, or for a GlobalNetworkPolicy a CiliumClusterwideNetworkPolicy";

    private static readonly Dictionary<string, string> _refused = new(StringComparer.OrdinalIgnoreCase)
    {
        ["AdminNetworkPolicy"] = "Weir has no tiers: write a CiliumClusterwideNetworkPolicy; what it denies under ingressDeny or egressDeny wins over every allow",
        ["BaselineAdminNetworkPolicy"] = "Weir has no tiers: write a CiliumClusterwideNetworkPolicy",
        ["ClusterNetworkPolicy"] = "Weir has no tiers: write a CiliumClusterwideNetworkPolicy; what it denies under ingressDeny or egressDeny wins over every allow",
        ["CiliumCIDRGroup"] = "write its prefixes where they are used, under fromCIDRSet or toCIDRSet",
        ["CiliumEgressGatewayPolicy"] = "Weir has no egress gateways",
        ["CiliumLocalRedirectPolicy"] = "Weir redirects nothing by policy; 'weir service' balances to backends",
        ["CiliumEnvoyConfig"] = "there is no Envoy; http rules stand in a policy's toPorts",
        ["CiliumClusterwideEnvoyConfig"] = "there is no Envoy; http rules stand in a policy's toPorts",
        ["GlobalNetworkPolicy"] = CalicoHint,
        ["StagedNetworkPolicy"] = CalicoHint,
        ["GlobalNetworkSet"] = "write its prefixes where they are used, under fromCIDRSet or toCIDRSet",
        ["NetworkSet"] = "write its prefixes where they are used, under fromCIDRSet or toCIDRSet",
        ["AuthorizationPolicy"] = "http rules stand in the toPorts of a CiliumNetworkPolicy",
    };

    /// <summary>Why an object is refused; null: it says nothing about who may talk to whom.</summary>
    public static string? Refusal(string version, string kind)
    {
        var group = version.Contains('/', StringComparison.Ordinal) ? version[..version.IndexOf('/', StringComparison.Ordinal)] : "";
        var hint = _refused.GetValueOrDefault(kind)
            ?? (group.EndsWith("projectcalico.org", StringComparison.Ordinal) ? CalicoHint : null)
            ?? (kind.EndsWith("NetworkPolicy", StringComparison.OrdinalIgnoreCase) ? "write a NetworkPolicy, a CiliumNetworkPolicy or a CiliumClusterwideNetworkPolicy" : null);
        return hint is null ? null : $"kind {kind} ({version}) is not enforced by Weir; the file is refused, so that nobody relies on it. {char.ToUpperInvariant(hint[0])}{hint[1..]}";
    }
}
